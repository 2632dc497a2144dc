/** Executions that have to do with this one. */
import type { Execution } from "@sluicegate/sdk";
import { useQuery } from "@tanstack/react-query";

import { client, listAll } from "../../api/client";
import { usePlace } from "../../app/place";

/** At most so many are shown of a kind. */
export const MOST = 100;

export function useReplays(id: string) {
  const place = usePlace();
  return useQuery({
    queryKey: ["executions", place.podId, "replays", id],
    queryFn: () => listAll<Execution>(place.pod("executions"), { replayOf: id }, MOST),
  });
}

export function useChildren(id: string) {
  const place = usePlace();
  return useQuery({
    queryKey: ["executions", place.podId, "children", id],
    queryFn: () => listAll<Execution>(place.pod("executions"), { parentExecutionId: id }, MOST),
  });
}

/** One execution, without what makes it large. */
export function useSlimExecution(id: string | null | undefined) {
  const { workspaceId, podId } = usePlace();
  return useQuery({
    queryKey: ["execution-slim", podId, id],
    queryFn: () => client.getExecution(workspaceId, podId, id ?? "", { include: [] }),
    enabled: !!id,
  });
}

/** The newest executions of a workflow. */
export function useLatestOf(workflowId: string, most: number) {
  const place = usePlace();
  return useQuery({
    queryKey: ["executions", place.podId, "latest", workflowId, most],
    queryFn: () => listAll<Execution>(place.pod("executions"), { workflowId, limit: most }, most),
  });
}
