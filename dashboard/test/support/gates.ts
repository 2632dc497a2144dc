/** Workflows that ask somebody, for tests of inboxes and forms. */
import type { Server } from "./server.ts";

export interface Asked {
  executionId: string;
  suspensionId: string;
}

let made = 0;

/** Runs a workflow of one step that asks, until it does. */
export async function ask(server: Server, data: object, type = "approval-gate", input: object = {}): Promise<Asked> {
  made += 1;
  const workflowId = await server.createWorkflow(`Asking ${made}`, {
    nodes: [
      { id: "start", type: "start", data: {} },
      { id: "review", type, data },
    ],
    edges: [{ id: "e1", source: "start", target: "review" }],
  });
  const executionId = await server.trigger(workflowId, input);
  const { suspensions } = (await server.waitFor(executionId, "suspended")) as unknown as { suspensions: { id: string }[] };
  return { executionId, suspensionId: suspensions[0]?.id ?? "" };
}

/** A suspension as the API has it. */
export function suspensionOf<Suspension = Record<string, never>>(server: Server, id: string): Promise<Suspension> {
  return server.call<Suspension>("GET", `/workspaces/${server.workspaceId}/suspensions/${id}`);
}

/** A key of somebody else. */
export async function makeKey(server: Server, name: string, role = "editor"): Promise<{ id: string; key: string }> {
  const created = await server.call<Record<string, string>>("POST", `/workspaces/${server.workspaceId}/api-keys`, { name, role });
  return { id: `key:${created["id"]}`, key: created["key"] ?? "" };
}
