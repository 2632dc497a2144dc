/** What the buttons and the keys of the editor do to the draft and the selection. */
import { type RefObject, useMemo, useRef } from "react";

import { compensatedBy } from "../../graph/compensation";
import { layout } from "../../graph/layout";
import { notifyDone } from "../../ui/problem";
import type { CanvasHandle } from "./canvas";
import type { History } from "./history";
import { addNode, connect, copy, type Draft, edgeKeys, type Fragment, freshId, mayConnect, moveInto, NOTHING, onGrid, paste, place, readFragment, remove, type Selection } from "./model";
import { hasEntry, type NodeType, portOf, portsOf, typeOf } from "./ports";
import type { Scene } from "./scene";

export interface CommandsProps {
  history: History<Draft>;
  selection: Selection;
  select: (selection: Selection) => void;
  scene: Scene;
  types: ReadonlyMap<string, NodeType>;
  canvas: RefObject<CanvasHandle | null>;
}

export interface Commands {
  /** After the selected node, joined to it, or where the view is. */
  add: (type: string) => void;
  addInside: (loopId: string, type: string) => void;
  addAt: (type: string, at: { x: number; y: number }, into: string | null) => void;
  move: (boxes: Map<string, { x: number; y: number }>, dropped: { id: string; into: string | null } | undefined) => void;
  connect: (source: string, port: string, target: string) => void;
  remove: () => void;
  duplicate: () => void;
  /** As text for the clipboard; nothing if nothing is selected. */
  copyText: () => string | undefined;
  pasteText: (text: string) => boolean;
  selectAll: () => void;
  arrange: () => void;
}

/** The width of a card and the gap to the next one. */
const STEP = 288;

