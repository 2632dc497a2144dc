/** Who may answer, and what people are called. The server judges; this only says in advance what it is going to say. */
import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";

import { listAll, type Schemas } from "../../api/client";
import { type Role, usePlace } from "../../app/place";
import { useSession } from "../../app/session";
import { shortId } from "../../ui/copy";
import type { Suspension } from "./mailbox";

const ROLES: readonly Role[] = ["viewer", "editor", "admin", "owner"];

export interface Me {
  id: string;
  role: Role;
  isPerson: boolean;
}

export function useMe(): Me {
  const { data: session } = useSession();
  const { role } = usePlace();
  return { id: session?.principalId ?? "", role, isPerson: session?.kind === "user" };
}

/** Who may answer as things stand; null: editors and higher. */
export function approversOf({ approvers, interrupt }: Suspension): Schemas["Approvers"] | null {
  return approvers ?? interrupt.policy?.approvers ?? null;
}

/** Why somebody may not answer; null if they may. */
export type Refusal = "own-request" | "not-asked" | "named-keys-only" | "claimed" | null;

export function refusalOf(suspension: Suspension, me: Me): Refusal {
  const { policy } = suspension.interrupt;
  const isOwn = policy?.requester === me.id;
  if (policy?.allowSelfApproval === false && isOwn) {
    return "own-request";
  }
  const approvers = approversOf(suspension);
  if (!approvers?.users?.includes(me.id)) {
    const countsPeople = policy?.allowSelfApproval === false || (policy?.quorum?.required ?? 1) > 1;
    if (countsPeople && !me.isPerson) {
      return "named-keys-only";
    }
    const roles = approvers ? (approvers.roles ?? []) : (["editor"] as Role[]);
    if (!roles.some((role) => ROLES.indexOf(me.role) >= ROLES.indexOf(role))) {
      return "not-asked";
    }
  }
  return suspension.claim && suspension.claim.by !== me.id ? "claimed" : null;
}

/** What somebody is called: ids of keys say nothing to people. */
export function useNames(): (id: string | null | undefined) => string {
  const { workspaceId, can } = usePlace();
  const { data: session } = useSession();
  const isAdmin = can("admin");
  const { data: keys } = useQuery({
    queryKey: ["api-keys", workspaceId],
    queryFn: () => listAll<Schemas["ApiKey"]>(`/workspaces/${workspaceId}/api-keys`),
    enabled: isAdmin,
    staleTime: 60_000,
  });
  const me = session?.principalId;
  return useCallback(
    (id) => {
      if (!id) {
        return "nobody";
      }
      if (id === me) {
        return "you";
      }
      if (id.startsWith("key:")) {
        const name = keys?.find((key) => `key:${key.id}` === id)?.name;
        return name ? `${name} (API key)` : `API key …${shortId(id)}`;
      }
      return id.startsWith("link:") ? "somebody with the link" : id;
    },
    [keys, me],
  );
}

const A_FEW = 5;

/** People as a text: "finance, ann, admins and higher". */
export function sayApprovers(approvers: Schemas["Approvers"] | null | undefined, name: (id: string) => string): string {
  if (!approvers) {
    return "editors and higher";
  }
  const { groups = [], users = [], roles = [] } = approvers;
  const people = users.length > A_FEW && groups.length > 0 ? [] : users;
  const parts = [
    ...groups.map((group) => `group ${group}`),
    ...people.slice(0, A_FEW).map(name),
    ...(people.length > A_FEW ? [`${people.length - A_FEW} more`] : []),
    ...roles.map((role) => (role === "owner" ? "owners" : `${role}s and higher`)),
  ];
  return join(parts) || "nobody";
}

/** "a, b and c" */
export function join(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts[parts.length - 1]}`;
}

const USUAL: Record<string, string> = { approved: "Approved", rejected: "Rejected", answered: "Answered", expired: "Expired" };
/** What the buttons say where the workflow names no actions. */
const USUAL_BUTTONS = ["Approve", "Reject"];

/** What was chosen: in words where it is usual, else what the button says. */
export function actionLabel({ interrupt }: Suspension, action: string): string {
  const named = interrupt.actions?.find(({ id }) => id === action)?.label;
  return named && !USUAL_BUTTONS.includes(named) ? `“${named}”` : (USUAL[action] ?? named ?? action);
}

/** The heading of a question, and what is left to say below it. */
export function headingOf({ interrupt }: Suspension): { title: string; message: string } {
  const { title, message } = interrupt;
  if (title) {
    return { title, message };
  }
  const [first = "", ...rest] = message.trim().split("\n");
  const isLong = first.length > 140;
  return { title: first || (interrupt.type === "callback" ? "Waits for a callback" : interrupt.nodeId), message: isLong ? message : rest.join("\n").trim() };
}
