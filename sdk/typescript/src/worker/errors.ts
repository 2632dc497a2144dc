/** What can go wrong with a task. */
import { SluicegateError } from "../errors.js";

/** How a handler fails its task on purpose: with a code of its own, and with a word on whether another attempt could help. */
export class TaskError extends SluicegateError {
  override name = "TaskError";
  /** The kind of failure, for programs: `details.code` of the node's error. */
  readonly code: string | undefined;
  /** Whether the node's `retry` may try again: it may, unless said otherwise. */
  readonly retryable: boolean;
  /** More about it, as JSON. */
  readonly details: unknown;

  constructor(message: string, options: { code?: string; retryable?: boolean; details?: unknown; cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = options.code;
    this.retryable = options.retryable ?? true;
    this.details = options.details;
  }
}

/** Why a task is no longer this worker's. */
export type TaskEnd = "cancelled" | "lease_lost" | "released";

/**
 * The task is no longer this worker's: it was withdrawn (`cancelled`), its lease is over (`lease_lost`), or the worker stops and
 * has given it back (`released`). The reason of the task's `signal`; whatever the handler still gives or throws is dropped.
 */
export class TaskOverError extends SluicegateError {
  override name = "TaskOverError";

  constructor(
    readonly reason: TaskEnd,
    message: string,
  ) {
    super(message);
  }
}
