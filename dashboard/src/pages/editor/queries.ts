/** What the editor and the versions read. */
import { useQuery } from "@tanstack/react-query";

import { call, client, type Schemas } from "../../api/client";
import { usePlace } from "../../app/place";

/** The node types never change while a server runs. */
export function useNodeTypes() {
  return useQuery({
    queryKey: ["node-types"],
    queryFn: () => call<Schemas["NodeType"][]>("GET", "/node-types"),
    staleTime: 10 * 60_000,
  });
}

export function useWorkflow(workflowId: string) {
  const { workspaceId, podId } = usePlace();
  return useQuery({
    queryKey: ["workflow", workspaceId, podId, workflowId],
    queryFn: () => client.workflows.get(workspaceId, podId, workflowId),
    // Somebody else may save while this is open.
    refetchInterval: 20_000,
  });
}
