/** What can be done to a definition: each change gives a new one, and leaves alone what it does not touch. */
import type { Definition } from "@sluicegate/sdk";

import { compensatedBy } from "../../graph/compensation";
import type { Box } from "../../graph/layout";
import { type EdgeDefinition, type NodeDefinition, typeOf } from "./ports";

/** What the editor edits. */
export interface Draft {
  name: string;
  description: string;
  definition: Definition;
}

export interface Selection {
  nodes: ReadonlySet<string>;
  /** By {@link edgeKeys}. */
  edges: ReadonlySet<string>;
}

export const NOTHING: Selection = { nodes: new Set(), edges: new Set() };
const GRID = 16;

export const onGrid = (value: number) => Math.round(value / GRID) * GRID;

/** A name for each edge: its id, or what it joins. */
export function edgeKeys(edges: readonly EdgeDefinition[]): string[] {
  const seen = new Set<string>();
  return edges.map((edge) => {
    const wanted = edge.id || `${edge.source}:${edge.sourceHandle ?? ""}→${edge.target}`;
    let key = wanted;
    for (let count = 2; seen.has(key); count++) {
      key = `${wanted} ${count}`;
    }
    seen.add(key);
    return key;
  });
}

/** An id that no node has yet: `http-2`. */
export function freshId(nodes: readonly { id: string }[], wanted: string): string {
  const taken = new Set(nodes.map(({ id }) => id));
  const base = wanted.replace(/-\d+$/, "").slice(0, 56) || "node";
  if (!taken.has(base)) {
    return base;
  }
  let number = 2;
  while (taken.has(`${base}-${number}`)) {
    number += 1;
  }
  return `${base}-${number}`;
}

export function mapNode(definition: Definition, id: string, change: (node: NodeDefinition) => NodeDefinition): Definition {
  return { ...definition, nodes: definition.nodes.map((node) => (node.id === id ? change(node) : node)) };
}

/** Sets a member of a node's `data`; undefined takes it out. */
export function setData(definition: Definition, id: string, name: string, value: unknown): Definition {
  return mapNode(definition, id, (node) => {
    const { [name]: _, ...rest } = node.data ?? {};
    // The order of members stays as it was written.
    return { ...node, data: value === undefined ? rest : { ...node.data, [name]: value } };
  });
}

/** Writes down where everything is drawn: once one node has a place, all have. */
export function place(definition: Definition, boxes: ReadonlyMap<string, Pick<Box, "x" | "y">>): Definition {
  const nodes = definition.nodes.map((node) => {
    const box = boxes.get(node.id);
    return box && (box.x !== node.position?.x || box.y !== node.position?.y) ? { ...node, position: { x: box.x, y: box.y } } : node;
  });
  return nodes.every((node, index) => node === definition.nodes[index]) ? definition : { ...definition, nodes };
}

export function addNode(definition: Definition, node: NodeDefinition): Definition {
  return { ...definition, nodes: [...definition.nodes, node] };
}

/** Joins two nodes; what is joined already stays as it is. */
export function connect(definition: Definition, source: string, port: string, target: string): Definition {
  const edges = definition.edges ?? [];
  const handle = port === "default" ? undefined : port;
  if (edges.some((edge) => edge.source === source && edge.target === target && (edge.sourceHandle ?? undefined) === handle)) {
    return definition;
  }
  return { ...definition, edges: [...edges, { source, target, ...(handle === undefined ? {} : { sourceHandle: handle }) }] };
}

/** Whether an edge may join the two: within one level, not to itself, not into a start or a note, and with nothing that compensates. */
export function mayConnect(definition: Definition, source: string, target: string): boolean {
  const [from, to] = [source, target].map((id) => definition.nodes.find((node) => node.id === id));
  return (
    from !== undefined &&
    to !== undefined &&
    from !== to &&
    (from.parentId ?? null) === (to.parentId ?? null) &&
    !["start", "note"].includes(typeOf(to)) &&
    !["end", "note"].includes(typeOf(from)) &&
    compensatedBy(from) === undefined &&
    compensatedBy(to) === undefined
  );
}

/** The nodes that this one may undo: those beside it which do something, and are not undoing themselves. */
export function compensable(definition: Definition, node: NodeDefinition): NodeDefinition[] {
  return definition.nodes.filter(
    (other) =>
      other !== node && (other.parentId ?? null) === (node.parentId ?? null) && !["start", "end", "note"].includes(typeOf(other)) && compensatedBy(other) === undefined,
  );
}

/** Has a node undo another one: its edges go. Null makes it an ordinary node again. */
export function compensate(definition: Definition, id: string, compensated: string | null): Definition {
  const next = setData(definition, id, "compensates", compensated ?? undefined);
  return compensated === null ? next : { ...next, edges: (next.edges ?? []).filter((edge) => edge.source !== id && edge.target !== id) };
}

/** The nodes and all that is inside of them. */
export function withBodies(definition: Definition, ids: ReadonlySet<string>): Set<string> {
  const all = new Set(ids);
  for (let size = -1; size !== all.size; ) {
    size = all.size;
    for (const node of definition.nodes) {
      if (node.parentId && all.has(node.parentId)) {
        all.add(node.id);
      }
    }
  }
  return all;
}

export function remove(definition: Definition, selection: Selection): Definition {
  const gone = withBodies(definition, selection.nodes);
  const edges = definition.edges ?? [];
  const keys = edgeKeys(edges);
  return {
    ...definition,
    nodes: definition.nodes.filter(({ id }) => !gone.has(id)),
    edges: edges.filter((edge, index) => !gone.has(edge.source) && !gone.has(edge.target) && !selection.edges.has(keys[index] ?? "")),
  };
}

