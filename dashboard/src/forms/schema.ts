/**
 * What a JSON Schema says about a form: which control a value has, what it begins with, what it is called. Only a part of JSON
 * Schema is understood; the rest is written as JSON. The server alone judges values: validators compile schemas to code, which
 * the page's policy forbids.
 */

/** A schema that is an object: `true` and `false` have no form of their own. */
export type Schema = { readonly [keyword: string]: unknown };

/** One of the values to choose from. */
export interface Option {
  value: unknown;
  label: string;
  description?: string | undefined;
}

/** A member of an object. */
export interface Property {
  name: string;
  schema: Schema;
  isRequired: boolean;
}

/** How a value is filled in. */
export type Control =
  | { kind: "text"; input: "text" | "date" | "datetime-local" | "time" | "email" | "url" | "password"; isLong: boolean }
  | { kind: "number"; isInteger: boolean }
  | { kind: "boolean" }
  | { kind: "constant"; value: unknown }
  | { kind: "choice"; options: Option[] }
  | { kind: "choices"; options: Option[] }
  | { kind: "object"; properties: Property[] }
  | { kind: "list"; items: Schema }
  | { kind: "json" };

/** Deeper than this a schema is written as JSON: it may refer to itself. */
const MAX_DEPTH = 6;
const MAX_REFERENCES = 16;
/** Texts that may be longer than this have several lines. */
const LONG_TEXT = 200;
const COMPOSED = ["anyOf", "oneOf", "allOf", "if", "not", "$ref", "patternProperties", "dependentSchemas"];
const NOTHING: Schema = {};

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asSchema(value: unknown): Schema {
  return isObject(value) ? value : NOTHING;
}

