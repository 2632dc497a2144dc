/** A definition as React Flow draws it. What has not changed stays the same object, so that only what has is drawn anew. */
import type { Definition } from "@sluicegate/sdk";
import { type Edge, MarkerType } from "@xyflow/react";
import { useMemo, useRef, useState } from "react";

import { compensatedBy, UNDO_IN, UNDO_OUT, undoId, undoLines } from "../../graph/compensation";
import { type Box, layout } from "../../graph/layout";
import { type NodeStanding, nodeLabel } from "../../graph/node_card";
import { type CardData, type CardNode, ENTRY, heightOf } from "./card";
import { edgeKeys, type Selection } from "./model";
import { hasEntry, type NodeDefinition, type NodeType, portOf, portsOf, titleOf, typeOf } from "./ports";

export type Mark = "added" | "removed" | "changed";

export interface SceneProps {
  definition: Definition;
  types: ReadonlyMap<string, NodeType>;
  selection: Selection;
  /** Sentences by node id. */
  nodeProblems?: ReadonlyMap<string, readonly string[]> | undefined;
  edgeProblems?: ReadonlyMap<string, readonly string[]> | undefined;
  standings?: ReadonlyMap<string, NodeStanding> | undefined;
  marks?: ReadonlyMap<string, Mark> | undefined;
  edgeMarks?: ReadonlyMap<string, Mark> | undefined;
}

export interface Scene {
  nodes: CardNode[];
  edges: Edge[];
  boxes: ReadonlyMap<string, Box>;
  heightOf: (node: NodeDefinition) => number;
}

function same(left: CardData, right: CardData): boolean {
  return (Object.keys(left) as (keyof CardData)[]).every((name) => left[name] === right[name]);
}

/** Which ports of each node have an edge. */
function wiring(definition: Definition, types: ReadonlyMap<string, NodeType>): Map<string, Set<string>> {
  const nodes = new Map(definition.nodes.map((node) => [node.id, node]));
  const wired = new Map<string, Set<string>>();
  for (const edge of definition.edges ?? []) {
    const source = nodes.get(edge.source);
    const ports = wired.get(edge.source) ?? new Set();
    wired.set(edge.source, ports.add(portOf(edge, source, source && types.get(typeOf(source)))));
  }
  return wired;
}

const NONE: ReadonlySet<string> = new Set();