/** Gives a node another id, in its edges, its body and what undoes it, too. Expressions are text: those that name it stay. */
export function rename(definition: Definition, from: string, to: string): Definition {
  return {
    ...definition,
    nodes: definition.nodes.map((old) => {
      const node = compensatedBy(old) === from ? { ...old, data: { ...old.data, compensates: to } } : old;
      return node.id === from ? { ...node, id: to } : node.parentId === from ? { ...node, parentId: to } : node;
    }),
    edges: (definition.edges ?? []).map((edge) =>
      edge.source === from || edge.target === from
        ? { ...edge, source: edge.source === from ? to : edge.source, target: edge.target === from ? to : edge.target }
        : edge,
    ),
  };
}

/** Puts a node into the body of a loop, or out of it; its edges to where it was go. */
export function moveInto(definition: Definition, id: string, parentId: string | null): Definition {
  if (parentId !== null && withBodies(definition, new Set([id])).has(parentId)) {
    return definition;
  }
  const level = new Map(definition.nodes.map((node) => [node.id, node.parentId ?? null]));
  level.set(id, parentId);
  return {
    ...mapNode(definition, id, ({ parentId: _, position: __, ...node }) => (parentId === null ? node : { ...node, parentId })),
    edges: (definition.edges ?? []).filter(
      (edge) => (edge.source !== id && edge.target !== id) || level.get(edge.source) === level.get(edge.target),
    ),
  };
}

export interface Fragment {
  nodes: NodeDefinition[];
  edges: EdgeDefinition[];
}

/** Nodes with their bodies, and the edges between them. */
export function copy(definition: Definition, ids: ReadonlySet<string>): Fragment {
  const all = withBodies(definition, ids);
  return {
    nodes: definition.nodes.filter((node) => all.has(node.id)),
    edges: (definition.edges ?? []).filter((edge) => all.has(edge.source) && all.has(edge.target)),
  };
}

/** Adds copies under new ids, a little aside; gives the ids of those at the top as well. */
export function paste(definition: Definition, fragment: Fragment): { definition: Definition; ids: string[] } {
  const nodes = [...definition.nodes];
  const ids = new Map<string, string>();
  for (const node of fragment.nodes) {
    const isSecondStart = typeOf(node) === "start" && nodes.some((other) => typeOf(other) === "start");
    if (!isSecondStart) {
      const id = freshId(nodes, node.id);
      ids.set(node.id, id);
      nodes.push({ ...node, id });
    }
  }
  const first = definition.nodes.length;
  const added = nodes.slice(first).map((node) => {
    const inside = node.parentId ? ids.get(node.parentId) : undefined;
    const { position } = node;
    // A body's nodes keep their place in it; one whose loop is not here any more comes to the top.
    const isHere = !inside && definition.nodes.some((other) => other.id === node.parentId);
    const { parentId, ...rest } = node;
    const undone = ids.get(compensatedBy(node) ?? "");
    return {
      ...rest,
      ...(undone ? { data: { ...node.data, compensates: undone } } : {}),
      ...(inside ? { parentId: inside } : isHere && parentId ? { parentId } : {}),
      ...(position && !inside ? { position: { x: position.x + 2 * GRID, y: position.y + 2 * GRID } } : {}),
    };
  });
  const edges = fragment.edges.flatMap(({ id: _, ...edge }) => {
    const [source, target] = [ids.get(edge.source), ids.get(edge.target)];
    return source && target ? [{ ...edge, source, target }] : [];
  });
  return {
    definition: { ...definition, nodes: [...nodes.slice(0, first), ...added], edges: [...(definition.edges ?? []), ...edges] },
    ids: added.filter((node) => !("parentId" in node) || ![...ids.values()].includes(node.parentId ?? "")).map(({ id }) => id),
  };
}

/** Reads what was copied, perhaps in another tab: foreign text until shown otherwise. */
export function readFragment(text: string): Fragment | undefined {
  try {
    const { nodes, edges = [] } = JSON.parse(text) as Partial<Fragment>;
    const isFine =
      Array.isArray(nodes) &&
      nodes.length > 0 &&
      nodes.every((node) => typeof node?.id === "string" && (node.data === undefined || (typeof node.data === "object" && node.data !== null))) &&
      Array.isArray(edges) &&
      edges.every((edge) => typeof edge?.source === "string" && typeof edge?.target === "string");
    return isFine ? { nodes, edges } : undefined;
  } catch {
    return undefined;
  }
}

/** Ids of the nodes that run before this one, nearest first: what its expressions may read. */
export function before(definition: Definition, id: string): string[] {
  const found: string[] = [];
  const queue = [id];
  const parents = new Map(definition.nodes.map((node) => [node.id, node.parentId]));
  const undoes = new Map(definition.nodes.map((node) => [node.id, compensatedBy(node)]));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const undone = undoes.get(next);
    const sources = undone ? [undone] : (definition.edges ?? []).filter((edge) => edge.target === next).map((edge) => edge.source);
    const parent = parents.get(next);
    const isEntry = sources.length === 0 && parent;
    for (const source of isEntry ? [parent] : sources) {
      if (source !== id && !found.includes(source)) {
        found.push(source);
        queue.push(source);
      }
    }
  }
  return found;
}
