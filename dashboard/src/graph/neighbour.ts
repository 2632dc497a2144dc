/** From node to node by the arrow keys: along the edges, and to what lies above and below. */
import type { Definition } from "@sluicegate/sdk";

import type { Box } from "./layout";

/** Where a key leads from a node, if anywhere. */
export function neighbour(definition: Definition, boxes: ReadonlyMap<string, Box>, from: string, key: string): string | undefined {
  const edges = definition.edges ?? [];
  const here = definition.nodes.find((node) => node.id === from);
  switch (key) {
    case "ArrowRight":
      return edges.find((edge) => edge.source === from)?.target ?? definition.nodes.find((node) => node.parentId === from)?.id;
    case "ArrowLeft":
      return edges.find((edge) => edge.target === from)?.source ?? here?.parentId ?? undefined;
    case "ArrowUp":
    case "ArrowDown": {
      const box = boxes.get(from);
      const sign = key === "ArrowDown" ? 1 : -1;
      const beside = definition.nodes
        .filter((node) => node.id !== from && node.type !== "note" && (node.parentId ?? null) === (here?.parentId ?? null))
        .map((node) => ({ id: node.id, box: boxes.get(node.id) }))
        .filter((other) => other.box && box && sign * (other.box.y - box.y) > 8)
        .map((other) => ({ id: other.id, distance: Math.hypot(2 * ((other.box?.x ?? 0) - (box?.x ?? 0)), (other.box?.y ?? 0) - (box?.y ?? 0)) }));
      return beside.sort((a, b) => a.distance - b.distance)[0]?.id;
    }
    default:
      return undefined;
  }
}
