/** Which edges an execution has gone along. */
import type { Definition } from "@sluicegate/sdk";

import type { NodeRuns } from "../live/execution_fold";

/** `active`: what it leads to is at work. `waiting`: it waits, perhaps for weeks. `skipped`: its source is done and has not taken it. */
export type EdgeState = "none" | "idle" | "taken" | "active" | "waiting" | "skipped";

type Node = Definition["nodes"][number];
export type Edge = NonNullable<Definition["edges"]>[number];

/** How a line of compensation stands: by what undoes alone. */
export function undoState({ target }: { target: string }, states: ReadonlyMap<string, NodeRuns> | undefined): EdgeState {
  switch (states?.get(target)?.status) {
    case undefined:
    case "skipped":
      return states ? "idle" : "none";
    case "running":
      return "active";
    case "suspended":
    case "retrying":
      return "waiting";
    default:
      return "taken";
  }
}

/** An id for each edge, also where a definition that was not saved yet has none. */
export function edgeId(edge: Edge, index: number): string {
  return edge.id ?? `${index} ${edge.source} ${edge.sourceHandle ?? ""} ${edge.target}`;
}

/** The port's one name: edges may leave it out, or use another word for it. */
function portName(node: Node | undefined, port: string | null | undefined): string {
  if (node?.type === "if-else" && (port === "true" || port === "false")) {
    return port === "true" ? "if" : "else";
  }
  return port || (node?.type === "approval-gate" ? "approved" : "default");
}

export function edgeState(edge: Edge, nodes: ReadonlyMap<string, Node>, states: ReadonlyMap<string, NodeRuns> | undefined): EdgeState {
  if (!states) {
    return "none";
  }
  const source = states.get(edge.source);
  if (!source) {
    return "idle";
  }
  const node = nodes.get(edge.source);
  const wanted = portName(node, edge.sourceHandle);
  const hasFailedOn = source.status === "failed" && node?.data?.["onError"] === "continue" && wanted === "default";
  if (hasFailedOn || [...source.ports].some((port) => portName(node, port) === wanted)) {
    const target = states.get(edge.target)?.status;
    return target === "running" ? "active" : target === "suspended" || target === "retrying" ? "waiting" : "taken";
  }
  const isAtWork = source.status === "running" || source.status === "suspended" || source.status === "retrying";
  return isAtWork ? "idle" : "skipped";
}
