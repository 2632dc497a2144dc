/** What the page shows, kept in its address: a link leads to the same tab, node and run. */
import { useCallback } from "react";
import { useSearchParams } from "wouter";

export const TABS = ["graph", "timeline", "events", "logs", "data", "suspensions", "artifacts", "lineage"] as const;
export type Tab = (typeof TABS)[number];

export interface Selection {
  tab: Tab;
  /** The node whose runs are shown beside. */
  nodeId: string | null;
  /** The address of the run that is shown, of a node in a loop. */
  address: string | null;
  /** What a node's link has narrowed the logs to. */
  showTab: (tab: Tab) => void;
  select: (nodeId: string | null, address?: string) => void;
}

export function useSelection(): Selection {
  const [search, setSearch] = useSearchParams();
  const tab = TABS.find((tab) => tab === search.get("tab")) ?? "graph";
  const change = useCallback(
    (changes: Record<string, string | null>) =>
      setSearch(
        (before) => {
          const next = new URLSearchParams(before);
          for (const [name, value] of Object.entries(changes)) {
            if (value === null) {
              next.delete(name);
            } else {
              next.set(name, value);
            }
          }
          return next;
        },
        { replace: true },
      ),
    [setSearch],
  );
  const showTab = useCallback((tab: Tab) => change({ tab: tab === "graph" ? null : tab }), [change]);
  const select = useCallback((nodeId: string | null, address?: string) => change({ node: nodeId, run: address ?? null }), [change]);
  return { tab, nodeId: search.get("node"), address: search.get("run"), showTab, select };
}
