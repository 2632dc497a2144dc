/** Long lists: only the rows that are looked at are drawn, and what grows at its end is followed while its end is looked at. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef, useState } from "react";

import classes from "./virtual_rows.module.css";

export interface VirtualRowsProps {
  count: number;
  /** The content of a row: cells that carry `role="cell"`. */
  row: (index: number) => ReactNode;
  rowKey: (index: number) => string | number;
  /** The usual height; rows may be higher. */
  height: number;
  label: string;
  /** The names of the columns, read out and shown above. */
  columns: readonly string[];
  /** The widths of the columns, as `grid-template-columns` takes them. */
  template: string;
  /** Stay at the end while more is added there. */
  follow?: boolean;
}

export function VirtualRows({ count, row, rowKey, height, label, columns, template, follow = false }: VirtualRowsProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [isAtEnd, setAtEnd] = useState(follow);
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => frame.current,
    estimateSize: () => height,
    getItemKey: rowKey,
    overscan: 12,
  });
  useEffect(() => {
    if (follow && isAtEnd && count > 0) {
      virtualizer.scrollToIndex(count - 1, { align: "end" });
    }
  }, [follow, isAtEnd, count, virtualizer]);
  return (
    // biome-ignore lint: whoever has no mouse scrolls it by the keys
    <div
      ref={frame}
      className={classes["frame"]}
      role="table"
      aria-label={label}
      aria-rowcount={count + 1}
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => setAtEnd(scrollTop + clientHeight >= scrollHeight - 2 * height)}
    >
      <div role="rowgroup" className={classes["head"]}>
        <div role="row" aria-rowindex={1} className={classes["row"]} style={{ gridTemplateColumns: template }}>
          {columns.map((column) => (
            <span key={column} role="columnheader">
              {column}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" className={classes["body"]} style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map((item) => (
          <div
            key={item.key}
            ref={virtualizer.measureElement}
            role="row"
            aria-rowindex={item.index + 2}
            data-index={item.index}
            className={classes["row"]}
            style={{ gridTemplateColumns: template, transform: `translateY(${item.start}px)` }}
          >
            {row(item.index)}
          </div>
        ))}
      </div>
    </div>
  );
}
