/** The filter of the list is in the address, under the names that the API gives its parameters: links, back and forward keep it. */
import type { ExecutionStatus } from "@sluicegate/sdk";
import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

import type { Schemas } from "../../api/client";
import type { ExecutionsFilter } from "../../live/executions";

/** In the order in which people look for them. */
export const STATUSES: readonly ExecutionStatus[] = [
  "running",
  "suspended",
  "queued",
  "pending",
  "failed",
  "completed",
  "cancelling",
  "cancelled",
  "skipped",
];
/** Those in which an execution has ended. */
export const ENDED: readonly ExecutionStatus[] = ["completed", "failed", "cancelled", "skipped"];
export const isEnded = (status: string) => (ENDED as readonly string[]).includes(status);

export const TRIGGERS: Record<Schemas["TriggeredBy"], string> = {
  manual: "By hand",
  sdk: "API",
  schedule: "Schedule",
  webhook: "Webhook",
  event: "Event",
  replay: "Replay",
  retry: "Retry",
  subworkflow: "Workflow",
};

/** Parameters with one value each. */
export const SINGLE = ["workflowId", "triggeredBy", "subject", "createdAfter", "createdBefore", "filter", "replayOf", "parentExecutionId"] as const;
export type Single = (typeof SINGLE)[number];

export interface PageFilter extends Partial<Record<Single, string>> {
  status: ExecutionStatus[];
}

export function readFilter(search: string): PageFilter {
  const parameters = new URLSearchParams(search);
  const wanted = parameters.getAll("status");
  const filter: PageFilter = { status: STATUSES.filter((status) => wanted.includes(status)) };
  for (const name of SINGLE) {
    const value = parameters.get(name)?.trim();
    if (value) {
      filter[name] = value;
    }
  }
  return filter;
}

export function writeFilter(filter: PageFilter): string {
  const parameters = new URLSearchParams();
  for (const status of STATUSES.filter((each) => filter.status.includes(each))) {
    parameters.append("status", status);
  }
  for (const name of SINGLE) {
    if (filter[name]) {
      parameters.set(name, filter[name]);
    }
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

/** As the API takes it. */
export function queryOf({ status, filter, triggeredBy, ...rest }: PageFilter): ExecutionsFilter {
  return {
    ...rest,
    ...(status.length > 0 ? { status } : {}),
    ...(triggeredBy ? { triggeredBy: triggeredBy as Schemas["TriggeredBy"] } : {}),
    ...(filter ? { filter: [filter] } : {}),
  };
}

export function isFiltered({ status, ...rest }: PageFilter): boolean {
  return status.length > 0 || Object.values(rest).some(Boolean);
}

/** The filter of the address, and a function that goes to another one. */
export function useFilter(): [PageFilter, (changes: Partial<PageFilter>) => void, () => void] {
  const search = useSearch();
  const [location, navigate] = useLocation();
  const filter = useMemo(() => readFilter(search), [search]);
  const change = useCallback(
    (changes: Partial<PageFilter>) => {
      const next = writeFilter({ ...filter, ...changes });
      if (next !== writeFilter(filter)) {
        navigate(location + next);
      }
    },
    [filter, location, navigate],
  );
  const clear = useCallback(() => navigate(location), [location, navigate]);
  return [filter, change, clear];
}
