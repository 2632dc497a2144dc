/** What the page of an execution reads: the execution itself, its workflow, and the definition that it runs. */
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";

import { client } from "../../api/client";
import { usePlace } from "../../app/place";
import { type FollowedLog, isFinal, latestStatus, useExecutionLog } from "../../live/execution_log";

export const executionKey = (podId: string, id: string) => ["execution", podId, id];

/** An execution without its node runs and suspensions: those come by the stream. */
export function useExecution(id: string) {
  const { workspaceId, podId } = usePlace();
  return useQuery({
    queryKey: executionKey(podId, id),
    queryFn: () => client.getExecution(workspaceId, podId, id, { include: [] }),
    refetchInterval: ({ state }) => (isFinal(state.data?.status) ? false : 15_000),
    refetchOnWindowFocus: "always",
  });
}

/** What the execution was given: it never changes, and it may be large. */
export function useInput(id: string) {
  const { workspaceId, podId } = usePlace();
  return useQuery({
    queryKey: ["execution-input", podId, id],
    queryFn: async () => {
      const { input, context } = await client.getExecution(workspaceId, podId, id, { include: ["input"] });
      return { input, context };
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function useWorkflow(workflowId: string | undefined) {
  const { workspaceId, podId } = usePlace();
  return useQuery({
    queryKey: ["workflow", podId, workflowId],
    queryFn: () => client.workflows.get(workspaceId, podId, workflowId ?? ""),
    enabled: !!workflowId,
    staleTime: 60_000,
  });
}

/** The definition of a version: it never changes. */
export function useDefinition(workflowId: string | undefined, version: number | undefined) {
  const { workspaceId, podId } = usePlace();
  return useQuery({
    queryKey: ["workflow-version", podId, workflowId, version],
    queryFn: async () => (await client.workflows.getVersion(workspaceId, podId, workflowId ?? "", version ?? 0)).definition,
    enabled: !!workflowId && !!version,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** The log of an execution and the execution as it was read, each a check on the other. */
export function useFollowedExecution(id: string) {
  const { data: execution, error, refetch } = useExecution(id);
  const log: FollowedLog = useExecutionLog(error && !execution ? null : id);
  const { expect } = log;
  useEffect(() => {
    if (execution) {
      expect(execution.lastSeq);
    }
  }, [execution, expect]);
  // What ended has an output, times and an error to be read.
  const isOver = log.terminal !== undefined;
  useEffect(() => {
    if (isOver) {
      void refetch();
    }
  }, [isOver, refetch]);
  // A page that was frozen is not told that it is looked at again by anything else.
  useEffect(() => {
    const resume = () => void refetch();
    document.addEventListener("resume", resume);
    window.addEventListener("pageshow", resume);
    return () => {
      document.removeEventListener("resume", resume);
      window.removeEventListener("pageshow", resume);
    };
  }, [refetch]);
  return { execution, error, refetch, log, status: latestStatus(log, execution) };
}
