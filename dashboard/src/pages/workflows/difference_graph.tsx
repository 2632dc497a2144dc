/** A difference on the graph: what is new, what is gone, what has changed. */
import type { Definition } from "@sluicegate/sdk";
import { useMemo } from "react";

import { Canvas } from "../editor/canvas";
import { edgeKeys, NOTHING } from "../editor/model";
import { useNodeTypes } from "../editor/queries";
import { type Mark, useScene } from "../editor/scene";
import { type Difference, edgeName, union } from "./diff";

export default function DifferenceGraph({ before, after, difference }: { before: Definition; after: Definition; difference: Difference }) {
  const { data: list } = useNodeTypes();
  const types = useMemo(() => new Map((list ?? []).map((type) => [type.type, type])), [list]);
  const definition = useMemo(() => union(before, after), [before, after]);
  const marks = useMemo(() => new Map<string, Mark>(difference.nodes.map(({ id, kind }) => [id, kind])), [difference]);
  const edgeMarks = useMemo(() => {
    const kinds = new Map<string, Mark>(difference.edges.map(({ id, kind }) => [id, kind]));
    const edges = definition.edges ?? [];
    return new Map(edgeKeys(edges).flatMap((key, index): [string, Mark][] => {
      const edge = edges[index];
      const kind = edge && kinds.get(edgeName(edge));
      return kind ? [[key, kind]] : [];
    }));
  }, [definition, difference]);
  const scene = useScene({ definition, types, selection: NOTHING, marks, edgeMarks });
  return list ? <Canvas scene={scene} label="Changes on the graph" focus={difference.nodes.map(({ id }) => id)} /> : null;
}
