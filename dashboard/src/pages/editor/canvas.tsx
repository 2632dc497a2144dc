/** The canvas: React Flow over a scene. What is dragged moves here; the definition learns of it when it is let go. */
import "../../graph/chrome.css";

import { useComputedColorScheme } from "@mantine/core";
import {
  applyNodeChanges,
  Background,
  BackgroundVariant,
  type Connection,
  Controls,
  type EdgeChange,
  MiniMap,
  type NodeChange,
  ReactFlow,
  ReactFlowProvider,
  SelectionMode,
  useReactFlow,
} from "@xyflow/react";
import { type DragEvent, type ReactNode, type Ref, useCallback, useImperativeHandle, useLayoutEffect, useRef, useState } from "react";

import type { Box } from "../../graph/layout";
import classes from "./canvas.module.css";
import { Card, type CardNode } from "./card";
import { onGrid, type Selection } from "./model";
import type { Scene } from "./scene";

/** What is dragged out of the palette carries its node type under this name. */
export const DRAGGED = "application/x-sluicegate-node-type";

const NODE_TYPES = { card: Card };
/** Below this nothing can be read. */
const READABLE = 0.6;
const FIT = { padding: 0.15, maxZoom: 1.1, minZoom: 0.05 };

export interface CanvasHandle {
  fit: () => void;
  /** Brings nodes into view. */
  show: (ids: string[]) => void;
  zoom: (factor: number) => void;
  /** The middle of what is seen. */
  middle: () => { x: number; y: number };
}

export interface CanvasProps {
  scene: Scene;
  label: string;
  ref?: Ref<CanvasHandle>;
  onSelection?: (change: (selection: Selection) => Selection) => void;
  /** Without these nothing can be changed. */
  onMove?: (boxes: Map<string, { x: number; y: number }>, dropped: { id: string; into: string | null } | undefined) => void;
  onConnect?: (source: string, port: string, target: string) => void;
  onDropType?: (type: string, at: { x: number; y: number }, into: string | null) => void;
  mayConnect?: (source: string, target: string) => boolean;
  /** What to begin with, in place of the whole. */
  focus?: string[];
  children?: ReactNode;
}

export function Canvas(props: CanvasProps) {
  return (
    <ReactFlowProvider>
      <Inner {...props} />
    </ReactFlowProvider>
  );
}

function toggled(old: ReadonlySet<string>, changes: { id: string; selected: boolean }[]): ReadonlySet<string> {
  const next = new Set(old);
  for (const { id, selected } of changes) {
    selected ? next.add(id) : next.delete(id);
  }
  return next;
}

const selections = (changes: (NodeChange<CardNode> | EdgeChange)[]) => changes.filter((change) => change.type === "select");

