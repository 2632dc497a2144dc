/** Which field suits a member of a node's `data`, by the JSON Schema of its type. */

export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  default?: unknown;
  minimum?: number;
  maximum?: number;
}

export type FieldKind = "choice" | "choices" | "switch" | "number" | "text" | "texts" | "pairs" | "list" | "group" | "json";

/** What every node has, whatever its type; shown apart from what makes it what it is. */
export const COMMON = ["runIf", "join", "onError", "retry", "timeoutMs"];
/** Shown elsewhere: the name and the type are the node's, the description and what it undoes are on top, the mock is at the test. */
export const HIDDEN = ["nodeType", "label", "description", "mock", "compensates"];
/** Texts for people: not templates, though the server would read them so. */
export const PLAIN = new Set(["label", "id", "description", "text", "color"]);

function typesOf(schema: Schema): string[] {
  return schema.type === undefined ? [] : Array.isArray(schema.type) ? schema.type : [schema.type];
}

export function isTexts(schema: Schema): boolean {
  return schema.items !== undefined && typesOf(schema.items).includes("string") && !schema.items.properties;
}

/** The field for a member; `value` decides where a schema allows several kinds. */
export function kindOf(schema: Schema, value: unknown): FieldKind {
  const types = typesOf(schema);
  if (schema.enum) {
    return "choice";
  }
  if (types.includes("array") && schema.items) {
    const { items } = schema;
    if (typeof value === "string" && types.includes("string")) {
      return "text";
    }
    if (items.enum) {
      return "choices";
    }
    if (items.properties) {
      const names = Object.keys(items.properties);
      return names.length === 2 && names.includes("key") && names.includes("value") ? "pairs" : "list";
    }
    const isList = value === undefined || (Array.isArray(value) && value.every((item) => typeof item === "string"));
    return isTexts(schema) && isList ? "texts" : "json";
  }
  if (types.includes("string")) {
    return value === undefined || typeof value === "string" ? "text" : "json";
  }
  if (types.includes("boolean") && types.length === 1) {
    return "switch";
  }
  if (types.includes("integer") || types.includes("number")) {
    return "number";
  }
  if (types.includes("object") && schema.properties) {
    return "group";
  }
  return "json";
}

/** A text that is an expression by itself, without braces. */
export function isExpression(name: string, schema: Schema): boolean {
  return /^(An expression|Another name of `transformScript`|Where the items are)/.test(schema.description ?? "") || name === "runIf";
}

/** `httpAuthType` as a label: "Http auth type"; the name itself is shown beside it. */
export function labelOf(name: string): string {
  const words = name
    .replace(/^http(?=[A-Z])/, "")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .replace(/\burl\b/, "URL")
    .replace(/ ms$/, " (ms)");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A mock's schema, the output first, with the ports that this node has where there is more than one to choose from. */
export function mockSchema(schema: Schema, ports: readonly string[], chosen: unknown): Schema {
  const { output, branch, ...others } = schema.properties ?? {};
  const names = typeof chosen === "string" && !ports.includes(chosen) ? [...ports, chosen] : ports;
  const members = { ...(output && { output }), ...(branch && names.length > 1 && { branch: { ...branch, enum: [...names] } }), ...others };
  return { ...schema, properties: members };
}

/** Required and already set ones first, then those of the example, then the others. */
export function arrange(schema: Schema, data: Record<string, unknown>, example: Record<string, unknown>): { first: string[]; more: string[]; common: string[] } {
  // Other names for the same member: only where somebody has used them.
  const isAlias = (name: string) => data[name] === undefined && /^Another name of/.test(schema.properties?.[name]?.description ?? "");
  const names = Object.keys(schema.properties ?? {}).filter((name) => !HIDDEN.includes(name) && !isAlias(name));
  const required = new Set(schema.required ?? []);
  const isFirst = (name: string) => required.has(name) || data[name] !== undefined || example[name] !== undefined;
  const own = names.filter((name) => !COMMON.includes(name));
  const few = own.length <= 5;
  const first = own.filter((name) => few || isFirst(name)).sort((left, right) => Number(required.has(right)) - Number(required.has(left)));
  return { first, more: own.filter((name) => !first.includes(name)), common: COMMON.filter((name) => names.includes(name)) };
}
