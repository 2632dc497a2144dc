/** What stands on the graph of an execution: cards, loops around their bodies, remarks. Each looks at its own state alone. */
import { Handle, type NodeProps, Position } from "@xyflow/react";
import { createContext, memo, type ReactNode, useContext, useSyncExternalStore } from "react";

import { isFinal, type NodeRuns } from "../live/execution_fold";
import { UNDO_IN, UNDO_OUT } from "./compensation";
import type { NodeDefinition } from "./flow";
import classes from "./flow.module.css";
import { NodeCard, nodeName, type NodeStanding } from "./node_card";

/** What is said of a node in place of how it stands, such as what a replay would do with it. */
export interface NodeNote {
  text: string;
  /** The sign at its side. */
  sign: ReactNode;
  /** Whose colours it has. */
  status: string;
}

/** What changes while the graph stays: told to the nodes that it concerns, past React Flow. */
export class FlowStates {
  #states: ReadonlyMap<string, NodeRuns> | undefined;
  #notes: ReadonlyMap<string, NodeNote> | undefined;
  #selected: string | null = null;
  onSelect: (nodeId: string) => void = () => undefined;
  onFocus: (nodeId: string) => void = () => undefined;
  readonly #listeners = new Set<() => void>();

  set(states: ReadonlyMap<string, NodeRuns> | undefined, notes: ReadonlyMap<string, NodeNote> | undefined, selected: string | null): void {
    this.#states = states;
    this.#notes = notes;
    this.#selected = selected;
    for (const listener of this.#listeners) {
      listener();
    }
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  get isLive(): boolean {
    return this.#states !== undefined;
  }
  runsOf(nodeId: string): NodeRuns | undefined {
    return this.#states?.get(nodeId);
  }
  noteOf(nodeId: string): NodeNote | undefined {
    return this.#notes?.get(nodeId);
  }
  isSelected(nodeId: string): boolean {
    return this.#selected === nodeId;
  }
}

export const FlowStatesContext = createContext(new FlowStates());

/** How a node stands, from its runs. */
export function standingOf(runs: NodeRuns | undefined): NodeStanding {
  if (!runs) {
    return { status: "idle" };
  }
  const { latest, status, total, counts } = runs;
  const done = (counts.completed ?? 0) + (counts.failed ?? 0) + (counts.cancelled ?? 0) + (counts.skipped ?? 0);
  const isOne = total === 1;
  return {
    status,
    durationMs: isOne && isFinal(status) && status !== "skipped" ? latest.durationMs : undefined,
    startedAt: latest.startedAt,
    attempt: isOne ? latest.attempt : undefined,
    runs: isOne ? undefined : { total, done },
    reused: isOne && latest.reused,
    pinned: isOne && latest.pinned,
    mocked: latest.mocked,
    progress: isOne && latest.progress?.of ? latest.progress.at / latest.progress.of : undefined,
  };
}

function useNode(id: string) {
  const states = useContext(FlowStatesContext);
  const runs = useSyncExternalStore(states.subscribe, () => states.runsOf(id));
  const note = useSyncExternalStore(states.subscribe, () => states.noteOf(id));
  const isSelected = useSyncExternalStore(states.subscribe, () => states.isSelected(id));
  const standing: NodeStanding | undefined = states.isLive ? standingOf(runs) : note && { status: note.status };
  return { states, note, isSelected, standing };
}

interface FlowNodeData {
  node: NodeDefinition;
  isUndone: boolean;
  isUndoer: boolean;
}
type FlowNodeProps = NodeProps & { data: FlowNodeData };

function Ports({ data }: { data: FlowNodeData }) {
  return (
    <>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <Handle type="source" position={Position.Right} isConnectable={false} />
      {data.isUndoer && <Handle className={classes["undoPort"]} type="target" id={UNDO_IN} position={Position.Top} isConnectable={false} />}
      {data.isUndone && <Handle className={classes["undoPort"]} type="source" id={UNDO_OUT} position={Position.Bottom} isConnectable={false} />}
    </>
  );
}

export const CardNode = memo(function CardNode({ id, data }: FlowNodeProps) {
  const { node } = data;
  const { states, note, isSelected, standing } = useNode(id);
  const type = node.type ?? "";
  const name = nodeName(node);
  return (
    <>
      <button
        type="button"
        className={classes["button"]}
        data-node={id}
        aria-pressed={isSelected}
        onClick={() => states.onSelect(id)}
        onFocus={(event) => event.currentTarget.matches(":focus-visible") && states.onFocus(id)}
      >
        <NodeCard type={type} name={name} standing={standing} isSelected={isSelected} note={note?.text} sign={note?.sign} />
      </button>
      <Ports data={data} />
    </>
  );
});

/** A loop with a body: its card is the title of a box around what is in it. */
export const LoopNode = memo(function LoopNode({ id, data }: FlowNodeProps) {
  const { node } = data;
  const { states, note, isSelected, standing } = useNode(id);
  const name = nodeName(node);
  return (
    <div className={classes["loop"]} data-status={standing?.status ?? "none"} data-selected={isSelected || undefined}>
      <button
        type="button"
        className={classes["title"]}
        data-node={id}
        aria-pressed={isSelected}
        onClick={() => states.onSelect(id)}
        onFocus={(event) => event.currentTarget.matches(":focus-visible") && states.onFocus(id)}
      >
        <NodeCard type="loop" name={name} standing={standing} note={note?.text} sign={note?.sign} />
      </button>
      <Ports data={data} />
    </div>
  );
});

export const NoteNode = memo(function NoteNode({ data: { node } }: FlowNodeProps) {
  const text = node.data?.["text"];
  return <div className={classes["note"]}>{typeof text === "string" ? text : ""}</div>;
});
