/** Where in the dashboard we are: workspace and pod are the first parts of every address. */
import { useQuery } from "@tanstack/react-query";
import { createContext, useContext } from "react";

import { call, listAll, type Schemas } from "../api/client";
import { useSession } from "./session";

export type Role = Schemas["Role"];
const ROLES: readonly Role[] = ["viewer", "editor", "admin", "owner"];

export interface Place {
  workspaceId: string;
  podId: string;
  /** What the caller may do here. */
  role: Role;
  /** Whether the caller's role is at least this one. */
  can(role: Role): boolean;
  /** The address of a page of this pod: `to("executions", id)`. */
  to(...parts: string[]): string;
  /** A path of the API below this pod: `pod("executions", id)`. */
  pod(...parts: string[]): string;
  /** A path of the API below this workspace. */
  workspace(...parts: string[]): string;
}

export const PlaceContext = createContext<Place | null>(null);

/** The place of the page. */
export function usePlace(): Place {
  const place = useContext(PlaceContext);
  if (!place) {
    throw new Error("this page is not inside a workspace");
  }
  return place;
}

export function placeOf(workspaceId: string, podId: string, role: Role): Place {
  const join = (parts: string[]) => parts.map((part) => `/${encodeURIComponent(part)}`).join("");
  return {
    workspaceId,
    podId,
    role,
    can: (wanted) => ROLES.indexOf(role) >= ROLES.indexOf(wanted),
    to: (...parts) => `/w/${workspaceId}/p/${podId}${join(parts)}`,
    pod: (...parts) => `/workspaces/${workspaceId}/pods/${podId}${join(parts)}`,
    workspace: (...parts) => `/workspaces/${workspaceId}${join(parts)}`,
  };
}

export function useWorkspaces() {
  const { data: session } = useSession();
  return useQuery({
    queryKey: ["workspaces"],
    queryFn: () => listAll<Schemas["Workspace"]>("/workspaces"),
    enabled: !!session,
    staleTime: 60_000,
  });
}

export function usePods(workspaceId: string | undefined) {
  return useQuery({
    queryKey: ["pods", workspaceId],
    queryFn: () => listAll<Schemas["Pod"]>(`/workspaces/${workspaceId}/pods`),
    enabled: !!workspaceId,
    staleTime: 60_000,
  });
}

/** The caller's role: that of the key, or of the member. */
export function useRole(workspaceId: string) {
  const { data: session } = useSession();
  return useQuery({
    queryKey: ["role", workspaceId, session?.principalId],
    enabled: !!session,
    staleTime: 60_000,
    queryFn: async (): Promise<Role> => {
      if (session?.role) {
        return session.role;
      }
      const path = `/workspaces/${workspaceId}/members/${encodeURIComponent(session?.principalId ?? "")}`;
      return (await call<Schemas["Member"]>("GET", path)).role;
    },
  });
}
