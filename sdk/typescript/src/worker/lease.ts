/**
 * One lease of one task: kept by heartbeats that take reports along, until it is ended or lost.
 *
 * Its requests go one after the other, so what was reported arrives in order and before the end.
 */
import { SluicegateApiError } from "../errors.js";
import { pause } from "../time.js";
import { backoff } from "../transport.js";
import type { Doors } from "./doors.js";
import { type TaskEnd, TaskOverError } from "./errors.js";
import { type Batch, heartbeat, Reports } from "./reports.js";
import type { LeasedTask, Logger } from "./types.js";

/** So many milliseconds reports wait for others to go with them. */
const COALESCE_MS = 100;
/** What the server answers when a lease is no longer this worker's, whatever is asked of it. */
const LOST = [401, 403, 404, 409, 410];

/** How a lease is ended: by which door, and what it is told beside the token: the members of a JSON object. */
export interface End {
  door: "complete" | "fail" | "release";
  members: string;
}

export class Lease {
  readonly task: LeasedTask;
  readonly #doors: Doors;
  readonly #logger: Logger;
  readonly #reports = new Reports();
  readonly #over = new AbortController();
  /** Aborts when nothing more can be waited for. */
  readonly #hurried = new AbortController();
  #hurry: ReturnType<typeof setTimeout> | undefined;
  /** When the lease runs out unless it is extended: by this machine's clock, and never later than by the server's. */
  #until: number;
  #extendedAt: number;
  /** Since when reports wait. */
  #reportedAt: number | undefined;
  #batches: Batch[] = [];
  #end: End | undefined;
  /** The end was refused once, and stands for another one. */
  #isRefused = false;
  #isOver = false;
  #failures = 0;
  #retryAt = 0;
  #wake = () => {};

  constructor(doors: Doors, task: LeasedTask, logger: Logger) {
    this.task = task;
    this.#doors = doors;
    this.#logger = logger;
    this.#extendedAt = performance.now();
    this.#until = this.#extendedAt + task.leaseSeconds * 1000;
  }

