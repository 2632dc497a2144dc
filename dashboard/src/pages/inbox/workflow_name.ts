/** Names of workflows, of any pod of the workspace. */
import { useQuery } from "@tanstack/react-query";

import { client } from "../../api/client";
import { usePlace } from "../../app/place";

/** Read once; undefined until then, or where it may not be read. */
export function useWorkflowName(podId: string, workflowId: string): string | undefined {
  const { workspaceId } = usePlace();
  const { data } = useQuery({
    queryKey: ["workflow-name", workspaceId, podId, workflowId],
    queryFn: async () => (await client.workflows.get(workspaceId, podId, workflowId)).name,
    staleTime: 300_000,
  });
  return data;
}