function Inner({ scene, label, ref, onSelection, onMove, onConnect, onDropType, mayConnect, focus, children }: CanvasProps) {
  const flow = useReactFlow<CardNode>();
  const scheme = useComputedColorScheme("light");
  const [nodes, setNodes] = useState(scene.nodes);
  const frame = useRef<HTMLElement>(null);
  const isEditable = onMove !== undefined;

  // What is in a hand stays there while the definition changes below it.
  useLayoutEffect(() => {
    setNodes((old) => {
      const dragged = new Map(old.filter((node) => node.dragging).map((node) => [node.id, node]));
      return scene.nodes.map((node) => {
        const held = dragged.get(node.id);
        return held ? { ...node, position: held.position, dragging: true } : node;
      });
    });
  }, [scene.nodes]);

  useImperativeHandle(
    ref,
    () => ({
      // After what has just changed is drawn.
      fit: () => requestAnimationFrame(() => void flow.fitView({ ...FIT, duration: 250 })),
      show: (ids) => requestAnimationFrame(() => void flow.fitView({ nodes: ids.map((id) => ({ id })), duration: 250, maxZoom: Math.max(flow.getZoom(), 0.9), minZoom: 0.05, padding: 0.4 })),
      zoom: (factor) => void flow.zoomTo(flow.getZoom() * factor, { duration: 150 }),
      middle: () => {
        const { left, top, width, height } = frame.current?.getBoundingClientRect() ?? new DOMRect();
        return flow.screenToFlowPosition({ x: left + width / 2, y: top + height / 2 });
      },
    }),
    [flow],
  );

  const onNodesChange = useCallback(
    (changes: NodeChange<CardNode>[]) => {
      const selected = selections(changes) as { id: string; selected: boolean }[];
      if (selected.length > 0) {
        onSelection?.((old) => ({ ...old, nodes: toggled(old.nodes, selected) }));
      }
      const rest = changes.filter((change) => change.type !== "select" && change.type !== "remove");
      if (rest.length > 0) {
        setNodes((old) => applyNodeChanges(rest, old));
      }
      // Arrow keys move a node without a drag.
      const moved = changes.filter((change) => change.type === "position" && change.dragging === false && change.position);
      if (moved.length > 0) {
        commit(moved.flatMap((change) => (change.type === "position" && change.position ? [{ id: change.id, position: change.position }] : [])));
      }
    },
    [onSelection, onMove, scene],
  );
  const onEdgesChange = useCallback(
    (changes: EdgeChange[]) => {
      const selected = selections(changes) as { id: string; selected: boolean }[];
      if (selected.length > 0) {
        onSelection?.((old) => ({ ...old, edges: toggled(old.edges, selected) }));
      }
    },
    [onSelection],
  );

  /** The innermost loop at a place of the canvas. */
  const loopAt = (x: number, y: number, except: ReadonlySet<string>): string | null => {
    const hits = scene.nodes.filter((node) => {
      if (node.data.type !== "loop" || except.has(node.id)) {
        return false;
      }
      const at = flow.getInternalNode(node.id)?.internals.positionAbsolute;
      return at && x > at.x && y > at.y && x < at.x + (node.width ?? 0) && y < at.y + (node.height ?? 0);
    });
    return hits[hits.length - 1]?.id ?? null;
  };

  const commit = (moved: { id: string; position: { x: number; y: number } }[], isDrag = false) => {
    const boxes = new Map<string, { x: number; y: number }>([...scene.boxes].map(([id, box]: [string, Box]) => [id, box]));
    for (const { id, position } of moved) {
      boxes.set(id, { x: onGrid(position.x), y: onGrid(position.y) });
    }
    const [only] = moved;
    let dropped: { id: string; into: string | null } | undefined;
    if (isDrag && moved.length === 1 && only) {
      const node = flow.getInternalNode(only.id);
      const at = node?.internals.positionAbsolute;
      if (node && at) {
        const into = loopAt(at.x + (node.width ?? 0) / 2, at.y + (node.height ?? 0) / 2, new Set([only.id]));
        dropped = into === (node.parentId ?? null) ? undefined : { id: only.id, into };
      }
    }
    onMove?.(boxes, dropped);
  };

  const onDrop = (event: DragEvent) => {
    const type = event.dataTransfer.getData(DRAGGED);
    if (type && onDropType) {
      event.preventDefault();
      const { x, y } = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
      onDropType(type, { x, y }, loopAt(x, y, new Set()));
    }
  };

  // A large graph begins where it begins, at a size that can be read, or with what is to be looked at.
  const begin = () => {
    const { width } = frame.current?.getBoundingClientRect() ?? { width: 0 };
    const bounds = flow.getNodesBounds(flow.getNodes());
    if (focus && focus.length > 0) {
      void flow.fitView({ nodes: focus.map((id) => ({ id })), padding: 0.35, maxZoom: 0.9, minZoom: 0.2 });
    } else if (width > 0 && (width / bounds.width) * (1 - FIT.padding) < READABLE) {
      const first = scene.nodes.find((node) => node.data.type === "start") ?? scene.nodes[0];
      const height = frame.current?.clientHeight ?? 0;
      const y = (first?.position.y ?? 0) + (first?.height ?? 0) / 2;
      void flow.setViewport({ x: 40 - (first?.position.x ?? 0) * READABLE, y: height / 2 - y * READABLE, zoom: READABLE });
    } else {
      void flow.fitView(FIT);
    }
  };

  return (
    <section ref={frame} className={classes["canvas"]} aria-label={label}>
      <ReactFlow<CardNode>
        nodes={nodes}
        edges={scene.edges}
        nodeTypes={NODE_TYPES}
        colorMode={scheme}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onNodeDragStop={(_, __, dragged) => commit(dragged, true)}
        onSelectionDragStop={(_, dragged) => commit(dragged)}
        onConnect={({ source, target, sourceHandle }: Connection) => onConnect?.(source, sourceHandle ?? "default", target)}
        isValidConnection={({ source, target }) => mayConnect?.(source, target) ?? false}
        onDragOver={(event) => {
          if (onDropType && event.dataTransfer.types.includes(DRAGGED)) {
            event.preventDefault();
            event.dataTransfer.dropEffect = "copy";
          }
        }}
        onDrop={onDrop}
        nodesDraggable={isEditable}
        nodesConnectable={isEditable}
        elementsSelectable={onSelection !== undefined}
        snapToGrid
        snapGrid={[16, 16]}
        selectionMode={SelectionMode.Partial}
        connectionRadius={28}
        deleteKeyCode={null}
        minZoom={0.05}
        maxZoom={2}
        onInit={begin}
        proOptions={{ hideAttribution: true }}
      >
        <Background variant={BackgroundVariant.Dots} gap={16} size={1.4} />
        <Controls showInteractive={false} fitViewOptions={FIT} />
        {scene.nodes.length > 12 && <MiniMap pannable zoomable ariaLabel="Overview" />}
        {children}
      </ReactFlow>
    </section>
  );
}
