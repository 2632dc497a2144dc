/** What a workflow takes: the schema of its input, and something to begin with for who writes it by hand. */
import type { Definition } from "@sluicegate/sdk";

/** The `inputSchema` of the start node, if it has one that says anything. */
export function inputSchemaOf(definition: Definition | null | undefined): object | undefined {
  const start = definition?.nodes.find(({ type }) => type === "start");
  const schema = (start?.data as { inputSchema?: unknown } | undefined)?.inputSchema;
  return typeof schema === "object" && schema !== null && Object.keys(schema).length > 0 ? schema : undefined;
}

/** Which members of the input the workflow's expressions read. */
export function membersRead(definition: Definition | null | undefined): string[] {
  const names = new Set<string>();
  for (const [, name] of JSON.stringify(definition ?? {}).matchAll(/\binput\.([A-Za-z_]\w*)/g)) {
    names.add(name!);
  }
  return [...names].slice(0, 20);
}

type Schema = {
  type?: string | string[];
  properties?: Record<string, unknown>;
  items?: unknown;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  required?: string[];
  minimum?: number;
};

/** A value that shows the form of what a schema asks for. It need not be valid: the person fills it in. */
export function exampleOf(schema: unknown, depth = 0): unknown {
  if (typeof schema !== "object" || schema === null || depth > 6) {
    return null;
  }
  const { type, properties, items, ...rest } = schema as Schema;
  for (const given of [rest.default, rest.const, rest.examples?.[0], rest.enum?.[0]]) {
    if (given !== undefined) {
      return given;
    }
  }
  switch (Array.isArray(type) ? type[0] : (type ?? (properties ? "object" : undefined))) {
    case "object":
      return Object.fromEntries(Object.entries(properties ?? {}).map(([name, member]) => [name, exampleOf(member, depth + 1)]));
    case "array":
      return items === undefined ? [] : [exampleOf(items, depth + 1)];
    case "string":
      return "";
    case "number":
    case "integer":
      return rest.minimum ?? 0;
    case "boolean":
      return false;
    default:
      return null;
  }
}

/** The input as text to begin with. */
export function beginning(definition: Definition | null | undefined): unknown {
  const schema = inputSchemaOf(definition);
  return schema ? exampleOf(schema) : Object.fromEntries(membersRead(definition).map((name) => [name, null]));
}
