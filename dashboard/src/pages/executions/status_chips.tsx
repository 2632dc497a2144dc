/** How many executions there are in each status; a click chooses those. */
import { UnstyledButton } from "@mantine/core";

import { StatusIcon, statusLabel } from "../../ui/status";
import { type Counts, countText } from "./counts";
import { type PageFilter, STATUSES } from "./filter";
import classes from "./page.module.css";

/** Shown only while there are some. */
const SELDOM: readonly string[] = ["cancelling", "skipped"];

export interface StatusChipsProps {
  filter: PageFilter;
  counts: Counts | undefined;
  onChange: (changes: Partial<PageFilter>) => void;
}

export function StatusChips({ filter, counts, onChange }: StatusChipsProps) {
  return (
    <div className={classes["chips"]} role="group" aria-label="Status">
      {STATUSES.map((status) => {
        const isChosen = filter.status.includes(status);
        const count = counts?.counts[status];
        if (count === 0 && !isChosen && SELDOM.includes(status)) {
          return null;
        }
        const next = isChosen ? filter.status.filter((each) => each !== status) : [...filter.status, status];
        return (
          <UnstyledButton
            key={status}
            className={classes["chip"]!}
            data-status={status}
            data-empty={count === 0 || undefined}
            aria-pressed={isChosen}
            onClick={() => onChange({ status: next })}
          >
            <span aria-hidden style={{ display: "inline-flex" }}>
              <StatusIcon status={status} size={14} />
            </span>
            {statusLabel(status)}
            {counts && count !== undefined && <span className={classes["count"]}>{countText(count, counts)}</span>}
          </UnstyledButton>
        );
      })}
    </div>
  );
}
