/** Names of the pod's workflows, for the ids that executions have. */
import type { Workflow } from "@sluicegate/sdk";
import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useRef } from "react";

import { listAll } from "../../api/client";
import { usePlace } from "../../app/place";
import { shortId } from "../../ui/copy";

export interface WorkflowNames {
  /** Those that are not in the trash; undefined until they are read. */
  workflows: Workflow[] | undefined;
  nameOf(workflowId: string): string;
}

export function useWorkflowNames(): WorkflowNames {
  const place = usePlace();
  const { data: workflows, refetch } = useQuery({
    queryKey: ["workflows", place.podId, "all"],
    queryFn: () => listAll<Workflow>(place.pod("workflows")),
    staleTime: 30_000,
  });
  const { data: trashed } = useQuery({
    queryKey: ["workflows", place.podId, "trashed"],
    queryFn: () => listAll<Workflow>(place.pod("workflows"), { trashed: true }),
    staleTime: 60_000,
  });
  const names = useMemo(() => new Map([...(trashed ?? []), ...(workflows ?? [])].map(({ id, name }) => [id, name])), [workflows, trashed]);
  const asked = useRef(new Set<string>());
  const isRead = workflows !== undefined;
  const nameOf = useCallback(
    (id: string) => {
      const name = names.get(id);
      if (name === undefined && isRead && !asked.current.has(id)) {
        // It was made after the names were read: they are read once more for it.
        asked.current.add(id);
        setTimeout(() => void refetch({ cancelRefetch: false }), 100);
      }
      return name ?? `Workflow ${shortId(id)}`;
    },
    [names, isRead, refetch],
  );
  return useMemo(() => ({ workflows, nameOf }), [workflows, nameOf]);
}
