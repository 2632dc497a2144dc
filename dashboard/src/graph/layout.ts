/** Where the nodes of a definition are drawn: where people put them, or left to right by layers (dagre). */
import dagre from "@dagrejs/dagre";
import type { Definition } from "@sluicegate/sdk";

import { undoLines } from "./compensation";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export const NODE = { width: 208, height: 60 } as const;
/** Room around what is inside a loop, and for its title. */
const PADDING = 24;
const TITLE = 44;
/** Between a node and what undoes it: room for the line and its name. */
const UNDO_GAP = 58;

type Nodes = Definition["nodes"];
type Edges = NonNullable<Definition["edges"]>;

export interface LayoutOptions {
  /** Moves also what somebody has placed. */
  fresh?: boolean;
  /** How high a card is, where it shows more than its title. */
  heightOf?: (node: Nodes[number]) => number;
  /** Whether places that somebody chose for smaller cards are drawn apart; they are unless said otherwise. */
  spread?: boolean;
}

/** Boxes by node id. A box inside a loop is relative to the loop's, as React Flow wants it. */
export function layout(definition: Definition, options: LayoutOptions = {}): Map<string, Box> {
  const boxes = new Map<string, Box>();
  if (definition.nodes.length > 0) {
    place(definition.nodes, definition.edges ?? [], undefined, options, boxes);
  }
  return boxes;
}

function place(nodes: Nodes, edges: Edges, parentId: string | undefined, options: LayoutOptions, boxes: Map<string, Box>): Box {
  const here = nodes.filter((node) => (node.parentId ?? undefined) === parentId);
  // Loops are as large as what is in them, so the inside comes first.
  for (const node of here) {
    const inner = nodes.some((other) => other.parentId === node.id) ? place(nodes, edges, node.id, options, boxes) : undefined;
    const width = inner ? Math.max(NODE.width, inner.width + 2 * PADDING) : NODE.width;
    const height = inner ? inner.height + TITLE + PADDING : (options.heightOf?.(node) ?? NODE.height);
    boxes.set(node.id, { x: 0, y: 0, width, height });
  }
  const kept = !options.fresh && here.every((node) => node.position);
  if (kept) {
    for (const node of here) {
      Object.assign(boxes.get(node.id) as Box, { x: node.position?.x ?? 0, y: node.position?.y ?? 0 });
    }
    if (options.spread !== false) {
      drawApart(here.map((node) => boxes.get(node.id) as Box));
    }
  } else {
    byLayers(here, edges, boxes);
  }
  const all = here.map((node) => boxes.get(node.id) as Box);
  const left = Math.min(...all.map((box) => box.x));
  const top = Math.min(...all.map((box) => box.y));
  if (parentId !== undefined) {
    for (const box of all) {
      box.x += PADDING - left;
      box.y += TITLE - top;
    }
  }
  const right = Math.max(...all.map((box) => box.x + box.width));
  const bottom = Math.max(...all.map((box) => box.y + box.height));
  return parentId === undefined
    ? { x: left, y: top, width: right - left, height: bottom - top }
    : { x: 0, y: 0, width: right - PADDING, height: bottom - TITLE };
}

/** Stretches what overlaps, as little as it takes; the arrangement stays. */
function drawApart(boxes: readonly Box[]): void {
  let [across, down] = [1, 1];
  for (const [index, one] of boxes.entries()) {
    for (const other of boxes.slice(index + 1)) {
      const [left, right] = one.x <= other.x ? [one, other] : [other, one];
      const [upper, lower] = one.y <= other.y ? [one, other] : [other, one];
      const [dx, dy] = [right.x - left.x, lower.y - upper.y];
      if (dx < left.width && dy < upper.height) {
        const [wide, high] = [(left.width + 56) / dx, (upper.height + 24) / dy];
        if (wide <= high) {
          across = Math.max(across, Math.min(wide, 4));
        } else {
          down = Math.max(down, Math.min(high, 4));
        }
      }
    }
  }
  for (const box of boxes) {
    box.x = Math.round(box.x * across);
    box.y = Math.round(box.y * down);
  }
}

function byLayers(nodes: Nodes, edges: Edges, boxes: Map<string, Box>): void {
  const below = undoing(nodes);
  const hangers = new Set([...below.values()].flat());
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: 28, ranksep: 72, marginx: 0, marginy: 0 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of nodes) {
    const { width, height } = boxes.get(id) as Box;
    if (!hangers.has(id)) {
      // As much room above as below, so that those in a row stay in a row.
      const room = (below.get(id) ?? []).reduce((sum, hanger) => sum + UNDO_GAP + (boxes.get(hanger) as Box).height, 0);
      graph.setNode(id, { width, height: height + 2 * room });
    }
  }
  for (const edge of edges) {
    if (graph.hasNode(edge.source) && graph.hasNode(edge.target)) {
      graph.setEdge(edge.source, edge.target, {}, edge.id);
    }
  }
  dagre.layout(graph);
  for (const id of graph.nodes()) {
    const { x, y } = graph.node(id);
    const box = boxes.get(id) as Box;
    box.x = Math.round(x - box.width / 2);
    box.y = Math.round(y - box.height / 2);
    let bottom = box.y + box.height;
    for (const hanger of below.get(id) ?? []) {
      const hung = boxes.get(hanger) as Box;
      hung.x = box.x;
      hung.y = bottom + UNDO_GAP;
      bottom = hung.y + hung.height;
    }
  }
}

/** What undoes each node, to be drawn below it. What is undone in circles is drawn like any other. */
function undoing(nodes: Nodes): Map<string, string[]> {
  const lines = undoLines({ nodes, edges: [] });
  const undoers = new Set(lines.map(({ target }) => target));
  const below = new Map<string, string[]>();
  for (const { source, target } of lines) {
    if (!undoers.has(source)) {
      below.set(source, [...(below.get(source) ?? []), target]);
    }
  }
  return below;
}
