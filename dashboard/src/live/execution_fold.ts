/**
 * What an execution's events amount to: node runs, suspensions, log lines, files. One event at a time and in order, so that ten
 * thousand cost no more than ten thousand. A record (a run, a suspension) is replaced when it changes and never written to, so
 * that whoever draws it can tell by `===`; the lists and maps around them are written to.
 */
import type { ExecutionEvent, Schemas, StreamEvent } from "@sluicegate/sdk";

import { endSpan, nextSpans, type Span, spansOf } from "./spans";

export type { Span } from "./spans";

export type EventOf<Type extends ExecutionEvent["type"]> = Extract<ExecutionEvent, { type: Type }>;
export type NodeStatus = Schemas["NodeStatus"];
export type ExecutionStatus = Schemas["ExecutionStatus"];

/** One run of a node. A node in a loop has one per item. */
export interface NodeRun {
  /** Its path inside loops, else its node's id: what the API calls its address. */
  readonly address: string;
  readonly nodeId: string;
  readonly path: string | undefined;
  readonly status: NodeStatus;
  readonly attempt: number;
  readonly startedAt: string | undefined;
  readonly finishedAt: string | undefined;
  readonly durationMs: number | undefined;
  readonly branch: string | undefined;
  readonly output: unknown;
  readonly error: Schemas["Failure"] | undefined;
  /** Its result was taken over from the execution that this one replays. */
  readonly reused: boolean;
  /** Its result was given by who replayed. */
  readonly pinned: boolean;
  /** Its result is the node's mock. */
  readonly mocked: boolean;
  readonly transparent: boolean;
  readonly reason: string | undefined;
  readonly childExecutionId: string | undefined;
  /** The items of a loop. */
  readonly items: readonly unknown[] | undefined;
  readonly retryAt: string | undefined;
  readonly resumeAt: string | undefined;
  /** What it did with its time: attempts, and the waits in and between them. */
  readonly spans: readonly Span[];
  readonly text: string;
  readonly reasoning: string;
  /** The calls of tools, as they are written. */
  readonly tool: string;
  readonly progress: { readonly at: number; readonly of: number | undefined; readonly note: string } | undefined;
  readonly task: EventOf<"task_update"> | undefined;
  /** The position of the event that changed it last. */
  readonly seq: number;
}

/** The runs of one node. */
export interface NodeRuns {
  readonly nodeId: string;
  /** How many runs there are in each state. */
  readonly counts: Readonly<Partial<Record<NodeStatus, number>>>;
  readonly total: number;
  /** The run that was touched last: the only one at the top level. */
  readonly latest: NodeRun;
  /** What is to be said about all of them: what fails or runs comes before what is over. */
  readonly status: NodeStatus;
  /** The ports that any of them finished through; null stands for the default one. */
  readonly ports: ReadonlySet<string | null>;
}

/** A suspension and what has happened to it. */
export interface SuspensionRecord {
  readonly id: string;
  readonly interrupt: Schemas["Interrupt"];
  readonly state: Schemas["SuspensionState"];
  readonly decision: Schemas["Decision"] | undefined;
  readonly updates: readonly EventOf<"suspension_update">[];
}

/** The state of one execution. */
export interface ExecutionState {
  status: ExecutionStatus | undefined;
  lastSeq: number;
  /** In the order in which they began. */
  runs: Map<string, NodeRun>;
  nodes: Map<string, NodeRuns>;
  suspensions: Map<string, SuspensionRecord>;
  logs: EventOf<"node_log">[];
  actions: EventOf<"node_action">[];
  artifacts: EventOf<"node_artifact">[];
  events: ExecutionEvent[];
  /** Its states so far. */
  statuses: EventOf<"execution_status">[];
  /** The event that ended it. */
  terminal: ExecutionEvent | undefined;
  error: Schemas["Failure"] | undefined;
  output: unknown;
  /** The compensation nodes that have run because the execution has failed or was cancelled, by their addresses. */
  compensation: Schemas["Compensation"] | undefined;
  /** Events that retention has removed; what they amounted to came as a snapshot. */
  gap: { from: number; to: number } | undefined;
  /** States up to here came from a snapshot: older events only fill the log. */
  snapshotSeq: number;
}

export function emptyState(): ExecutionState {
  return {
    status: undefined,
    lastSeq: 0,
    runs: new Map(),
    nodes: new Map(),
    suspensions: new Map(),
    logs: [],
    actions: [],
    artifacts: [],
    events: [],
    statuses: [],
    terminal: undefined,
    error: undefined,
    output: undefined,
    compensation: undefined,
    gap: undefined,
    snapshotSeq: 0,
  };
}