/** A part of a JSON Pointer. */
export function segment(name: string | number): string {
  return `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function at(root: Schema, reference: string): unknown {
  let value: unknown = root;
  for (const part of reference.slice(1).split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    value = isObject(value) || Array.isArray(value) ? (value as Record<string, unknown>)[name] : undefined;
  }
  return value;
}

/** The schema that references lead to; what stands beside a reference (a title, a default) counts first. */
export function resolve(root: Schema, written: Schema): Schema {
  let schema = written;
  for (let count = 0; count < MAX_REFERENCES && typeof schema["$ref"] === "string" && schema["$ref"].startsWith("#"); count++) {
    const { $ref, ...beside } = schema;
    const target = at(root, $ref as string);
    if (!isObject(target)) {
      break;
    }
    schema = { ...target, ...beside };
  }
  // "This or null" is this, left empty.
  for (const keyword of ["anyOf", "oneOf"]) {
    const of = schema[keyword];
    if (Array.isArray(of) && of.length === 2) {
      const others = of.filter((each) => asSchema(each)["type"] !== "null");
      if (others.length === 1) {
        const { [keyword]: _, ...beside } = schema;
        return { ...resolve(root, asSchema(others[0])), ...beside };
      }
    }
  }
  return schema;
}

/** The type, where there is one beside null. */
function typeOf(schema: Schema): string | undefined {
  const type = schema["type"];
  if (Array.isArray(type)) {
    const types = type.filter((each) => each !== "null");
    return types.length === 1 ? String(types[0]) : "any";
  }
  return typeof type === "string" ? type : undefined;
}

/** The values to choose from, of `enum` or of `oneOf` with a constant each. */
function optionsOf(schema: Schema): Option[] | undefined {
  const values = schema["enum"];
  if (Array.isArray(values)) {
    const names = schema["enumNames"] ?? schema["x-enumNames"];
    return values.map((value, index) => ({ value, label: (Array.isArray(names) && text(names[index])) || plain(value) }));
  }
  const of = schema["oneOf"] ?? schema["anyOf"];
  if (Array.isArray(of) && of.length > 0 && of.every((each) => isObject(each) && "const" in each)) {
    return (of as Schema[]).map((each) => ({
      value: each["const"],
      label: text(each["title"]) ?? plain(each["const"]),
      description: text(each["description"]),
    }));
  }
  return undefined;
}

/** The control of a value; the schema is resolved. */
export function controlOf(root: Schema, schema: Schema, depth = 0): Control {
  if ("const" in schema) {
    return { kind: "constant", value: schema["const"] };
  }
  const options = optionsOf(schema);
  if (options) {
    return { kind: "choice", options };
  }
  const properties = schema["properties"];
  if (!isObject(properties) && COMPOSED.some((keyword) => keyword in schema)) {
    return { kind: "json" };
  }
  switch (typeOf(schema)) {
    case "object":
    case undefined:
      return isObject(properties) && Object.keys(properties).length > 0 && depth < MAX_DEPTH
        ? { kind: "object", properties: propertiesOf(schema, properties) }
        : { kind: "json" };
    case "array": {
      if (!isObject(schema["items"]) || depth >= MAX_DEPTH) {
        return { kind: "json" };
      }
      const items = resolve(root, schema["items"]);
      const control = controlOf(root, items, depth + 1);
      // The same value twice can't be ticked.
      return control.kind === "choice" ? { kind: "choices", options: control.options } : control.kind === "json" ? control : { kind: "list", items };
    }
    case "boolean":
      return { kind: "boolean" };
    case "number":
      return { kind: "number", isInteger: false };
    case "integer":
      return { kind: "number", isInteger: true };
    case "string":
      return textControl(schema);
    default:
      return { kind: "json" };
  }
}

const INPUTS: Record<string, "date" | "datetime-local" | "time" | "email" | "url" | "password"> = {
  date: "date",
  "date-time": "datetime-local",
  time: "time",
  email: "email",
  "idn-email": "email",
  uri: "url",
  iri: "url",
  password: "password",
};

function textControl(schema: Schema): Control {
  const input = INPUTS[String(schema["format"])] ?? "text";
  const most = schema["maxLength"];
  const isLong = input === "text" && (schema["x-multiline"] === true || schema["format"] === "textarea" || (typeof most === "number" && most > LONG_TEXT));
  return { kind: "text", input, isLong };
}

/** A schema's members have no order on the server; what must be filled in comes first. `x-order` says otherwise. */
function propertiesOf(schema: Schema, properties: Record<string, unknown>): Property[] {
  const required = Array.isArray(schema["required"]) ? (schema["required"] as unknown[]) : [];
  const place = ({ schema, isRequired }: Property) => (typeof schema["x-order"] === "number" ? schema["x-order"] : isRequired ? 1e6 : 2e6);
  return Object.entries(properties)
    .map(([name, schema]) => ({ name, schema: asSchema(schema), isRequired: required.includes(name) }))
    .sort((one, other) => place(one) - place(other));
}

/** What a form begins with: defaults, constants, and what can't be left out. */
export function initialValue(written: unknown): unknown {
  return beginning(asSchema(written), asSchema(written), true, 0);
}

/** The same for a part of it. */
export function beginning(root: Schema, written: Schema, isRequired: boolean, depth: number): unknown {
  const schema = resolve(root, written);
  if ("default" in schema) {
    return schema["default"];
  }
  const control = controlOf(root, schema, depth);
  switch (control.kind) {
    case "constant":
      return isRequired ? control.value : undefined;
    case "boolean":
      return isRequired ? false : undefined;
    case "choices":
    case "list":
      return isRequired ? [] : undefined;
    case "object": {
      const members = control.properties
        .map(({ name, schema, isRequired }) => [name, beginning(root, schema, isRequired, depth + 1)] as const)
        .filter(([, value]) => value !== undefined);
      return isRequired || members.length > 0 ? Object.fromEntries(members) : undefined;
    }
    default:
      return undefined;
  }
}

/** A text that is one, and not empty. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A value as the text of a choice. */
export function plain(value: unknown): string {
  return typeof value === "string" ? value : value === null ? "None" : JSON.stringify(value);
}

/** What a member is called where its schema has no title: `dueDate` and `due_date` are "Due date". */
export function humanized(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/[_-]+/g, " ").trim();
  const sentence = words.replace(/\b[A-Z](?=[a-z])/g, (letter) => letter.toLowerCase());
  return sentence.charAt(0).toUpperCase() + sentence.slice(1) || name;
}

/** What the schema asks for, in words. */
export function hintOf(schema: Schema, control: Control): string | undefined {
  const number = (keyword: string) => (typeof schema[keyword] === "number" ? String(schema[keyword]) : undefined);
  const range = (least: string | undefined, most: string | undefined, unit: string) => {
    if (least !== undefined && most !== undefined) {
      return least === most ? `Exactly ${least}${unit}.` : `From ${least} to ${most}${unit}.`;
    }
    return least !== undefined ? `At least ${least}${unit}.` : most !== undefined ? `At most ${most}${unit}.` : undefined;
  };
  switch (control.kind) {
    case "number": {
      const above = number("exclusiveMinimum");
      const below = number("exclusiveMaximum");
      const step = number("multipleOf");
      const parts = [
        range(number("minimum"), number("maximum"), ""),
        above && `More than ${above}.`,
        below && `Less than ${below}.`,
        step && `A multiple of ${step}.`,
      ];
      return parts.filter(Boolean).join(" ") || undefined;
    }
    case "text": {
      const least = number("minLength");
      const length = control.input === "text" ? range(least === "1" ? undefined : least, number("maxLength"), " characters") : undefined;
      const pattern = text(schema["pattern"]);
      return [length, pattern && !text(schema["description"]) && `Looks like ${pattern}`].filter(Boolean).join(" ") || undefined;
    }
    case "choices":
      return range(number("minItems"), number("maxItems"), " of these");
    case "list":
      return range(number("minItems"), number("maxItems"), " items");
    case "json":
      return "Written as JSON.";
    default:
      return undefined;
  }
}
