/** The states of executions, node runs and suspensions, with one sign each: never colour alone. */
import type { Schemas } from "@sluicegate/sdk";
import { Ban, Check, CircleDashed, CircleDot, Hourglass, type LucideIcon, Pause, RotateCw, SkipForward, X } from "lucide-react";

import classes from "./status.module.css";

export type Status = Schemas["ExecutionStatus"] | Schemas["NodeStatus"] | Schemas["SuspensionState"] | "idle";

const SIGNS: Record<string, { icon: LucideIcon; label: string }> = {
  pending: { icon: Hourglass, label: "Pending" },
  queued: { icon: CircleDashed, label: "Queued" },
  running: { icon: CircleDot, label: "Running" },
  retrying: { icon: RotateCw, label: "Retrying" },
  suspended: { icon: Pause, label: "Waiting" },
  completed: { icon: Check, label: "Completed" },
  failed: { icon: X, label: "Failed" },
  cancelling: { icon: Ban, label: "Cancelling" },
  cancelled: { icon: Ban, label: "Cancelled" },
  skipped: { icon: SkipForward, label: "Skipped" },
  idle: { icon: CircleDashed, label: "Not begun" },
  open: { icon: Pause, label: "Open" },
  answered: { icon: Check, label: "Answered" },
  expired: { icon: Hourglass, label: "Expired" },
};

/** What a status is called. */
export function statusLabel(status: string): string {
  return SIGNS[status]?.label ?? status;
}

/** The sign of a status alone; its name is read out. */
export function StatusIcon({ status, size = 16 }: { status: string; size?: number }) {
  const Icon = SIGNS[status]?.icon ?? CircleDashed;
  return (
    <span className={classes["icon"]} data-status={status} role="img" aria-label={statusLabel(status)} title={statusLabel(status)}>
      <Icon size={size} aria-hidden />
    </span>
  );
}

/** A status with its name. */
export function StatusBadge({ status, label }: { status: string; label?: string }) {
  const Icon = SIGNS[status]?.icon ?? CircleDashed;
  return (
    <span className={classes["badge"]} data-status={status}>
      <Icon size={13} aria-hidden />
      {label ?? statusLabel(status)}
    </span>
  );
}
