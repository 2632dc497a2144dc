/** The graph of a definition to look at, with how its nodes stand while an execution runs. */
import "./chrome.css";

import type { Definition } from "@sluicegate/sdk";
import {
  Background,
  BackgroundVariant,
  Controls,
  type Edge as FlowEdge,
  MarkerType,
  MiniMap,
  type Node as FlowNode,
  Position,
  ReactFlow,
  type ReactFlowInstance,
} from "@xyflow/react";
import { type KeyboardEvent, memo, type UIEvent, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

import type { NodeRuns } from "../live/execution_fold";
import { UNDO_IN, UNDO_OUT, type Undo, undoId, undoLines } from "./compensation";
import { type Edge, edgeId, edgeState, undoState } from "./edge_state";
import classes from "./flow.module.css";
import { CardNode, FlowStates, FlowStatesContext, LoopNode, type NodeNote, NoteNode } from "./flow_node";
import { type Box, layout, NODE } from "./layout";
import { neighbour } from "./neighbour";
import { nodeName } from "./node_card";

export type { NodeNote } from "./flow_node";
export type NodeDefinition = Definition["nodes"][number];

export interface FlowProps {
  definition: Definition;
  /** How the nodes stand, by id; without it the graph is a picture of the definition. */
  states?: ReadonlyMap<string, NodeRuns> | undefined;
  /** What changes with `states`: the map itself may be written to. */
  stamp?: unknown;
  /** Remarks on the cards. */
  notes?: ReadonlyMap<string, NodeNote> | undefined;
  selected?: string | null;
  onSelect?: (nodeId: string) => void;
  /** What is read out for the whole. */
  label: string;
}

/** From here on there is a map, and what is outside the view is not drawn. */
const LARGE = 40;
const NODE_TYPES = { card: CardNode, loop: LoopNode, note: NoteNode };
const FIT = { padding: 0.1, maxZoom: 1 } as const;
/** Names can be read from here on: a graph that is larger begins at what matters in it. */
const READABLE = 0.8;
/** Where along a card's edge the lines of compensation are, as the style sheet has it. */
const UNDO_AT = 40;

export const Flow = memo(function Flow({ definition, states, stamp, notes, selected = null, onSelect, label }: FlowProps) {
  const [shared] = useState(() => new FlowStates());
  const frame = useRef<HTMLDivElement>(null);
  const flow = useRef<ReactFlowInstance | null>(null);
  const boxes = useMemo(() => layout(definition), [definition]);
  const nodes = useMemo(() => flowNodes(definition, boxes), [definition, boxes]);
  const edges = useEdges(definition, states, stamp);
  const isLarge = definition.nodes.length > LARGE;

  shared.onSelect = (nodeId) => onSelect?.(nodeId);
  shared.onFocus = (nodeId) => show(flow.current, frame.current, definition, boxes, nodeId);
  useLayoutEffect(() => shared.set(states, notes, selected), [shared, states, stamp, notes, selected]);
  // What is chosen elsewhere is looked for here.
  useEffect(() => {
    if (selected) {
      show(flow.current, frame.current, definition, boxes, selected);
    }
  }, [selected, definition, boxes]);
  // A browser that looks for something beyond the edge (what was found in the page, what is focused) scrolls the frame, which the
  // canvas knows nothing of: the canvas moves in its place.
  const keepScroll = useCallback((event: UIEvent<HTMLElement>) => {
    const part = event.target as HTMLElement;
    const { scrollLeft, scrollTop } = part;
    if (flow.current && part.matches(".react-flow, .react-flow__renderer") && (scrollLeft || scrollTop)) {
      const { x, y, zoom } = flow.current.getViewport();
      part.scrollTo(0, 0);
      void flow.current.setViewport({ x: x - scrollLeft, y: y - scrollTop, zoom });
    }
  }, []);

  const move = (event: KeyboardEvent<HTMLDivElement>) => {
    const from = (event.target as HTMLElement).dataset["node"];
    const to = from && neighbour(definition, boxes, from, event.key);
    if (to) {
      event.preventDefault();
      show(flow.current, frame.current, definition, boxes, to);
      // It may have to be drawn first.
      requestAnimationFrame(() => requestAnimationFrame(() => frame.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(to)}"]`)?.focus()));
    }
  };

  return (
    <FlowStatesContext value={shared}>
      {/* biome-ignore lint: the keys move between the buttons in it */}
      <div ref={frame} className={classes["frame"]} role="group" aria-label={label} onKeyDown={move} onScrollCapture={keepScroll}>
        <ReactFlow
          nodes={nodes}
          edges={edges}
          nodeTypes={NODE_TYPES}
          onInit={(instance) => {
            flow.current = instance;
            begin(instance, frame.current, definition, boxes, selected ?? nodeOfInterest(definition, states));
          }}
          minZoom={0.05}
          maxZoom={1.75}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          disableKeyboardA11y
          zoomOnDoubleClick={false}
          preventScrolling
          onlyRenderVisibleElements={isLarge}
        >
          <Background variant={BackgroundVariant.Dots} gap={18} size={1.2} />
          <Controls showInteractive={false} orientation="horizontal" position="bottom-left" fitViewOptions={FIT} />
          {isLarge && <Overview states={states} stamp={stamp} />}
        </ReactFlow>
      </div>
    </FlowStatesContext>
  );
});

const COLOURS: Record<string, string> = {
  running: "var(--sg-run)",
  retrying: "var(--sg-run)",
  suspended: "var(--sg-wait)",
  completed: "var(--sg-ok)",
  failed: "var(--sg-fail)",
};

const Overview = memo(function Overview({ states, stamp }: Pick<FlowProps, "states" | "stamp">) {
  const colour = useCallback((node: FlowNode) => COLOURS[states?.get(node.id)?.status ?? ""] ?? "var(--sg-stop)", [states, stamp]);
  return <MiniMap pannable zoomable nodeColor={colour} nodeBorderRadius={24} ariaLabel="Overview of the graph" />;
});

function flowNodes(definition: Definition, boxes: Map<string, Box>): FlowNode[] {
  const lines = undoLines(definition);
  const [undone, undoers] = [new Set(lines.map(({ source }) => source)), new Set(lines.map(({ target }) => target))];
  const loops = new Set(definition.nodes.map((node) => node.parentId));
  const depth = new Map<string, number>();
  const byId = new Map(definition.nodes.map((node) => [node.id, node]));
  for (const node of definition.nodes) {
    let level = 0;
    for (let parent = node.parentId; parent && level < 100; parent = byId.get(parent)?.parentId) {
      level++;
    }
    depth.set(node.id, level);
  }
  // Whoever is around others is drawn before them.
  const ordered = [...definition.nodes].sort((a, b) => (depth.get(a.id) ?? 0) - (depth.get(b.id) ?? 0));
  return ordered.map((node) => {
    const { x, y, width, height } = boxes.get(node.id) ?? { x: 0, y: 0, ...NODE };
    const middle = { y: height / 2 - 3, width: 6, height: 6 };
    const undo = { x: UNDO_AT - 3, width: 6, height: 6 };
    return {
      id: node.id,
      type: node.type === "note" ? "note" : loops.has(node.id) ? "loop" : "card",
      position: { x, y },
      width,
      height,
      // What is not drawn yet counts where all is brought into view.
      measured: { width, height },
      // Known in advance, so that edges to what is not drawn yet can be drawn.
      handles: [
        { type: "target", position: Position.Left, x: -3, ...middle },
        { type: "source", position: Position.Right, x: width - 3, ...middle },
        ...(undoers.has(node.id) ? [{ type: "target" as const, id: UNDO_IN, position: Position.Top, y: -3, ...undo }] : []),
        ...(undone.has(node.id) ? [{ type: "source" as const, id: UNDO_OUT, position: Position.Bottom, y: height - 3, ...undo }] : []),
      ],
      ...(node.parentId ? { parentId: node.parentId } : {}),
      data: { node, isUndone: undone.has(node.id), isUndoer: undoers.has(node.id) },
    };
  });
}

/** The edges as React Flow wants them; those whose state is the same stay the same objects. */
function useEdges(definition: Definition, states: FlowProps["states"], stamp: unknown): FlowEdge[] {
  const known = useRef(new Map<string, FlowEdge>());
  const last = useRef<FlowEdge[]>([]);
  const byId = useMemo(() => new Map(definition.nodes.map((node) => [node.id, node])), [definition]);
  const lines = useMemo(() => undoLines(definition), [definition]);
  return useMemo(() => {
    const keep = (next: FlowEdge): FlowEdge => {
      const old = known.current.get(next.id);
      const isSame = old && old.className === next.className && old.source === next.source && old.target === next.target;
      const kept = isSame ? old : next;
      known.current.set(next.id, kept);
      return kept;
    };
    const edges = [
      ...(definition.edges ?? []).map((edge, index) => keep(flowEdge(edge, edgeId(edge, index), edgeState(edge, byId, states)))),
      ...lines.map((line) => keep(undoEdge(line, byId, undoState(line, states)))),
    ];
    const isUnchanged = edges.length === last.current.length && edges.every((edge, index) => edge === last.current[index]);
    last.current = isUnchanged ? last.current : edges;
    return last.current;
  }, [definition, byId, lines, states, stamp]);
}

function flowEdge(edge: Edge, id: string, state: string): FlowEdge {
  const label = edge.label ?? edge.sourceHandle;
  return {
    id,
    source: edge.source,
    target: edge.target,
    className: classes[state] ?? "",
    ...(label ? { label, labelBgPadding: [5, 2] as [number, number], labelBgBorderRadius: 5 } : {}),
    markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16, color: "var(--sg-stop)" },
  };
}

/** No edge: a line to what undoes a node. */
function undoEdge(line: Undo, nodes: ReadonlyMap<string, NodeDefinition>, state: string): FlowEdge {
  const name = (id: string) => nodeName(nodes.get(id) ?? { id });
  return {
    ...line,
    id: undoId(line),
    sourceHandle: UNDO_OUT,
    targetHandle: UNDO_IN,
    className: `${classes["undo"]} ${classes[state] ?? ""}`,
    label: "undo",
    labelBgPadding: [5, 2],
    labelBgBorderRadius: 5,
    markerEnd: { type: MarkerType.Arrow, width: 20, height: 20, color: "var(--sg-dim)" },
    ariaLabel: `${name(line.target)} undoes ${name(line.source)}`,
  };
}

/** Where a box is on the whole canvas. */
function absolute(definition: Definition, boxes: Map<string, Box>, nodeId: string): Box | undefined {
  const box = boxes.get(nodeId);
  const parentId = definition.nodes.find((node) => node.id === nodeId)?.parentId;
  const parent = parentId ? absolute(definition, boxes, parentId) : undefined;
  return box && { ...box, x: box.x + (parent?.x ?? 0), y: box.y + (parent?.y ?? 0) };
}

/** What somebody who opens the graph wants to see: what has failed, or else what is at work. */
function nodeOfInterest(definition: Definition, states: FlowProps["states"]): string | undefined {
  const find = (...wanted: string[]) => definition.nodes.find((node) => wanted.includes(states?.get(node.id)?.status ?? ""))?.id;
  return find("failed") ?? find("suspended", "retrying") ?? find("running");
}

/** The first view: all of it, or what is of interest where all would be too small to read. */
function begin(flow: ReactFlowInstance, frame: HTMLElement | null, definition: Definition, boxes: Map<string, Box>, nodeId: string | undefined): void {
  const all = bounds(definition, boxes);
  if (!frame || !all) {
    return;
  }
  const { clientWidth, clientHeight } = frame;
  const fitting = Math.min(clientWidth / all.width, clientHeight / all.height) * 0.9;
  const zoom = Math.min(1, Math.max(fitting, READABLE));
  const box = nodeId ? absolute(definition, boxes, nodeId) : undefined;
  // Along each side: in the middle if it fits, else the node in the middle, or the beginning.
  const offset = (size: number, from: number, length: number, middle: number | undefined) => {
    if (length * zoom <= size) {
      return (size - length * zoom) / 2 - from * zoom;
    }
    const first = 24 - from * zoom;
    const last = size - 24 - (from + length) * zoom;
    return middle === undefined ? first : Math.min(first, Math.max(last, size / 2 - middle * zoom));
  };
  const start = definition.nodes.find((node) => node.type === "start");
  const startBox = start && boxes.get(start.id);
  void flow.setViewport({
    x: offset(clientWidth, all.x, all.width, box && box.x + NODE.width / 2),
    y: offset(clientHeight, all.y, all.height, (box ?? startBox) && (box ?? startBox ?? all).y + NODE.height / 2),
    zoom,
  });
}

function bounds(definition: Definition, boxes: Map<string, Box>): Box | undefined {
  const top = definition.nodes.filter((node) => !node.parentId).flatMap((node) => boxes.get(node.id) ?? []);
  if (top.length === 0) {
    return undefined;
  }
  const x = Math.min(...top.map((box) => box.x));
  const y = Math.min(...top.map((box) => box.y));
  return { x, y, width: Math.max(...top.map((box) => box.x + box.width)) - x, height: Math.max(...top.map((box) => box.y + box.height)) - y };
}

/** Moves the view so that a node is in it. */
function show(flow: ReactFlowInstance | null, frame: HTMLElement | null, definition: Definition, boxes: Map<string, Box>, nodeId: string): void {
  const box = absolute(definition, boxes, nodeId);
  if (!flow || !frame || !box) {
    return;
  }
  const { x, y, zoom } = flow.getViewport();
  const { clientWidth, clientHeight } = frame;
  const isInside =
    box.x * zoom + x >= 0 &&
    box.y * zoom + y >= 0 &&
    (box.x + NODE.width) * zoom + x <= clientWidth &&
    (box.y + NODE.height) * zoom + y <= clientHeight;
  if (!isInside) {
    void flow.setCenter(box.x + NODE.width / 2, box.y + NODE.height / 2, { zoom: Math.max(zoom, 0.6) });
  }
}