function build(current: () => CommandsProps): Commands {
  const change = (to: (draft: Draft) => Draft, mark?: string) => current().history.change(to, mark);
  const only = (id: string): Selection => ({ nodes: new Set([id]), edges: new Set() });
  const insert = (type: string, position: { x: number; y: number } | undefined, parentId: string | null | undefined, after?: { id: string; port: string }) => {
    const { history, scene, select } = current();
    const id = freshId(history.value.definition.nodes, type);
    change((draft) => {
      // What has no place yet is drawn by layers; from now on everything stays where it is seen.
      const before = position ? place(draft.definition, scene.boxes) : draft.definition;
      const added = addNode(before, {
        id,
        type,
        data: {},
        ...(position ? { position: { x: onGrid(position.x), y: onGrid(position.y) } } : {}),
        ...(parentId ? { parentId } : {}),
      });
      return { ...draft, definition: after ? connect(added, after.id, after.port, id) : added };
    });
    select(only(id));
    return id;
  };

  /** A free place right of a node: below what is there already. */
  const besides = (id: string): { x: number; y: number } => {
    const { scene, history } = current();
    const box = scene.boxes.get(id) ?? { x: 0, y: 0, width: 0, height: 0 };
    const parent = history.value.definition.nodes.find((node) => node.id === id)?.parentId ?? null;
    const level = history.value.definition.nodes.filter((node) => (node.parentId ?? null) === parent).flatMap((node) => scene.boxes.get(node.id) ?? []);
    const at = { x: Math.max(box.x + STEP, box.x + box.width + 80), y: box.y };
    while (level.some((other) => at.x < other.x + other.width + 16 && at.x + 224 > other.x && at.y < other.y + other.height + 16 && at.y + 76 > other.y)) {
      at.y += 96;
    }
    return at;
  };

  return {
    add: (type) => {
      const { history, selection, canvas, types } = current();
      const { definition } = history.value;
      const [selected] = selection.nodes.size === 1 ? selection.nodes : [];
      const node = definition.nodes.find(({ id }) => id === selected);
      const canvasAt = canvas.current?.middle() ?? { x: 0, y: 0 };
      const isFollowable = node && !["end", "note"].includes(typeOf(node)) && compensatedBy(node) === undefined && hasEntry(type);
      if (!isFollowable) {
        insert(type, { x: canvasAt.x - 104, y: canvasAt.y - 30 }, null);
        return;
      }
      const nodeType = types.get(typeOf(node));
      const taken = new Set((definition.edges ?? []).filter((edge) => edge.source === node.id).map((edge) => portOf(edge, node, nodeType)));
      const ports = portsOf(node, nodeType).filter((port) => !port.isFailure);
      const port = ports.find(({ id }) => !taken.has(id)) ?? ports[0];
      const id = insert(type, besides(node.id), node.parentId, port && { id: node.id, port: port.id });
      canvas.current?.show([node.id, id]);
    },
    addInside: (loopId, type) => {
      const { history, scene } = current();
      const body = history.value.definition.nodes.filter((node) => node.parentId === loopId);
      const last = body[body.length - 1];
      const box = last && scene.boxes.get(last.id);
      insert(type, { x: box ? box.x + STEP : 24, y: box ? box.y : 44 }, loopId, last && mayFollow(last, type) ? { id: last.id, port: "default" } : undefined);
    },
    addAt: (type, at, into) => {
      insert(type, into ? undefined : { x: at.x - 104, y: at.y - 30 }, into);
    },
    move: (boxes, dropped) =>
      change((draft) => {
        const definition = place(draft.definition, boxes);
        return definition === draft.definition && !dropped ? draft : { ...draft, definition: dropped ? moveInto(definition, dropped.id, dropped.into) : definition };
      }),
    connect: (source, port, target) =>
      change((draft) => {
        const definition = mayConnect(draft.definition, source, target) ? connect(draft.definition, source, port, target) : draft.definition;
        return definition === draft.definition ? draft : { ...draft, definition };
      }),
    remove: () => {
      const { selection, select } = current();
      if (selection.nodes.size + selection.edges.size > 0) {
        change((draft) => ({ ...draft, definition: remove(draft.definition, selection) }));
        select(NOTHING);
      }
    },
    duplicate: () => {
      const { history, selection, scene } = current();
      if (selection.nodes.size > 0) {
        putIn(current(), copy(place(history.value.definition, scene.boxes), selection.nodes));
      }
    },
    copyText: () => {
      const { history, selection, scene } = current();
      return selection.nodes.size > 0 ? JSON.stringify(copy(place(history.value.definition, scene.boxes), selection.nodes), null, 2) : undefined;
    },
    pasteText: (text) => {
      const fragment = readFragment(text);
      if (fragment) {
        putIn(current(), fragment);
      }
      return fragment !== undefined;
    },
    selectAll: () => {
      const { definition } = current().history.value;
      current().select({ nodes: new Set(definition.nodes.map(({ id }) => id)), edges: new Set(edgeKeys(definition.edges ?? [])) });
    },
    arrange: () => {
      const { scene, canvas } = current();
      change((draft) => ({ ...draft, definition: place(draft.definition, layout(draft.definition, { fresh: true, heightOf: scene.heightOf })) }));
      canvas.current?.fit();
    },
  };
}

function mayFollow(last: { type?: string }, type: string): boolean {
  return hasEntry(type) && last.type !== "note" && last.type !== "if-else" && last.type !== "router";
}

function putIn({ history, select, scene }: CommandsProps, fragment: Fragment): void {
  const { definition, ids } = paste(place(history.value.definition, scene.boxes), fragment);
  history.change((draft) => ({ ...draft, definition }));
  select({ nodes: new Set(ids), edges: new Set() });
  if (ids.length > 1) {
    notifyDone(`${ids.length} nodes were added`);
  }
}

/** The commands; they stay the same functions. */
export function useCommands(props: CommandsProps): Commands {
  const latest = useRef(props);
  latest.current = props;
  return useMemo(() => build(() => latest.current), []);
}