/** Whether nothing more will come. */
export function isFinal(status: string | undefined): boolean {
  return status === "completed" || status === "failed" || status === "cancelled" || status === "skipped";
}

/** Takes in the next event. What is not newer than what is known changes nothing. */
export function fold(state: ExecutionState, event: StreamEvent): void {
  if (event.type === "stream_gap") {
    state.gap = { from: event.from, to: event.to };
    state.lastSeq = Math.max(state.lastSeq, event.to);
    return;
  }
  if (event.type === "stream_snapshot") {
    if (event.execution) {
      foldSnapshot(state, event.execution);
    }
    return;
  }
  if (event.seq <= state.lastSeq) {
    return;
  }
  state.lastSeq = event.seq;
  state.events.push(event);
  const isOld = event.seq <= state.snapshotSeq;
  switch (event.type) {
    case "execution_status":
      state.statuses.push(event);
      if (!isOld) {
        state.status = event.status;
        state.error = event.error ?? state.error;
      }
      break;
    case "node_update":
      if (!isOld) {
        setRun(state, updated(state.runs.get(event.path ?? event.nodeId), event));
      }
      break;
    case "node_delta":
      foldDelta(state, event);
      break;
    case "task_update": {
      const run = state.runs.get(event.path ?? event.nodeId);
      if (run && !isOld) {
        setRun(state, { ...run, task: event, seq: event.seq });
      }
      break;
    }
    case "node_log":
      state.logs.push(event);
      break;
    case "node_action":
      state.actions.push(event);
      break;
    case "node_artifact":
      state.artifacts.push(event);
      break;
    case "execution_suspended":
      if (!state.suspensions.has(event.interrupt.suspensionId)) {
        const id = event.interrupt.suspensionId;
        state.suspensions.set(id, { id, interrupt: event.interrupt, state: "open", decision: undefined, updates: [] });
      }
      break;
    case "suspension_update":
      foldSuspension(state, event);
      break;
    case "execution_complete":
    case "execution_failed":
    case "execution_cancelled":
    case "execution_skipped":
      foldEnd(state, event);
      break;
  }
}

const LAST_STATUS = {
  execution_complete: "completed",
  execution_failed: "failed",
  execution_cancelled: "cancelled",
  execution_skipped: "skipped",
} as const;

function foldEnd(state: ExecutionState, event: EventOf<keyof typeof LAST_STATUS>): void {
  state.terminal = event;
  state.status = LAST_STATUS[event.type];
  if (event.type === "execution_complete") {
    state.output = event.output;
  } else if (event.type === "execution_failed") {
    state.error = event.error;
  }
  if (event.type === "execution_failed" || event.type === "execution_cancelled") {
    state.compensation = event.compensation ?? undefined;
  }
  for (const node of event.nodes) {
    const address = node.path ?? node.nodeId;
    const run = state.runs.get(address);
    if (!run || run.status !== node.status) {
      setRun(state, fromState(node, event.seq, run));
    }
  }
  const at = Date.parse(event.at);
  for (const run of state.runs.values()) {
    if (run.spans.at(-1)?.to === undefined && run.spans.length > 0) {
      setRun(state, { ...run, spans: endSpan(run.spans, at) });
    }
  }
}

function foldDelta(state: ExecutionState, event: EventOf<"node_delta">): void {
  const run = state.runs.get(event.path ?? event.nodeId);
  if (!run) {
    return;
  }
  if (event.channel === "progress") {
    const progress = { at: event.progress ?? 0, of: event.progressMax ?? undefined, note: event.delta };
    setRun(state, { ...run, progress, seq: event.seq });
  } else {
    setRun(state, { ...run, [event.channel]: run[event.channel] + event.delta, seq: event.seq });
  }
}

function foldSuspension(state: ExecutionState, event: EventOf<"suspension_update">): void {
  const record = state.suspensions.get(event.suspensionId);
  if (record) {
    const decision = event.decision ?? record.decision;
    state.suspensions.set(record.id, { ...record, state: event.state, decision, updates: [...record.updates, event] });
  }
}

