/** The wish for a replay as it is put together, and the plan that the server makes of it. */
import type { Definition, Execution, ReplayExecution, ReplayPlan, Schemas } from "@sluicegate/sdk";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { client } from "../../api/client";
import { parseJson } from "../../forms/json_text";
import { compensatedBy } from "../../graph/compensation";

/** What to do with one node; a pinned value is a text until it is sent. */
export type Choice = "run" | "reuse" | { pin: string };

export interface Wish {
  fromNodeId: string | null;
  version: "original" | "latest";
  decisions: Schemas["OldDecisions"];
  /** Another input, as a text; null takes the original's. */
  input: string | null;
  choices: Readonly<Record<string, Choice>>;
}

export type ChangeWish = (changes: Partial<Wish>) => void;

export function useWish(fromNodeId: string | null): [Wish, ChangeWish] {
  const [wish, setWish] = useState<Wish>({ fromNodeId, version: "original", decisions: "ask", input: null, choices: {} });
  // Another input is for a run from the beginning.
  const change = (changes: Partial<Wish>) => setWish((before) => ({ ...before, ...changes, ...(changes.fromNodeId ? { input: null } : {}) }));
  return [wish, change];
}

/** The wish as the server takes it; undefined while a text in it is no JSON. */
export function bodyOf({ fromNodeId, version, decisions, input, choices }: Wish): ReplayExecution | undefined {
  const nodes: Record<string, Schemas["NodeChoice"]> = {};
  for (const [id, choice] of Object.entries(choices)) {
    if (typeof choice === "string") {
      nodes[id] = choice;
    } else {
      const parsed = parseJson(choice.pin);
      if (parsed.problem) {
        return undefined;
      }
      nodes[id] = { pin: parsed.value };
    }
  }
  const parsed = input === null ? undefined : parseJson(input);
  if (parsed?.problem) {
    return undefined;
  }
  return {
    version,
    decisions,
    nodes,
    ...(fromNodeId ? { fromNodeId } : {}),
    ...(parsed ? { input: parsed.value } : {}),
  };
}

/** What would happen, asked anew with every change of the wish. */
export function usePlan(execution: Execution, wish: Wish) {
  const body = useMemo(() => bodyOf(wish), [wish]);
  const { workspaceId, podId, id } = execution;
  const query = useQuery({
    queryKey: ["replay-plan", podId, id, body],
    queryFn: (): Promise<ReplayPlan> => client.replay(workspaceId, podId, id, { ...body, dryRun: true }),
    enabled: body !== undefined,
    placeholderData: keepPreviousData,
  });
  return { ...query, body };
}

/** The nodes of the top level that a plan speaks of, in the order of the definition. */
export function plannable(definition: Definition): Definition["nodes"] {
  return definition.nodes.filter((node) => !node.parentId && node.type !== "note" && !compensatedBy(node));
}

/** Whether a path leads into a child execution, whose nodes are of another definition: `call/fetch`, unlike `each[3]/fetch`. */
export function isInChild(path: string | null | undefined): boolean {
  return !!path?.split("/").slice(0, -1).some((segment) => !segment.endsWith("]"));
}

export const ACTIONS: Record<Schemas["PlannedAction"], { label: string; status: string }> = {
  run: { label: "Runs again", status: "running" },
  reuse: { label: "Reused", status: "completed" },
  pin: { label: "Pinned", status: "queued" },
};

/** "3 nodes run again, 2 are reused." */
export function summaryOf(plan: ReplayPlan): string {
  const count = (action: Schemas["PlannedAction"]) => plan.nodes.filter((node) => node.action === action).length;
  const nodes = (many: number, one: string, more: string) => (many === 0 ? [] : [`${many} ${many === 1 ? one : more}`]);
  const parts = [...nodes(count("run"), "node runs again", "nodes run again"), ...nodes(count("reuse"), "is reused", "are reused"), ...nodes(count("pin"), "is pinned", "are pinned")];
  return parts.join(", ");
}
