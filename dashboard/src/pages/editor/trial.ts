/** The test of one node by itself: the values it is given, as they are typed, and where they come from to begin with. */
import type { Definition, Execution, Schemas } from "@sluicegate/sdk";

import { patient } from "../../api/client";
import { parseJson, writeJson } from "../../forms/json_text";
import { compensatedBy } from "../../graph/compensation";
import { fieldErrorsOf } from "../../ui/problem";
import { before } from "./model";
import { type NodeDefinition, typeOf } from "./ports";
import type { PlacedProblem } from "./problems";

export type Tested = Schemas["TestedNode"];

/** The values of a test, by the names of expressions; `nodes` are outputs by node id. */
export const VALUES = ["input", "lastOutput", "nodes", "item", "index", "variables", "context"] as const;
export type ValueName = (typeof VALUES)[number];
export type Texts = Readonly<Record<ValueName, string>>;

/** What came of a test, and of which configuration. */
export type Outcome = { readonly data: NodeDefinition["data"] } & ({ readonly tested: Tested } | { readonly failure: unknown });

/** The last test of a node. */
export interface Trial {
  readonly texts: Texts;
  readonly outcome?: Outcome | undefined;
}

/** The tests of a workflow's nodes, kept while its editor is open. */
export interface Trials {
  readonly workflowId: string;
  readonly byNode: Map<string, Trial>;
}

const mentions = (node: NodeDefinition, name: string) => new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(JSON.stringify(node.data ?? {}));
/** The same of a name that may be a field's as well. */
const reads = (node: NodeDefinition, name: string) => new RegExp(`(?<![\\w-])${name}\\s*(\\.|\\[|\\}\\})`).test(JSON.stringify(node.data ?? {}));

/** The values that this node can see: the others are neither asked for nor sent. */
export function valuesOf(definition: Definition, node: NodeDefinition): ValueName[] {
  const isShown: Record<ValueName, boolean> = {
    input: true,
    lastOutput: true,
    nodes: before(definition, node.id).length > 0 || mentions(node, "nodeResults"),
    item: !!node.parentId,
    index: !!node.parentId,
    variables: reads(node, "variables"),
    context: reads(node, "context"),
  };
  return VALUES.filter((name) => isShown[name]);
}

/** Where outputs of other nodes are taken from. */
type Outputs = ReadonlyMap<string, unknown>;

function textsOf(definition: Definition, node: NodeDefinition, outputs: Outputs, values: { input: unknown; context?: unknown }): Texts {
  const earlier = before(definition, node.id);
  // What is read and not known is there to be filled in.
  const known = earlier.flatMap((id) => (outputs.has(id) ? [[id, outputs.get(id)]] : mentions(node, id) ? [[id, null]] : [])) as [string, unknown][];
  const sources = new Set((definition.edges ?? []).filter(({ target }) => target === node.id).map(({ source }) => source));
  const [last] = compensatedBy(node) === undefined ? sources : [compensatedBy(node)];
  return {
    input: writeJson(values.input ?? {}),
    lastOutput: sources.size <= 1 && last !== undefined && outputs.has(last) ? writeJson(outputs.get(last)) : "",
    nodes: writeJson(Object.fromEntries(known)),
    item: "null",
    index: "0",
    variables: "{}",
    context: writeJson(values.context ?? {}),
  };
}

/** From what was tested here, and from mocks. */
export function fromTrials(definition: Definition, node: NodeDefinition, { byNode }: Trials, input: unknown): Texts {
  const outputs = new Map<string, unknown>();
  for (const { id, data } of definition.nodes) {
    const outcome = byNode.get(id)?.outcome;
    const mock = data?.["mock"] as { output?: unknown } | null | undefined;
    if (outcome && "tested" in outcome && outcome.tested.status === "completed") {
      outputs.set(id, outcome.tested.output ?? null);
    } else if (mock?.output !== undefined) {
      outputs.set(id, mock.output);
    }
  }
  return textsOf(definition, node, outputs, { input });
}

/** From what an execution has recorded. */
export function fromExecution(definition: Definition, node: NodeDefinition, { input, context, nodes }: Execution): Texts {
  const completed = (nodes ?? []).filter(({ status }) => status === "completed");
  return textsOf(definition, node, new Map(completed.map(({ nodeId, output }) => [nodeId, output ?? null])), { input, context });
}

export type Mistakes = Partial<Record<ValueName, string>>;

/** The body of the request; what is no JSON the fields tell themselves. */
export function read(texts: Texts, shown: readonly ValueName[], node: NodeDefinition): { body: Schemas["TestNode"] | undefined; mistakes: Mistakes } {
  const mistakes: Mistakes = {};
  const values = new Map<ValueName, unknown>();
  let isReadable = true;
  for (const name of shown) {
    const parsed = parseJson(texts[name]);
    if (parsed.problem) {
      isReadable = false;
    } else if (parsed.value !== undefined) {
      values.set(name, parsed.value);
    }
  }
  for (const name of ["nodes", "variables", "context"] as const) {
    const value = values.get(name);
    if (value !== undefined && (typeof value !== "object" || value === null || Array.isArray(value))) {
      mistakes[name] = name === "nodes" ? 'Write an object with an output for each node: {"fetch": 1}' : 'Write an object: {"name": 1}';
    }
  }
  const index = values.get("index") ?? 0;
  if (!Number.isSafeInteger(index) || (index as number) < 0) {
    mistakes.index = "Write a whole number from 0";
  }
  if (!isReadable || Object.keys(mistakes).length > 0) {
    return { body: undefined, mistakes };
  }
  const { nodes, ...others } = Object.fromEntries(values) as Partial<Record<ValueName, unknown>>;
  const nodeResults = Object.fromEntries(Object.entries(nodes ?? {}).map(([id, output]) => [id, { output }]));
  const tested = { type: typeOf(node), name: node.name ?? null, data: node.data ?? {} };
  return { body: { ...others, node: tested, nodeResults } as Schemas["TestNode"], mistakes };
}

export function testNode(path: string, body: Schemas["TestNode"], signal: AbortSignal): Promise<Tested> {
  return patient.request("POST", path, { body, signal });
}

/** Whether an outcome is about the node as it is now; tests take no notice of its mock. */
export function isCurrent({ data: then = {} }: Outcome, { data: now = {} }: NodeDefinition): boolean {
  return [...new Set([...Object.keys(then), ...Object.keys(now)])].every((name) => name === "mock" || then[name] === now[name]);
}

/** What the server has refused of the configuration as it is, placed as the validation places it. */
export function refusals(trial: Trial | undefined, node: NodeDefinition): PlacedProblem[] {
  const { outcome } = trial ?? {};
  if (!outcome || !("failure" in outcome) || outcome.data !== node.data) {
    return [];
  }
  return fieldErrorsOf(outcome.failure)
    .filter(({ path }) => path.startsWith("/node/"))
    .map(({ path, message }) => ({
      message,
      path,
      nodeId: node.id,
      edgeKey: undefined,
      field: path.startsWith("/node/data/") ? path.slice("/node/data".length) : undefined,
    }));
}

/** The mock that gives again what a test gave; undefined where the test has no result yet. */
export function mockOf({ status, output, branch, error }: Tested): Record<string, unknown> | undefined {
  if (status === "failed" && error) {
    return { error: { message: [...error.message].slice(0, 1_000).join(""), code: error.code } };
  }
  return status === "completed" ? { output: output ?? null, ...(branch ? { branch } : {}) } : undefined;
}