function foldSnapshot(state: ExecutionState, execution: Schemas["Execution"]): void {
  if (execution.lastSeq < state.lastSeq || execution.lastSeq <= state.snapshotSeq) {
    return;
  }
  state.snapshotSeq = execution.lastSeq;
  state.status = execution.status;
  state.error = execution.error ?? undefined;
  state.output = execution.output ?? undefined;
  for (const node of execution.nodes ?? []) {
    setRun(state, fromState(node, execution.lastSeq, state.runs.get(node.path ?? node.nodeId)));
  }
  for (const suspension of execution.suspensions ?? []) {
    const { id, interrupt, decision } = suspension;
    const updates = state.suspensions.get(id)?.updates ?? [];
    state.suspensions.set(id, { id, interrupt, state: suspension.state, decision: decision ?? undefined, updates });
  }
}

/** The run after a `node_update`. */
function updated(old: NodeRun | undefined, event: EventOf<"node_update">): NodeRun {
  const { nodeId, path, attempt, status } = event;
  const isOver = isFinal(status);
  return {
    address: path ?? nodeId,
    nodeId,
    path: path ?? undefined,
    status,
    attempt,
    startedAt: old?.startedAt ?? (attempt > 0 ? event.at : undefined),
    finishedAt: isOver ? event.at : undefined,
    durationMs: event.durationMs ?? undefined,
    branch: event.branch ?? undefined,
    output: event.output,
    error: event.error ?? undefined,
    reused: event.reused ?? false,
    pinned: event.pinned ?? false,
    mocked: event.mocked ?? false,
    transparent: event.transparent ?? false,
    reason: event.reason ?? undefined,
    childExecutionId: event.childExecutionId ?? old?.childExecutionId,
    items: event.items ?? old?.items,
    retryAt: event.retryAt ?? undefined,
    resumeAt: event.resumeAt ?? undefined,
    spans: nextSpans(old?.spans ?? [], event),
    // What a new attempt writes is its own.
    text: old?.attempt === attempt ? old.text : "",
    reasoning: old?.attempt === attempt ? old.reasoning : "",
    tool: old?.attempt === attempt ? old.tool : "",
    progress: old?.attempt === attempt ? old.progress : undefined,
    task: old?.task,
    seq: event.seq,
  };
}

/** The run as the API has stored it. */
function fromState(node: Schemas["NodeState"], seq: number, old: NodeRun | undefined): NodeRun {
  return {
    address: node.path ?? node.nodeId,
    nodeId: node.nodeId,
    path: node.path ?? undefined,
    status: node.status,
    attempt: node.attempt,
    startedAt: node.startedAt ?? undefined,
    finishedAt: node.finishedAt ?? undefined,
    durationMs: node.durationMs ?? undefined,
    branch: node.branch ?? undefined,
    output: node.output ?? old?.output,
    error: node.error ?? undefined,
    reused: node.reused ?? false,
    pinned: old?.pinned ?? false,
    mocked: old?.mocked ?? false,
    transparent: old?.transparent ?? false,
    reason: node.reason ?? undefined,
    childExecutionId: node.childExecutionId ?? undefined,
    items: old?.items,
    retryAt: undefined,
    resumeAt: undefined,
    spans: old?.spans.length ? old.spans : spansOf(node),
    text: old?.text ?? "",
    reasoning: old?.reasoning ?? "",
    tool: old?.tool ?? "",
    progress: old?.progress,
    task: old?.task,
    seq,
  };
}

/** The port by which a run has gone on; null is the default one, undefined none. */
function portOf({ status, branch, transparent, reason }: NodeRun): string | null | undefined {
  // What was passed over by its condition hands on; what was skipped with all behind it does not.
  const hasGoneOn = status === "completed" || (status === "skipped" && (transparent || reason !== undefined)) || branch !== undefined;
  return hasGoneOn ? (branch ?? null) : undefined;
}

/** What counts most among the runs of a node. */
const ORDER: readonly NodeStatus[] = ["running", "retrying", "suspended", "failed", "cancelled", "completed", "skipped"];

function setRun(state: ExecutionState, run: NodeRun): void {
  const old = state.runs.get(run.address);
  state.runs.set(run.address, run);
  const known = state.nodes.get(run.nodeId);
  const counts = { ...known?.counts };
  if (old) {
    counts[old.status] = (counts[old.status] ?? 1) - 1;
  }
  counts[run.status] = (counts[run.status] ?? 0) + 1;
  const port = portOf(run);
  const isKnownPort = port === undefined || known?.ports.has(port);
  const ports = isKnownPort ? (known?.ports ?? new Set<string | null>()) : new Set([...(known?.ports ?? []), port]);
  const status = ORDER.find((status) => counts[status]) ?? run.status;
  state.nodes.set(run.nodeId, { nodeId: run.nodeId, counts, total: (known?.total ?? 0) + (old ? 0 : 1), latest: run, status, ports });
}
