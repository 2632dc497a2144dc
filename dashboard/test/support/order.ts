/** Workflows and comparisons that the tests of executions share. */
import { expect, type Page } from "@playwright/test";

import type { Server } from "./server.ts";

interface NodeState {
  nodeId: string;
  path?: string | null;
  status: string;
}
interface Read {
  status: string;
  lastSeq: number;
  nodes: NodeState[];
}

/** Two waits and an approval, with a loop in between: long enough to be looked at. */
export const ORDER = {
  nodes: [
    { id: "begin", type: "start" },
    { id: "lines", type: "loop", name: "Each line", data: { items: "input.lines", concurrency: 2 } },
    { id: "price", type: "transform", parentId: "lines", name: "Price a line", data: { expression: "item * 2" } },
    { id: "pause", type: "wait", name: "Pause", data: { duration: "1s" } },
    { id: "large", type: "if-else", name: "Large order?", data: { condition: "input.total > 1000" } },
    { id: "ask", type: "approval-gate", name: "Ask finance", data: { message: "Ship order {{ input.orderId }}?" } },
    { id: "small", type: "transform", name: "Take it", data: { expression: "1" } },
    { id: "ship", type: "transform", name: "Ship it", data: { expression: "{'parcel': input.orderId}", join: "any" } },
    { id: "done", type: "end", name: "Shipped" },
  ],
  edges: [
    { source: "begin", target: "lines" },
    { source: "lines", target: "pause" },
    { source: "pause", target: "large" },
    { source: "large", target: "ask", sourceHandle: "if" },
    { source: "large", target: "small", sourceHandle: "else" },
    { source: "ask", target: "ship", sourceHandle: "approved" },
    { source: "small", target: "ship" },
    { source: "ship", target: "done" },
  ],
};

export const ORDER_INPUT = { orderId: "A-1", total: 2_000, lines: [1, 2, 3] };

/** Waits one after the other: an execution that goes on for `count` times `each`. */
export function slow(count: number, each = "1s"): object {
  const ids = Array.from({ length: count }, (_, index) => `wait${index}`);
  return {
    nodes: [{ id: "begin", type: "start" }, ...ids.map((id) => ({ id, type: "wait", data: { duration: each } })), { id: "done", type: "end" }],
    edges: ["begin", ...ids].map((source, index) => ({ source, target: ids[index] ?? "done" })),
  };
}

const LABELS: Record<string, string> = {
  running: "Running",
  retrying: "Retrying",
  suspended: "Waiting",
  completed: "Completed",
  failed: "Failed",
  skipped: "Skipped",
  cancelled: "Cancelled",
};
const ORDER_OF_STATES = ["running", "retrying", "suspended", "failed", "cancelled", "completed", "skipped"];

/** What the graph says of each node by the sign on its card. */
export function shownStates(page: Page): Promise<Record<string, string>> {
  return page
    .getByRole("group", { name: "Graph of the execution" })
    .locator("[data-node]")
    .evaluateAll((nodes) => Object.fromEntries(nodes.map((node) => [node.getAttribute("data-node"), node.querySelector('[role="img"]')?.getAttribute("aria-label") ?? ""])));
}

/** What the API says of each node, in the same words. */
export async function storedStates(server: Server, id: string): Promise<Record<string, string>> {
  const { nodes } = await server.call<Read>("GET", server.pod(`/executions/${id}`));
  const byNode = new Map<string, string[]>();
  for (const { nodeId, status } of nodes) {
    byNode.set(nodeId, [...(byNode.get(nodeId) ?? []), status]);
  }
  return Object.fromEntries([...byNode].map(([nodeId, states]) => [nodeId, LABELS[ORDER_OF_STATES.find((state) => states.includes(state)) ?? ""] ?? ""]));
}

/** The page shows of an execution that is over what the API says of it. */
export async function expectTheSame(page: Page, server: Server, id: string): Promise<void> {
  const stored = await storedStates(server, id);
  await expect.poll(() => shownStates(page)).toMatchObject(stored);
}
