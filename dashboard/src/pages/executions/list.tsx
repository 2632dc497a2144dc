/**
 * The rows: only those in sight are in the page, however many are loaded. What comes above the reader's place moves the scroll
 * position and not the place. It is a grid for the keyboard: one row is the current one, keys move it.
 */
import { Loader } from "@mantine/core";
import type { Execution } from "@sluicegate/sdk";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowUp } from "lucide-react";
import { type KeyboardEvent, type MouseEvent, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";

import { usePlace } from "../../app/place";
import type { ExecutionList, ExecutionsView } from "../../live/executions";
import classes from "./list.module.css";
import { Row } from "./row";
import type { Selection } from "./selection";

const WIDE_PX = 52;
const NARROW_PX = 66;
/** Older rows are loaded when the reader is this close to the end. */
const AHEAD = 40;

export interface ListProps {
  list: ExecutionList;
  view: ExecutionsView;
  selection: Selection;
  canSelect: boolean;
  isNarrow: boolean;
  nameOf: (workflowId: string) => string;
}

const COLUMNS = ["Status", "Workflow", "Triggered by", "Subject", "Started"];

export function List({ list, view, selection, canSelect, isNarrow, nameOf }: ListProps) {
  const place = usePlace();
  const [, navigate] = useLocation();
  const { rows, hasMore } = view;
  const scroller = useRef<HTMLDivElement>(null);
  const [currentId, setCurrentId] = useState<string>();
  const height = isNarrow ? NARROW_PX : WIDE_PX;
  const head = isNarrow ? 0 : 36;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    // The same functions in every frame: with others all rows would be measured again.
    estimateSize: useCallback(() => height, [height]),
    getItemKey: useCallback((index: number) => rows[index]?.id ?? index, [rows]),
    overscan: 8,
    scrollPaddingStart: head,
  });
  useEffect(() => virtual.measure(), [virtual, height]);
  useKeptPlace(scroller, rows, height);

  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && lastShown >= rows.length - AHEAD) {
      list.loadMore();
    }
  }, [list, hasMore, lastShown, rows.length]);

  const current = useMemo(() => (currentId ? Math.max(0, rows.findIndex(({ id }) => id === currentId)) : 0), [rows, currentId]);

  const move = (to: number) => {
    const index = Math.max(0, Math.min(rows.length - 1, to));
    const row = rows[index];
    if (row) {
      setCurrentId(row.id);
      virtual.scrollToIndex(index);
      focusSoon(scroller.current, row.id);
    }
  };

  const latest = useRef({ selection, rows });
  latest.current = { selection, rows };
  const select = useCallback((index: number, isRange: boolean) => {
    const row = latest.current.rows[index];
    if (row) {
      setCurrentId(row.id);
      latest.current.selection.toggle(latest.current.rows, index, isRange);
    }
  }, []);
  const open = useCallback(
    (row: Execution, event: MouseEvent) => {
      const target = event.target as Element;
      const link = target.closest("a");
      const isElsewhere = event.metaKey || event.ctrlKey || event.shiftKey;
      // Other tabs are the browser's, boxes are their own, and who marks text wants no other page.
      if (target.closest("label, input") || (link && isElsewhere) || (!link && getSelection()?.toString())) {
        return;
      }
      const address = link?.getAttribute("href") ?? place.to("executions", row.id);
      event.preventDefault();
      if (isElsewhere) {
        window.open(address, "_blank", "noopener");
      } else {
        navigate(address);
      }
    },
    [navigate, place],
  );

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.target as Element).closest("[role=row][data-id]")) {
      return;
    }
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / height) - 1);
    const target = { ArrowDown: current + 1, j: current + 1, J: current + 1, ArrowUp: current - 1, k: current - 1, K: current - 1, PageDown: current + page, PageUp: current - page, Home: 0, End: rows.length - 1 }[event.key];
    const row = rows[current];
    if (target !== undefined) {
      move(target);
      if (event.shiftKey && canSelect) {
        selection.extend(rows, current, Math.max(0, Math.min(rows.length - 1, target)));
      }
    } else if (event.key === "Enter" && row) {
      navigate(place.to("executions", row.id));
    } else if ((event.key === "x" || event.key === " ") && canSelect) {
      select(current, false);
    } else if (event.key === "X" && canSelect) {
      select(current, true);
    } else if (event.key === "Escape") {
      selection.clear();
    } else {
      return;
    }
    event.preventDefault();
  };

  const toTop = () => {
    scroller.current?.scrollTo({ top: 0 });
    list.setAtTop(true);
  };

  return (
    <div className={`panel ${classes["frame"]}`} data-narrow={isNarrow || undefined}>
      {(view.news > 0 || view.isBehind) && (
        <button type="button" className={classes["news"]} onClick={toTop}>
          <ArrowUp size={14} aria-hidden />
          {view.isBehind ? "Many new" : `${view.news} new`}
        </button>
      )}
      <div
        ref={scroller}
        role="grid"
        aria-label="Executions"
        aria-rowcount={hasMore ? -1 : rows.length + 1}
        aria-multiselectable={canSelect}
        className={classes["scroller"]}
        onScroll={(event) => list.setAtTop(event.currentTarget.scrollTop < height / 2)}
        onKeyDown={onKeyDown}
        data-loaded={rows.length}
      >
        <div role="rowgroup">
          {isNarrow ? null : (
            <div role="row" aria-rowindex={1} className={classes["head"]}>
              <span role="columnheader" className={classes["check"]} aria-label="Selected">
                {canSelect && (
                  <label>
                    <input
                      type="checkbox"
                      aria-label="Select all that are loaded"
                      checked={selection.size > 0 && selection.size >= rows.length}
                      ref={(box) => {
                        if (box) {
                          box.indeterminate = selection.size > 0 && selection.size < rows.length;
                        }
                      }}
                      onChange={() => (selection.size >= rows.length ? selection.clear() : selection.selectAll(rows))}
                    />
                  </label>
                )}
              </span>
              {COLUMNS.map((column) => (
                <span role="columnheader" key={column}>
                  {column}
                </span>
              ))}
              <span role="columnheader" className={classes["right"]}>
                Duration
              </span>
              <span role="columnheader" className={classes["right"]} title="Version of the workflow" aria-label="Version">
                Ver.
              </span>
              <span role="columnheader" aria-label="Lineage" />
            </div>
          )}
        </div>
        <div role="rowgroup" className={classes["body"]} style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, start }) => {
            const row = rows[index];
            return (
              row && (
                <Row
                  key={row.id}
                  row={row}
                  index={index}
                  top={start}
                  workflowName={nameOf(row.workflowId)}
                  isNarrow={isNarrow}
                  isSelected={selection.has(row.id)}
                  canSelect={canSelect}
                  isCurrent={index === current}
                  onSelect={select}
                  onOpen={open}
                />
              )
            );
          })}
        </div>
        {hasMore && (
          <div className={classes["foot"]}>
            <Loader size="xs" aria-hidden /> Loading older executions
          </div>
        )}
      </div>
    </div>
  );
}

