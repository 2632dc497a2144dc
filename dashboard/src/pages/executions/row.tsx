/**
 * One row of the list: on wide screens columns, on narrow ones two lines. Rows are made many times per second while somebody scrolls:
 * they have plain links, which the list follows, and nothing that listens without need.
 */
import type { Execution } from "@sluicegate/sdk";
import { CalendarClock, CornerDownRight, Hand, type LucideIcon, Radio, RefreshCw, RotateCcw, Terminal, Webhook, Workflow } from "lucide-react";
import { type CSSProperties, memo, type MouseEvent } from "react";

import { usePlace } from "../../app/place";
import { shortId } from "../../ui/copy";
import { StatusBadge } from "../../ui/status";
import { Ago, Elapsed, formatDuration } from "../../ui/time";
import { TRIGGERS } from "./filter";
import classes from "./list.module.css";

const TRIGGER_ICONS: Record<string, LucideIcon> = {
  manual: Hand,
  sdk: Terminal,
  schedule: CalendarClock,
  webhook: Webhook,
  event: Radio,
  replay: RotateCcw,
  retry: RefreshCw,
  subworkflow: Workflow,
};

export interface RowProps {
  row: Execution;
  index: number;
  top: number;
  workflowName: string;
  isNarrow: boolean;
  isSelected: boolean;
  canSelect: boolean;
  /** The row that the keys move. */
  isCurrent: boolean;
  onSelect: (index: number, isRange: boolean) => void;
  onOpen: (row: Execution, event: MouseEvent) => void;
}

export const Row = memo(function Row(props: RowProps) {
  const { row, index, top, isNarrow, isSelected, isCurrent, onOpen } = props;
  const style: CSSProperties = { transform: `translateY(${top}px)` };
  return (
    // The keys of rows are heard by the list.
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={props.canSelect ? isSelected : undefined}
      tabIndex={isCurrent ? 0 : -1}
      className={`${classes["row"]} ${isNarrow ? classes["narrow"] : classes["wide"]}`}
      style={style}
      data-id={row.id}
      data-row={index}
      data-selected={isSelected || undefined}
      onClick={(event) => onOpen(row, event)}
    >
      {isNarrow ? <Narrow {...props} /> : <Wide {...props} />}
    </div>
  );
});

function Wide(props: RowProps) {
  const { row } = props;
  return (
    <>
      <SelectCell {...props} />
      <div role="gridcell">
        <StatusBadge status={row.status} />
      </div>
      <div role="gridcell" className={classes["workflow"]}>
        <Name {...props} />
        <span className={classes["under"]}>
          <span className="mono" title={row.id}>
            {shortId(row.id)}
          </span>
          <Failure row={row} />
        </span>
      </div>
      <div role="gridcell">
        <Trigger row={row} />
      </div>
      <div role="gridcell" className="truncate" title={row.subject ?? undefined}>
        {row.subject ?? <Nothing />}
      </div>
      <div role="gridcell" className="truncate">
        <Started row={row} />
      </div>
      <div role="gridcell" className={classes["right"]}>
        <Duration row={row} />
      </div>
      <div role="gridcell" className={`${classes["right"]} number dim`}>
        v{row.workflowVersion}
      </div>
      <div role="gridcell" className={classes["marks"]}>
        <Lineage row={row} />
      </div>
    </>
  );
}

function Narrow(props: RowProps) {
  const { row } = props;
  return (
    <>
      <SelectCell {...props} />
      <div role="gridcell" className={classes["lines"]}>
        <span className={classes["line"]}>
          <Name {...props} />
          <StatusBadge status={row.status} />
        </span>
        <span className={`${classes["line"]} ${classes["under"]}`}>
          <span className="truncate">
            <Started row={row} />
            {row.subject && <> · {row.subject}</>}
            {row.error && <> · {row.error.message}</>}
          </span>
          <span className={classes["marks"]}>
            <Lineage row={row} />
            <Duration row={row} />
          </span>
        </span>
      </div>
    </>
  );
}

function SelectCell({ row, index, workflowName, isSelected, canSelect, onSelect }: RowProps) {
  if (!canSelect) {
    return <span role="gridcell" />;
  }
  return (
    <span role="gridcell" className={classes["check"]}>
      <label>
        <input
          type="checkbox"
          tabIndex={-1}
          checked={isSelected}
          aria-label={`Select ${workflowName} ${shortId(row.id)}`}
          onChange={() => undefined}
          onClick={(event) => {
            event.stopPropagation();
            onSelect(index, event.shiftKey);
          }}
        />
      </label>
    </span>
  );
}

function Name({ row, workflowName }: RowProps) {
  const place = usePlace();
  return (
    <a href={place.to("executions", row.id)} className={classes["name"]} title={workflowName} tabIndex={-1}>
      {workflowName}
    </a>
  );
}

function Failure({ row: { error } }: { row: Execution }) {
  return error ? (
    <span className={classes["failure"]} title={error.message}>
      {error.message}
    </span>
  ) : null;
}

function Trigger({ row: { triggeredBy } }: { row: Execution }) {
  const Icon = TRIGGER_ICONS[triggeredBy] ?? Hand;
  return (
    <span className={classes["trigger"]}>
      <Icon size={14} aria-hidden />
      {TRIGGERS[triggeredBy] ?? triggeredBy}
    </span>
  );
}

/** When it began; before that, when it will. */
function Started({ row }: { row: Execution }) {
  if (!row.startedAt && row.runAt && row.status === "pending") {
    return <Ago at={row.runAt} />;
  }
  return <Ago at={row.startedAt ?? row.createdAt} />;
}

function Duration({ row: { startedAt, finishedAt } }: { row: Execution }) {
  if (!startedAt) {
    return <Nothing />;
  }
  if (!finishedAt) {
    return <Elapsed from={startedAt} />;
  }
  // What has ended needs no clock.
  return <span className="number">{formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}</span>;
}

/** Where it comes from, and whether it was run again. */
function Lineage({ row }: { row: Execution }) {
  return (
    <>
      {row.replayOf && <Mark icon={RotateCcw} label={`Runs ${shortId(row.replayOf)} again`} to={row.replayOf} />}
      {row.parentExecutionId && <Mark icon={CornerDownRight} label={`Started by ${shortId(row.parentExecutionId)}`} to={row.parentExecutionId} />}
    </>
  );
}

function Mark({ icon: Icon, label, to }: { icon: LucideIcon; label: string; to: string }) {
  const place = usePlace();
  return (
    <a href={place.to("executions", to)} className={classes["mark"]} aria-label={label} title={label} tabIndex={-1}>
      <Icon size={14} aria-hidden />
    </a>
  );
}

function Nothing() {
  return (
    <span className="dim" aria-label="none">
      –
    </span>
  );
}
