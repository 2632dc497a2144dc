/** Tables that become cards where there is no room for columns. */
import { Button, Group } from "@mantine/core";
import type { ReactNode } from "react";

import type { Paged } from "../api/paged";
import classes from "./table.module.css";

export interface Column {
  title: string;
  /** As narrow as what is in it. */
  isNarrow?: boolean;
  /** Its title is only read out: what is below speaks for itself. */
  isSilent?: boolean;
  atEnd?: boolean;
}

/** A table with a name; `children` are `Row`s. */
export function Table({ label, columns, children }: { label: string; columns: readonly Column[]; children: ReactNode }) {
  return (
    <div className={`panel ${classes["panel"]}`}>
      {/* The roles are said, for a table that is laid out as blocks has none. */}
      <table className={classes["table"]} aria-label={label} role="table">
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ title, isNarrow, isSilent, atEnd }) => (
              <th key={title} scope="col" role="columnheader" className={`${isNarrow ? classes["narrow"] : ""} ${atEnd ? classes["end"] : ""}`} aria-label={isSilent ? title : undefined}>
                {!isSilent && title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">{children}</tbody>
      </table>
    </div>
  );
}

export function Row({ children, label }: { children: ReactNode; label?: string }) {
  return (
    <tr className={classes["row"]} role="row" aria-label={label}>
      {children}
    </tr>
  );
}

/** A cell; `label` is what a card says in front of it. */
export function Cell({ label, isNarrow, atEnd, children }: { label?: string; isNarrow?: boolean; atEnd?: boolean; children: ReactNode }) {
  return (
    <td className={`${classes["cell"]} ${isNarrow ? classes["narrow"] : ""} ${atEnd ? classes["end"] : ""}`} role="cell">
      {label && (
        <span className={classes["label"]} aria-hidden>
          {label}
        </span>
      )}
      <div>{children}</div>
    </td>
  );
}

/** The way to the older items of a list. */
export function More({ of: { hasMore, isLoadingMore, loadMore }, what }: { of: Paged<unknown>; what: string }) {
  return hasMore ? (
    <Group justify="center">
      <Button variant="default" size="xs" loading={isLoadingMore} onClick={loadMore}>
        Show older {what}
      </Button>
    </Group>
  ) : null;
}