/** Keeps the row that the reader looks at where it is when rows come or go above it. At the top, new rows push it down. */
function useKeptPlace(scroller: { current: HTMLDivElement | null }, rows: readonly Execution[], height: number): void {
  const before = useRef({ rows, height });
  useLayoutEffect(() => {
    const element = scroller.current;
    const old = before.current;
    before.current = { rows, height };
    if (!element || old.rows === rows || old.height !== height || element.scrollTop < height / 2) {
      return;
    }
    const index = Math.floor(element.scrollTop / height);
    // The row itself may have gone: the next one that is still there tells how far things have moved.
    for (let each = index; each < Math.min(old.rows.length, index + 50); each++) {
      const id = old.rows[each]?.id;
      if (rows[each]?.id === id) {
        return;
      }
      const now = rows.findIndex((row) => row.id === id);
      if (now >= 0) {
        element.scrollTop += (now - each) * height;
        return;
      }
    }
  }, [scroller, rows, height]);
}

/** The row is in the page one or two frames after it was scrolled to. */
function focusSoon(scroller: HTMLElement | null, id: string, tries = 5): void {
  requestAnimationFrame(() => {
    const row = scroller?.querySelector<HTMLElement>(`[data-id="${id}"]`);
    if (row) {
      row.focus({ preventScroll: true });
    } else if (tries > 0) {
      focusSoon(scroller, id, tries - 1);
    }
  });
}
