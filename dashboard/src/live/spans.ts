/** What a node run did with its time: pieces with a beginning and perhaps an end, in milliseconds since 1970. */
import type { Schemas } from "@sluicegate/sdk";

/**
 * `active`: an attempt is at work. `waiting`: for a person, a timer, a child execution. `retrying`: until the next attempt.
 */
export type SpanKind = "active" | "waiting" | "retrying";

export interface Span {
  readonly kind: SpanKind;
  readonly attempt: number;
  readonly from: number;
  /** Missing while it goes on. */
  readonly to: number | undefined;
  /** How an attempt ended. */
  readonly status: Schemas["NodeStatus"];
}

type Update = Pick<Schemas["NodeUpdateEvent"], "attempt" | "at" | "status" | "error">;

const KINDS: Partial<Record<Schemas["NodeStatus"], SpanKind>> = { running: "active", suspended: "waiting", retrying: "retrying" };

/** The last piece has an end. */
export function endSpan(spans: readonly Span[], to: number, status?: Schemas["NodeStatus"]): readonly Span[] {
  const last = spans.at(-1);
  return last && last.to === undefined ? [...spans.slice(0, -1), { ...last, to, status: status ?? last.status }] : spans;
}

/** The pieces after an update. */
export function nextSpans(spans: readonly Span[], { attempt, at, status }: Update): readonly Span[] {
  const now = Date.parse(at);
  const kind = KINDS[status];
  const last = spans.at(-1);
  if (last && last.to === undefined && kind === last.kind && last.attempt === attempt) {
    return spans;
  }
  // What is tried again has failed.
  const closed = endSpan(spans, now, status === "retrying" ? "failed" : kind ? undefined : status);
  if (kind) {
    return [...closed, { kind, attempt, from: now, to: undefined, status }];
  }
  // Taken over or pinned: it has a moment, and no length.
  return closed.length === 0 && status !== "skipped" ? [{ kind: "active", attempt, from: now, to: now, status }] : closed;
}

/** The pieces of a run of which only its ends are known. */
export function spansOf(node: Schemas["NodeState"]): readonly Span[] {
  if (!node.startedAt) {
    return [];
  }
  const from = Date.parse(node.startedAt);
  const to = node.finishedAt ? Date.parse(node.finishedAt) : undefined;
  return [{ kind: KINDS[node.status] ?? "active", attempt: node.attempt, from, to, status: node.status }];
}
