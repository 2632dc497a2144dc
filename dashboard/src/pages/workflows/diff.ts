/** What is different between two definitions: nodes, edges, settings, each down to the member. */
import type { Definition } from "@sluicegate/sdk";

export type Kind = "added" | "removed" | "changed";

export interface FieldChange {
  /** Names from the outside in: `data.routes.0.id`. */
  path: string;
  before: unknown;
  after: unknown;
}

export interface Change {
  kind: Kind;
  id: string;
  title: string;
  fields: FieldChange[];
}

export interface Difference {
  nodes: Change[];
  edges: Change[];
  settings: FieldChange[];
  /** How many nodes are only drawn elsewhere. */
  moved: number;
}

type Node = Definition["nodes"][number];
type Edge = NonNullable<Definition["edges"]>[number];

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Members that differ, as deep as both have the same kind. */
export function fieldChanges(before: unknown, after: unknown, path: string[] = []): FieldChange[] {
  if (Object.is(before, after)) {
    return [];
  }
  if (isObject(before) && isObject(after) && Array.isArray(before) === Array.isArray(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => fieldChanges(before[name], after[name], [...path, name]));
  }
  // Null, nothing and an empty object mean the same.
  const isNothing = (value: unknown) => value === undefined || value === null || (isObject(value) && Object.keys(value).length === 0);
  return isNothing(before) && isNothing(after) ? [] : [{ path: path.join("."), before, after }];
}

/** By what an edge is known again: what it joins. */
export function edgeName(edge: Edge): string {
  return `${edge.source}${edge.sourceHandle ? ` · ${edge.sourceHandle}` : ""} → ${edge.target}`;
}

function compare<Item>(before: readonly Item[], after: readonly Item[], id: (item: Item) => string, title: (item: Item) => string, bare: (item: Item) => unknown): Change[] {
  const old = new Map(before.map((item) => [id(item), item]));
  const changes: Change[] = [];
  const kept = new Set<string>();
  for (const item of after) {
    const was = old.get(id(item));
    kept.add(id(item));
    if (was === undefined) {
      changes.push({ kind: "added", id: id(item), title: title(item), fields: [] });
    } else {
      const fields = fieldChanges(bare(was), bare(item));
      if (fields.length > 0) {
        changes.push({ kind: "changed", id: id(item), title: title(item), fields });
      }
    }
  }
  const removed = before.filter((item) => !kept.has(id(item)));
  return [...removed.map((item): Change => ({ kind: "removed", id: id(item), title: title(item), fields: [] })), ...changes];
}

export function difference(before: Definition, after: Definition): Difference {
  const bareNode = ({ position: _, ...node }: Node) => node;
  // Whether a default is written down makes no difference, nor does an edge's id.
  const bareEdge = ({ id: _, sourceHandle: __, ...edge }: Edge) => edge;
  const places = new Map(before.nodes.map((node) => [node.id, node.position]));
  const moved = after.nodes.filter((node) => places.has(node.id) && fieldChanges(places.get(node.id), node.position).length > 0).length;
  return {
    nodes: compare(before.nodes, after.nodes, (node) => node.id, (node) => node.name || node.id, bareNode),
    edges: compare(before.edges ?? [], after.edges ?? [], edgeName, edgeName, bareEdge),
    settings: [...fieldChanges(before.settings, after.settings), ...fieldChanges(before.metadata, after.metadata, ["metadata"])],
    moved,
  };
}

export function isSame({ nodes, edges, settings, moved }: Difference): boolean {
  return nodes.length + edges.length + settings.length + moved === 0;
}

/** Both in one: what is gone stands where it was, so that it can be seen. */
export function union(before: Definition, after: Definition): Definition {
  const ids = new Set(after.nodes.map(({ id }) => id));
  const edges = new Set((after.edges ?? []).map(edgeName));
  const all = [...ids, ...before.nodes.map(({ id }) => id)];
  return {
    nodes: [...after.nodes, ...before.nodes.filter(({ id }) => !ids.has(id)).map((node) => (node.parentId && !all.includes(node.parentId) ? { ...node, parentId: null } : node))],
    edges: [...(after.edges ?? []), ...(before.edges ?? []).filter((edge) => !edges.has(edgeName(edge))).map(({ id: _, ...edge }) => edge)],
  };
}
