/** How many executions there are per status, beside the list. Counting costs the server more than a page does: seldom. */
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";

import { call, isRefusal } from "../../api/client";
import { queryClient } from "../../api/query";
import { usePlace } from "../../app/place";
import { type PageFilter, queryOf } from "./filter";

export interface Counts {
  counts: Record<string, number>;
  /** No count is higher: one that is equal means "so many or more". */
  atMost: number;
}

const REST_MS = 2_000;

/** The counts under the filter, statuses apart; undefined while unknown or where the server does not count. */
export function useCounts(filter: PageFilter): [Counts | undefined, () => void] {
  const place = usePlace();
  const { status: _, ...query } = queryOf(filter);
  const key = ["executions", place.podId, "counts", query];
  const { data } = useQuery({
    queryKey: key,
    queryFn: async (): Promise<Counts | null> => {
      try {
        return await call<Counts>("GET", place.pod("executions", "counts"), { query });
      } catch (error) {
        if (isRefusal(error) && error.statusCode !== 401) {
          return null;
        }
        throw error;
      }
    },
    placeholderData: (before: Counts | null | undefined) => before,
  });

  const latest = useRef({ key, isCounted: true });
  latest.current = { key, isCounted: data !== null };
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const last = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const touch = useCallback(() => {
    if (timer.current !== undefined || !latest.current.isCounted) {
      return;
    }
    // At once after a quiet time, for one click to be seen at once; then at most every two seconds.
    timer.current = setTimeout(() => {
      timer.current = undefined;
      last.current = performance.now();
      void queryClient.invalidateQueries({ queryKey: latest.current.key, exact: true });
    }, Math.max(150, last.current + REST_MS - performance.now()));
  }, []);
  return [data ?? undefined, touch];
}

export function countText(count: number, { atMost }: Counts): string {
  return count >= atMost ? `${atMost.toLocaleString()}+` : count.toLocaleString();
}
