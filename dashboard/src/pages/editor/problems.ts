/** What the server finds wrong with a draft, placed at the nodes, edges and fields that it is about. */
import { useDebouncedValue } from "@mantine/hooks";
import type { Definition } from "@sluicegate/sdk";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { client, isRefusal } from "../../api/client";
import { usePlace } from "../../app/place";
import { fieldErrorsOf, messageOf } from "../../ui/problem";
import { edgeKeys } from "./model";

export interface PlacedProblem {
  message: string;
  /** JSON Pointer into the definition. */
  path: string;
  nodeId: string | undefined;
  edgeKey: string | undefined;
  /** JSON Pointer into the node's `data`. */
  field: string | undefined;
}

export interface Problems {
  list: readonly PlacedProblem[];
  byNode: ReadonlyMap<string, readonly string[]>;
  byEdge: ReadonlyMap<string, readonly string[]>;
  /** Whether the list is about the definition as it is now. */
  isCurrent: boolean;
  error: unknown;
}

interface Found {
  path: string;
  message: string;
}

async function check(workspaceId: string, podId: string, definition: Definition, signal: AbortSignal): Promise<Found[]> {
  try {
    return await client.workflows.validate(workspaceId, podId, definition, { signal });
  } catch (error) {
    // A body that can't even be read has its faults told in another way.
    if (isRefusal(error) && (error.statusCode === 400 || error.statusCode === 422)) {
      const fields = fieldErrorsOf(error);
      return fields.length > 0 ? [...fields] : [{ path: "", message: messageOf(error) }];
    }
    throw error;
  }
}

/** Places problems by the numbers in their paths; the ids of edges may be missing. */
export function placed(definition: Definition, found: readonly Found[]): PlacedProblem[] {
  const keys = edgeKeys(definition.edges ?? []);
  return found.map(({ path, message }) => {
    const [, list, index, ...rest] = path.split("/");
    const number = Number(index);
    return {
      message,
      path,
      nodeId: list === "nodes" ? definition.nodes[number]?.id : undefined,
      edgeKey: list === "edges" ? keys[number] : undefined,
      field: list === "nodes" && rest[0] === "data" ? `/${rest.slice(1).join("/")}` : undefined,
    };
  });
}

function grouped(list: readonly PlacedProblem[], by: "nodeId" | "edgeKey"): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const problem of list) {
    const key = problem[by];
    if (key !== undefined) {
      groups.set(key, [...(groups.get(key) ?? []), problem.message]);
    }
  }
  return groups;
}

/** Has the server check what is drawn, a moment after it has changed. */
export function useProblems(definition: Definition, enabled: boolean): Problems {
  const { workspaceId, podId } = usePlace();
  const [settled] = useDebouncedValue(definition, 350);
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ["validate", workspaceId, podId, settled],
    queryFn: async ({ signal }) => placed(settled, await check(workspaceId, podId, settled, signal)),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    gcTime: 30_000,
    enabled,
  });
  return useMemo(() => {
    const list = data ?? [];
    const isCurrent = settled === definition && data !== undefined && !isPlaceholderData;
    return { list, byNode: grouped(list, "nodeId"), byEdge: grouped(list, "edgeKey"), isCurrent, error };
  }, [data, error, isPlaceholderData, settled, definition]);
}
