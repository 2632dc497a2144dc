/** One line for each event. */
import type { ExecutionEvent } from "@sluicegate/sdk";

import { statusLabel } from "../../ui/status";
import { formatDuration } from "../../ui/time";

/** Which node an event is about: its address. */
export function addressOf(event: ExecutionEvent): string | undefined {
  switch (event.type) {
    case "node_update":
    case "node_delta":
    case "node_log":
    case "node_action":
    case "node_artifact":
    case "task_update":
      return event.path ?? event.nodeId;
    case "execution_suspended":
      return event.interrupt.path ?? event.interrupt.nodeId;
    default:
      return undefined;
  }
}

/** The status that gives an event its colour. */
export function statusOf(event: ExecutionEvent): string {
  switch (event.type) {
    case "execution_status":
    case "node_update":
      return event.status;
    case "execution_suspended":
      return "suspended";
    case "execution_complete":
      return "completed";
    case "execution_failed":
      return "failed";
    case "node_log":
      return event.level === "error" ? "failed" : event.level === "warn" ? "suspended" : "idle";
    default:
      return "idle";
  }
}

export function textOf(event: ExecutionEvent): string {
  switch (event.type) {
    case "execution_status":
      return [statusLabel(event.status), event.reason].filter(Boolean).join(": ");
    case "node_update":
      return nodeText(event);
    case "node_delta":
      return event.channel === "progress" ? `${event.progress ?? ""}${event.progressMax ? ` of ${event.progressMax}` : ""} ${event.delta}` : event.delta;
    case "node_log":
      return `${event.level}: ${event.message}`;
    case "node_action":
      return `${event.kind}: ${event.title}`;
    case "node_artifact":
      return event.artifact.name;
    case "task_update":
      return [`${event.state} in ${event.queue}`, event.workerId && `by ${event.workerId}`, event.reason].filter(Boolean).join(", ");
    case "execution_suspended":
      return event.interrupt.title ?? event.interrupt.message;
    case "suspension_update":
      return [event.change ?? event.state, event.action, event.by && `by ${event.by}`, event.reason].filter(Boolean).join(", ");
    case "execution_complete":
      return "It gave its output";
    case "execution_failed":
      return event.error.message;
    case "execution_cancelled":
      return [event.report.by && `by ${event.report.by}`, event.report.reason].filter(Boolean).join(": ");
    case "execution_skipped":
      return event.reason ?? "";
    default:
      // A newer server may tell of more.
      return "";
  }
}

function nodeText(event: Extract<ExecutionEvent, { type: "node_update" }>): string {
  return [
    statusLabel(event.status),
    event.attempt > 1 && `attempt ${event.attempt}`,
    event.branch && `by ${event.branch}`,
    event.reused && (event.pinned ? "pinned" : "reused"),
    event.mocked && "mocked",
    event.reason,
    event.error?.message,
    event.durationMs != null && event.durationMs > 0 && formatDuration(event.durationMs),
  ]
    .filter(Boolean)
    .join(", ");
}