  /** Aborts when the task is no longer this worker's, unless it was completed or failed. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Adds to what the next heartbeat says. When the lease is over, nothing is said any more. */
  report(add: (reports: Reports) => void): void {
    if (this.#isOver || this.#end !== undefined) {
      return;
    }
    add(this.#reports);
    if (this.#reportedAt === undefined) {
      this.#reportedAt = performance.now();
      this.#wake();
    }
  }

  /** Ends the lease once all reports are sent. The first end counts. */
  finish(end: End): void {
    this.#end ??= end;
    this.#wake();
  }

  /** Gives the lease up if it has not ended after so many milliseconds. */
  hurry(ms: number): void {
    if (!this.#isOver) {
      this.#hurry ??= setTimeout(() => this.#hurried.abort(), ms);
    }
  }

  /** The lease is no longer this worker's. */
  lose(reason: TaskEnd, message: string): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#over.abort(new TaskOverError(reason, message));
      this.#wake();
    }
  }

  /** Keeps the lease. Resolves when it is over, however that came about. */
  async hold(): Promise<void> {
    while (!this.#isOver) {
      const now = performance.now();
      const at = Math.min(this.#nextAt(), this.#until);
      if (now >= this.#until) {
        this.#lost("it ran out before the server could be reached");
      } else if (this.#hurried.signal.aborted) {
        this.#lost("the worker has stopped before the server could be reached");
      } else if (at > now) {
        await this.#pause(at - now);
      } else {
        await this.#step(now);
      }
    }
    clearTimeout(this.#hurry);
  }

  /** When something is to be sent. */
  #nextAt(): number {
    if (this.#failures > 0) {
      return this.#retryAt;
    }
    if (this.#end !== undefined || this.#batches.length > 0) {
      return 0;
    }
    return Math.min(this.#heartbeatAt, (this.#reportedAt ?? Number.POSITIVE_INFINITY) + COALESCE_MS);
  }

  get #heartbeatAt(): number {
    return this.#extendedAt + (this.task.leaseSeconds * 1000) / 3;
  }

  /** Sends one request. */
  async #step(now: number): Promise<void> {
    if (this.#batches.length === 0 && (this.#end === undefined || !this.#reports.isEmpty || now >= this.#heartbeatAt)) {
      this.#batches.push(this.#reports.take());
      this.#reportedAt = this.#reports.isEmpty ? undefined : 0;
    }
    const [batch] = this.#batches;
    try {
      if (batch !== undefined) {
        await this.#beat(batch, now);
        this.#batches.shift();
      } else if (this.#end !== undefined) {
        await this.#finish(this.#end);
      }
      this.#failures = 0;
    } catch (error) {
      this.#failed(error, batch);
    }
  }

  async #beat(batch: Batch, now: number): Promise<void> {
    const { cancelled } = await this.#post<{ cancelled: boolean }>("heartbeat", heartbeat(this.task.leaseToken, batch));
    this.#extendedAt = now;
    this.#until = now + this.task.leaseSeconds * 1000;
    if (cancelled) {
      this.lose("cancelled", `task ${this.task.taskId} was withdrawn`);
    }
  }

  async #finish({ door, members }: End): Promise<void> {
    if (door === "release") {
      await this.#post(door, `{"leaseToken":${JSON.stringify(this.task.leaseToken)}}`);
      this.lose("released", `task ${this.task.taskId} was given back: the worker stops`);
    } else {
      await this.#doors.finish(this.task, door, members, this.#limit, this.#hurried.signal);
    }
    this.#isOver = true;
  }

  async #post<Reply>(door: string, body: string): Promise<Reply> {
    return await this.#doors.post<Reply>(this.task.taskId, door, body, this.#limit, this.#hurried.signal);
  }

  /** The time limit of an attempt: one that gets no answer must leave time for another one. */
  get #limit(): number {
    return Math.min(this.#doors.requestTimeout, this.task.leaseSeconds * 500);
  }

  #failed(error: unknown, batch: Batch | undefined): void {
    if (error instanceof SluicegateApiError && !error.isTransient) {
      // What something between has answered says nothing of the task, but what is too large for it stays so.
      const isOurs = !error.code.startsWith("http_");
      if (isOurs && LOST.includes(error.statusCode)) {
        this.#lost(error.message);
        return;
      }
      if ((isOurs || error.statusCode === 413) && this.#refused(error, batch)) {
        return;
      }
    }
    const now = performance.now();
    const asked = (error instanceof SluicegateApiError && error.retryAfterMs) || 0;
    this.#failures += 1;
    // Never so late that the lease has no chance.
    this.#retryAt = now + Math.min(Math.max(backoff(this.#failures), asked), (this.#until - now) / 2);
    if (isPowerOfTwo(this.#failures)) {
      this.#logger.warn(`task ${this.task.taskId}: ${error instanceof Error ? error.message : error}; trying again`);
    }
  }

  /** What was said can't be taken, but the lease holds: says less. Gives whether there is less to say. */
  #refused(error: SluicegateApiError, batch: Batch | undefined): boolean {
    const { taskId } = this.task;
    if (batch !== undefined) {
      const { progress, reports } = batch;
      if (reports.length + (progress ? 1 : 0) === 0) {
        return false;
      }
      this.#batches.shift();
      if (progress && reports.length > 0) {
        this.#batches.unshift({ progress, reports: [] }, { progress: undefined, reports });
      } else if (reports.length > 1) {
        const half = reports.length >> 1;
        const halves = [reports.slice(0, half), reports.slice(half)];
        this.#batches.unshift(...halves.map((reports) => ({ progress: undefined, reports })));
      } else {
        this.#logger.warn(`task ${taskId}: a report was refused and is dropped: ${error.message}`);
      }
      return true;
    }
    if (this.#end === undefined || this.#end.door === "release" || this.#isRefused) {
      return false;
    }
    const what = this.#end.door === "complete" ? "the output was refused" : "the task failed, and its error was refused";
    const failure = { message: `${what}: ${error.message}`, code: "invalid_output", retryable: false };
    this.#logger.error(`task ${taskId}: ${failure.message}`);
    this.#end = { door: "fail", members: `"error":${JSON.stringify(failure)}` };
    this.#isRefused = true;
    return true;
  }

  #lost(why: string): void {
    const message = `the lease of task ${this.task.taskId} is lost: ${why}`;
    this.#logger.warn(message);
    this.lose("lease_lost", message);
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, this.#hurried.signal, (wake) => {
      this.#wake = wake;
      return () => {
        this.#wake = () => {};
      };
    });
  }
}

/** For what is said often at first, and seldom later. */
export function isPowerOfTwo(n: number): boolean {
  return n > 0 && (n & (n - 1)) === 0;
}
