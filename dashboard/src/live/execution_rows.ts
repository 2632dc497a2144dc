/** What a live list of executions holds, and what an event says of a row. */
import type { Execution, ExecutionsQuery, FeedEvent } from "@sluicegate/sdk";

/** What chooses the executions of a list: the parameters of the API's list. */
export type ExecutionsFilter = Omit<ExecutionsQuery, "limit" | "cursor">;

/** What the page shows. */
export interface ExecutionsView {
  /** Newest first. */
  rows: readonly Execution[];
  /** Older ones can be loaded. */
  hasMore: boolean;
  /** The first page has not come yet. */
  isLoading: boolean;
  /** What the server last refused, or why it can't be reached. */
  error: unknown;
  /** How many rows have come since the reader left the top. */
  news: number;
  /** There are so many more that they are read only when the reader goes back to the top. */
  isBehind: boolean;
}

const STATUS_BY_EVENT: Record<string, Execution["status"]> = {
  execution_complete: "completed",
  execution_failed: "failed",
  execution_cancelled: "cancelled",
  execution_skipped: "skipped",
};

/** The status that an execution has after an event, if the event says one. */
export function statusAfter(event: FeedEvent): Execution["status"] | undefined {
  return event.type === "execution_status" ? event.status : STATUS_BY_EVENT[event.type];
}

/** The types of events that the list needs. */
export const LIST_EVENTS = ["execution_status", "execution_complete", "execution_failed", "execution_cancelled", "execution_skipped"] as const;

/** The later of two states. */
export function newer(read: Execution, known: Execution | undefined): Execution {
  return known && known.lastSeq > read.lastSeq ? known : read;
}

/** A row as an event tells of it, until the API has said the rest. */
export function asTold(row: Execution, status: Execution["status"], lastSeq: number, at: string): Execution {
  const isOver = status === "completed" || status === "failed" || status === "cancelled" || status === "skipped";
  return {
    ...row,
    status,
    // The position of the event is the last that is known, but not all of what it changed is.
    lastSeq,
    startedAt: row.startedAt ?? (status === "running" ? at : null),
    finishedAt: row.finishedAt ?? (isOver ? at : null),
  };
}
