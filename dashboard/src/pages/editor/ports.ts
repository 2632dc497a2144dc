/** The ports of a node: those of its type, with the names that its own configuration gives them. */
import type { Definition, Schemas } from "@sluicegate/sdk";

export type NodeType = Schemas["NodeType"];
export type NodeDefinition = Definition["nodes"][number];
export type EdgeDefinition = NonNullable<Definition["edges"]>[number];

export interface PortView {
  id: string;
  label: string;
  description: string;
  /** An edge has to leave by it. */
  isRequired: boolean;
  /** Taken where the node has failed. */
  isFailure: boolean;
}

/** Names that edges may use for a port, beside its own. */
const ALIASES: Record<string, Record<string, string>> = { "if-else": { true: "if", false: "else" } };
/** Which member of `data` names the ports that a type leaves to its node. */
const LISTS: Record<string, string> = { "<route id>": "routes", "<action id>": "actions", "<branch id>": "branches" };
/** The ports that an edge without a name may mean; each type has one of them. */
const DEFAULTS = ["default", "approved", "pass"];
const FAILURES = new Set(["error", "timeout"]);

/** The type of a node: what `data.nodeType` says counts where `type` is missing. */
export function typeOf(node: NodeDefinition): string {
  const inData = node.data?.["nodeType"];
  return node.type ?? (typeof inData === "string" ? inData : "");
}

/** What a node is called. */
export function titleOf(node: NodeDefinition, type: NodeType | undefined): string {
  const label = node.data?.["label"];
  return node.name || (typeof label === "string" && label) || type?.title || typeOf(node) || node.id;
}

function named(list: unknown): { id: string; label: string }[] {
  const items = Array.isArray(list) ? (list as { id?: unknown; label?: unknown }[]) : [];
  return items.flatMap((item) =>
    typeof item?.id === "string" && item.id ? [{ id: item.id, label: typeof item.label === "string" && item.label ? item.label : item.id }] : [],
  );
}

/** The ports by which edges may leave this node; `wired` are the names that its edges use already. */
export function portsOf(node: NodeDefinition, type: NodeType | undefined, wired: ReadonlySet<string> = new Set()): PortView[] {
  const data = node.data ?? {};
  const ports: PortView[] = [];
  const add = (id: string, label: string, description: string, isRequired = false) => {
    if (!ports.some((port) => port.id === id)) {
      ports.push({ id, label, description, isRequired, isFailure: FAILURES.has(id) });
    }
  };
  const actions = named(data["actions"]);
  const expiry = data["onExpiry"];
  const expiryPort = typeof expiry === "object" && expiry !== null ? (expiry as { port?: unknown }).port : undefined;
  const known = type?.ports ?? [{ id: "default", description: "The node is done.", required: false }];
  for (const port of known) {
    const list = LISTS[port.id];
    if (list) {
      for (const { id, label } of named(data[list])) {
        add(id, label, port.description);
      }
    } else if ((port.id === "approved" || port.id === "rejected") && actions.length > 0) {
      // The actions stand in place of these two.
    } else if (port.id === "none" && typeof data["default"] === "string" && data["default"] !== "") {
      // Another route is taken then.
    } else if (port.id === "expired") {
      if (typeof expiryPort === "string") {
        add(expiryPort, expiryPort, port.description);
      }
    } else if (port.id !== "timeout" || data["timeoutMs"] !== undefined) {
      add(port.id, port.id === "default" ? "done" : port.id, port.description, port.required);
    }
  }
  for (const id of wired) {
    // An edge that names a port which is not there is drawn, too: it is what has to be mended.
    add(portName(node, id), id, type?.ports.find((port) => port.id === id)?.description ?? "There is no such port.");
  }
  return ports;
}

/** A port by the name that is used for it here. */
function portName(node: NodeDefinition, handle: string): string {
  return ALIASES[typeOf(node)]?.[handle] ?? handle;
}

/** The port that an edge leaves by. */
export function portOf(edge: EdgeDefinition, source: NodeDefinition | undefined, type: NodeType | undefined): string {
  if (edge.sourceHandle) {
    return source ? portName(source, edge.sourceHandle) : edge.sourceHandle;
  }
  const known = type?.ports.map(({ id }) => id) ?? [];
  return DEFAULTS.find((id) => known.includes(id)) ?? "default";
}

/** Whether edges may enter a node of this type. */
export function hasEntry(type: string): boolean {
  return type !== "start" && type !== "note";
}
