/** Which executions are selected: some by their ids, or all that match the filter, loaded or not. */
import type { Execution } from "@sluicegate/sdk";
import { useEffect, useMemo, useState } from "react";

interface State {
  ids: ReadonlySet<string>;
  /** Where a range begins. */
  anchor: string | undefined;
  isAll: boolean;
}

const NOTHING: State = { ids: new Set(), anchor: undefined, isAll: false };

export interface Selection {
  size: number;
  ids: ReadonlySet<string>;
  /** All that match the filter. */
  isAll: boolean;
  has(id: string): boolean;
  /** Turns one row; with `isRange` all from the last one that was turned. */
  toggle(rows: readonly Execution[], index: number, isRange: boolean): void;
  /** Selects these two rows, and those between. */
  extend(rows: readonly Execution[], from: number, to: number): void;
  selectAll(rows: readonly Execution[]): void;
  selectMatching(rows: readonly Execution[]): void;
  clear(): void;
}

/** The selection belongs to one filter: another one begins with none. */
export function useSelection(filterKey: string): Selection {
  const [state, setState] = useState(NOTHING);
  useEffect(() => setState(NOTHING), [filterKey]);
  return useMemo(
    () => ({
      size: state.ids.size,
      ids: state.ids,
      isAll: state.isAll,
      has: (id) => state.isAll || state.ids.has(id),
      toggle: (rows, index, isRange) =>
        setState(({ ids, anchor, isAll }) => {
          const id = rows[index]?.id ?? "";
          const start = isRange ? rows.findIndex((row) => row.id === anchor) : -1;
          const next = new Set(isAll ? rows.map((row) => row.id) : ids);
          if (start >= 0) {
            addRange(next, rows, start, index);
          } else if (!next.delete(id)) {
            next.add(id);
          }
          return { ids: next, anchor: id, isAll: false };
        }),
      extend: (rows, from, to) =>
        setState(({ ids }) => {
          const next = new Set(ids);
          addRange(next, rows, from, to);
          return { ids: next, anchor: rows[to]?.id, isAll: false };
        }),
      selectAll: (rows) => setState({ ids: new Set(rows.map(({ id }) => id)), anchor: undefined, isAll: false }),
      selectMatching: (rows) => setState({ ids: new Set(rows.map(({ id }) => id)), anchor: undefined, isAll: true }),
      clear: () => setState(NOTHING),
    }),
    [state],
  );
}

function addRange(ids: Set<string>, rows: readonly Execution[], from: number, to: number): void {
  for (const { id } of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) {
    ids.add(id);
  }
}
