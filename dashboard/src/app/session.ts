/** Who is signed in. */
import { useQuery } from "@tanstack/react-query";

import { call, isRefusal, type Schemas } from "../api/client";
import { queryClient } from "../api/query";

export type Session = Schemas["SessionView"];

async function readSession(): Promise<Session | null> {
  try {
    return await call<Session>("GET", "/session");
  } catch (error) {
    if (isRefusal(error) && (error.statusCode === 401 || error.statusCode === 403)) {
      return null;
    }
    throw error;
  }
}

/** The session; null when nobody is signed in. */
export function useSession() {
  return useQuery({ queryKey: ["session"], queryFn: readSession, staleTime: 60_000 });
}

export async function signIn(credential: string): Promise<Session> {
  const session = await call<Session>("POST", "/session", { body: { credential }, retries: 0 });
  change(session);
  return session;
}

/** What was read belongs to whoever was signed in. */
function change(session: Session | null): void {
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
  queryClient.setQueryData(["session"], session);
}

export async function signOut(): Promise<void> {
  await call("DELETE", "/session");
  change(null);
}