export function useScene(props: SceneProps): Scene {
  const { definition, types, selection, nodeProblems, edgeProblems, standings, marks, edgeMarks } = props;
  const wired = useMemo(() => wiring(definition, types), [definition.nodes, definition.edges, types]);
  const ports = useMemo(
    () => new Map(definition.nodes.map((node) => [node.id, portsOf(node, types.get(typeOf(node)), wired.get(node.id))])),
    [definition.nodes, wired, types],
  );
  const height = useMemo(() => (node: NodeDefinition) => heightOf(typeOf(node), ports.get(node.id) ?? []), [ports]);

  // Where things are depends on little of a definition: typing into a field moves nothing.
  const shape = JSON.stringify([
    definition.nodes.map((node) => [node.id, node.parentId, node.position, height(node), compensatedBy(node)]),
    (definition.edges ?? []).map((edge) => [edge.source, edge.target]),
  ]);
  // What was placed for smaller cards is drawn apart until somebody moves something here: then it is as they want it.
  const places = JSON.stringify(definition.nodes.map(({ position }) => position));
  const [loaded] = useState(places);
  // biome-ignore lint: the shape is what of them matters
  const boxes = useMemo(() => layout(definition, { heightOf: height, spread: places === loaded }), [shape]);

  const known = useRef(new Map<string, CardNode>());
  const nodes = useMemo(() => {
    const bodies = new Set(definition.nodes.map((node) => node.parentId));
    const next = new Map<string, CardNode>();
    for (const node of parentsFirst(definition.nodes)) {
      const box = boxes.get(node.id);
      if (!box || next.has(node.id)) {
        continue;
      }
      const last = known.current.get(node.id);
      const type = types.get(typeOf(node));
      const myPorts = ports.get(node.id) ?? [];
      const text = node.data?.["text"];
      const isSamePorts = last && JSON.stringify(last.data.ports) === JSON.stringify(myPorts);
      const myWired = wired.get(node.id) ?? NONE;
      const isSameWired = last && [...last.data.wired].join() === [...myWired].join();
      const data: CardData = {
        title: titleOf(node, type),
        type: typeOf(node),
        typeTitle: type?.title ?? typeOf(node),
        category: type?.category ?? "",
        text: typeof text === "string" ? text : "",
        ports: isSamePorts ? last.data.ports : myPorts,
        wired: isSameWired ? last.data.wired : myWired,
        hasEntry: hasEntry(typeOf(node)),
        undoes: compensatedBy(node) ?? "",
        isLoop: bodies.has(node.id),
        problems: nodeProblems?.get(node.id)?.join("\n") ?? "",
        standing: standings?.get(node.id),
        mark: marks?.get(node.id),
      };
      const selected = selection.nodes.has(node.id);
      const kept = last && same(last.data, data) ? last.data : data;
      const isSame =
        last &&
        kept === last.data &&
        last.selected === selected &&
        last.position.x === box.x &&
        last.position.y === box.y &&
        last.width === box.width &&
        last.height === box.height &&
        last.parentId === (node.parentId ?? undefined);
      const undoes = data.undoes && `, undoes ${data.undoes}`;
      const problems = data.problems && ` Problems: ${data.problems.replaceAll("\n", "; ")}`;
      next.set(
        node.id,
        isSame
          ? last
          : {
              id: node.id,
              type: "card",
              position: { x: box.x, y: box.y },
              width: box.width,
              height: box.height,
              measured: { width: box.width, height: box.height },
              ...(node.parentId && boxes.has(node.parentId) ? { parentId: node.parentId } : {}),
              data: kept,
              selected,
              ariaLabel: `${nodeLabel(data.title, data.typeTitle, data.standing)}${undoes}${data.mark ? `, ${data.mark}` : ""}.${problems}`,
              ...(data.isLoop ? { zIndex: -1 } : {}),
            },
      );
    }
    known.current = next;
    return [...next.values()];
  }, [definition.nodes, boxes, types, ports, wired, selection.nodes, nodeProblems, standings, marks]);

  const edges = useMemo(() => {
    const byId = new Map(definition.nodes.map((node) => [node.id, node]));
    const all = definition.edges ?? [];
    const keys = edgeKeys(all);
    // No edges: they can be neither chosen nor taken away. The field of the node says what it undoes.
    const undos = undoLines(definition).map(
      (line): Edge => ({
        ...line,
        id: undoId(line),
        sourceHandle: UNDO_OUT,
        targetHandle: UNDO_IN,
        selectable: false,
        focusable: false,
        deletable: false,
        label: "undo",
        labelBgPadding: [5, 2],
        labelBgBorderRadius: 5,
        style: { stroke: "var(--sg-queue)", strokeDasharray: "4 4", strokeWidth: 1.6 },
        markerEnd: { type: MarkerType.Arrow, color: "var(--sg-queue)", width: 18, height: 18 },
        ariaLabel: `${line.target} undoes ${line.source}`,
      }),
    );
    const drawn = all.flatMap((edge, index): Edge[] => {
      const key = keys[index] ?? "";
      const source = byId.get(edge.source);
      if (!source || !byId.has(edge.target)) {
        return [];
      }
      const port = portOf(edge, source, types.get(typeOf(source)));
      const mark = edgeMarks?.get(key);
      const selected = selection.edges.has(key);
      const isRunning = standings?.get(edge.target)?.status === "running";
      const kind = mark ?? (edgeProblems?.has(key) ? "problem" : port === "error" || port === "timeout" ? "failure" : "plain");
      const color = selected ? "var(--mantine-primary-color-filled)" : COLORS[kind];
      return [
        {
          id: key,
          source: edge.source,
          target: edge.target,
          sourceHandle: port,
          targetHandle: ENTRY,
          selected,
          animated: isRunning,
          label: edge.label ?? undefined,
          style: { stroke: color, strokeWidth: selected || mark ? 2.5 : 1.6, ...(kind === "removed" || kind === "failure" ? { strokeDasharray: "6 4" } : {}) },
          markerEnd: { type: MarkerType.ArrowClosed, color: color ?? "", width: 15, height: 15 },
          ariaLabel: `From ${edge.source}${port === "default" ? "" : ` by ${port}`} to ${edge.target}`,
        },
      ];
    });
    return [...drawn, ...undos];
  }, [definition.nodes, definition.edges, types, selection.edges, edgeProblems, edgeMarks, standings]);

  return { nodes, edges, boxes, heightOf: height };
}

const COLORS: Record<string, string> = {
  plain: "var(--sg-dim)",
  failure: "var(--sg-fail)",
  problem: "var(--sg-fail)",
  added: "var(--sg-ok)",
  removed: "var(--sg-fail)",
  changed: "var(--sg-wait)",
};

/** React Flow wants loops before what is in them. */
function parentsFirst(nodes: readonly NodeDefinition[]): NodeDefinition[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const depth = (node: NodeDefinition): number => {
    let steps = 0;
    for (let at: NodeDefinition | undefined = node; at?.parentId && steps < 20; at = byId.get(at.parentId)) {
      steps += 1;
    }
    return steps;
  };
  return nodes.some((node) => node.parentId) ? [...nodes].sort((left, right) => depth(left) - depth(right)) : [...nodes];
}
