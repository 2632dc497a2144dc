/** The workflows of a pod by name: what schedules and webhooks choose from and point to. */
import { useQuery } from "@tanstack/react-query";

import { listAll, type Schemas } from "./client";

/** The pod's workflows without their definitions, newest first; those in the trash are not among them. */
export function useWorkflows(podPath: string) {
  return useQuery({
    queryKey: ["workflows", podPath, "names"],
    queryFn: () => listAll<Schemas["Workflow"]>(`${podPath}/workflows`),
    staleTime: 15_000,
  });
}
