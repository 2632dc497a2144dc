/** Reads a definition from text; what it means is for the server to check. */
import type { Definition } from "@sluicegate/sdk";

export type Read = { definition: Definition; name?: string | undefined; description?: string | undefined } | { problem: string };

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A definition alone, or beside its name and description as in an exported file. */
export function readFile(text: string): Read {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: /^\s*[\w-]+:\s/m.test(text) && !/^\s*[{[]/.test(text) ? "This looks like YAML; here only JSON can be read." : "This is no JSON." };
  }
  const inner = isObject(value) && isObject(value["definition"]) ? value["definition"] : value;
  if (!isObject(inner) || !Array.isArray(inner["nodes"]) || !inner["nodes"].every((node) => isObject(node) && typeof node["id"] === "string")) {
    return { problem: "A definition has a list of `nodes`, each with an `id`." };
  }
  const { edges } = inner;
  const isEdge = (edge: unknown) => isObject(edge) && typeof edge["source"] === "string" && typeof edge["target"] === "string";
  if (edges !== undefined && edges !== null && !(Array.isArray(edges) && edges.every(isEdge))) {
    return { problem: "The `edges` of a definition are a list, each with `source` and `target`." };
  }
  const texts = isObject(value) ? value : {};
  const [name, description] = [texts["name"], texts["description"]].map((text) => (typeof text === "string" ? text : undefined));
  // Files may name themselves beside the definition; that is no part of it.
  const { name: _, description: __, ...definition } = inner;
  return { definition: definition as unknown as Definition, name, description };
}
