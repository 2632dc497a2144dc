/** Compensation: nodes without edges that undo another one. They are drawn below it, with a line that is no edge. */
import type { Definition } from "@sluicegate/sdk";

type Node = Definition["nodes"][number];

/** The node that this one undoes; undefined for an ordinary node. */
export function compensatedBy(node: Node | undefined): string | undefined {
  const id = node?.data?.["compensates"];
  return typeof id === "string" && id !== "" ? id : undefined;
}

export interface Undo {
  /** What is undone. */
  source: string;
  /** What undoes it. */
  target: string;
}

/** The lines from what is undone to what undoes it, within one scope each. */
export function undoLines(definition: Definition): Undo[] {
  const byId = new Map(definition.nodes.map((node) => [node.id, node]));
  return definition.nodes.flatMap((node) => {
    const source = byId.get(compensatedBy(node) ?? "");
    const isBeside = source !== undefined && source !== node && (source.parentId ?? null) === (node.parentId ?? null);
    return isBeside ? [{ source: source.id, target: node.id }] : [];
  });
}

/** The names of the handles between which such a line is drawn. */
export const UNDO_OUT = "undo-out";
export const UNDO_IN = "undo-in";

/** The id of a line, unlike that of any edge. */
export const undoId = ({ target }: Undo) => `undo ${target}`;
