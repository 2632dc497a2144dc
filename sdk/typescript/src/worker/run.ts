/** The loop of a running worker: leases as many tasks as it has places, hands them to the handler, and gives back what is left at the end. */
import { SluicegateApiError, SluicegateError } from "../errors.js";
import { pause } from "../time.js";
import { backoff, LONGEST_RETRY_AFTER_MS } from "../transport.js";
import type { Doors } from "./doors.js";
import { TaskError } from "./errors.js";
import { type End, isPowerOfTwo, Lease } from "./lease.js";
import { clipped, Task } from "./task.js";
import type { LeasedTask, Logger } from "./types.js";

/** How long the release of a task may take when the worker stops. */
const RELEASE_MS = 5000;
/** The longest message and code of a failure. */
const MESSAGE_LENGTH = 4000;
const CODE_LENGTH = 64;
/** The most that one lease asks for. */
const MOST_TASKS = 100;

/** What a worker was made with; times in milliseconds. */
export interface Settings {
  queues: readonly string[];
  handler: (task: Task) => unknown;
  concurrency: number;
  workerId: string;
  version: string | undefined;
  waitSeconds: number;
  cancelGrace: number;
  logger: Logger;
}

export class Run {
  readonly #doors: Doors;
  readonly #settings: Settings;
  readonly #stopping = new AbortController();
  /** The tasks that take a place, each with the promise of its end. */
  readonly #held = new Map<Lease, Promise<void>>();
  /** How many handlers run on although their task is over and their place is taken by another one. */
  #abandoned = 0;
  #releaseAt = Number.POSITIVE_INFINITY;
  #wake = () => {};

  constructor(doors: Doors, settings: Settings) {
    this.#doors = doors;
    this.#settings = settings;
  }

  /** Works until it is stopped, or until the server refuses to give tasks for good: that is thrown once the tasks have ended. */
  async work(stopGrace: number): Promise<void> {
    try {
      await this.#lease();
    } catch (error) {
      this.#settings.logger.error(`worker ${this.#settings.workerId} gets no more tasks`, error);
      this.stop(stopGrace);
      throw error;
    } finally {
      await this.#drain();
    }
  }

  /** Leases no more, and gives back what has not ended after so many milliseconds. Called again, the earlier end counts. */
  stop(grace: number): void {
    this.#releaseAt = Math.min(this.#releaseAt, performance.now() + grace);
    this.#stopping.abort();
    this.#wake();
  }

  async #lease(): Promise<void> {
    const { queues, workerId, version, waitSeconds, concurrency, logger } = this.#settings;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; ) {
      const free = concurrency - this.#held.size;
      if (free <= 0) {
        await this.#pause(Number.POSITIVE_INFINITY);
        continue;
      }
      const begunAt = performance.now();
      let asked = 0;
      try {
        const wish = { queues, max: Math.min(free, MOST_TASKS), waitSeconds, workerId, version };
        const tasks = await this.#doors.lease(wish, signal);
        for (const task of tasks) {
          this.#begin(task);
        }
        if (failures > 0) {
          logger.info(`worker ${workerId} reaches the server again`);
        }
        // Nothing, and long before the wait was over: the server stops, or something between does not wait.
        failures = tasks.length === 0 && performance.now() - begunAt < waitSeconds * 500 ? failures + 1 : 0;
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        const isRefused = error instanceof SluicegateApiError && !error.isTransient;
        if (isRefused || !(error instanceof SluicegateError)) {
          throw error;
        }
        failures += 1;
        asked = (error instanceof SluicegateApiError && error.retryAfterMs) || 0;
        if (isPowerOfTwo(failures)) {
          logger.warn(`worker ${workerId} gets no tasks: ${error.message}; trying again`);
        }
      }
      if (failures > 0) {
        await pause(Math.max(backoff(failures), Math.min(asked, LONGEST_RETRY_AFTER_MS)), signal);
      }
    }
  }

  #begin(leased: LeasedTask): void {
    const lease = new Lease(this.#doors, leased, this.#settings.logger);
    const ended = this.#stopping.signal.aborted ? this.#giveBack(lease) : this.#handle(lease);
    const done = ended.finally(() => {
      this.#held.delete(lease);
      this.#wake();
    });
    this.#held.set(lease, done);
  }

  /** A task that came when the worker was about to stop. */
  async #giveBack(lease: Lease): Promise<void> {
    release(lease);
    await lease.hold();
  }

  /** Lets the handler work, for as long as the task is this worker's and a little longer. */
  async #handle(lease: Lease): Promise<void> {
    const { handler, cancelGrace, concurrency, logger } = this.#settings;
    let isDone = false;
    let wake = () => {};
    const handled = outcome(handler, new Task(this.#doors, lease), lease, logger).then((end) => {
      isDone = true;
      lease.finish(end);
      wake();
    });
    await lease.hold();
    if (!isDone) {
      await pause(cancelGrace, undefined, (done) => {
        wake = done;
        return () => {};
      });
    }
    if (isDone) {
      return;
    }
    // It does not mind that its task is over. Its place is given away, but never more places than there are.
    if (this.#abandoned >= concurrency) {
      logger.warn(`the handler of task ${lease.task.taskId} does not end, and keeps its place`);
      await Promise.race([handled, this.#stopped()]);
      return;
    }
    logger.warn(`the handler of task ${lease.task.taskId} does not end: another task takes its place`);
    this.#abandoned += 1;
    void handled.then(() => {
      this.#abandoned -= 1;
    });
  }

  async #drain(): Promise<void> {
    while (this.#held.size > 0 && performance.now() < this.#releaseAt) {
      await this.#pause(this.#releaseAt - performance.now());
    }
    for (const lease of this.#held.keys()) {
      release(lease);
    }
    await Promise.all(this.#held.values());
  }

  /** Until a task has ended, or a stop has come. */
  async #pause(ms: number): Promise<void> {
    await pause(Math.min(ms, 2 ** 31 - 1), undefined, (wake) => {
      this.#wake = wake;
      return () => {
        this.#wake = () => {};
      };
    });
  }

  async #stopped(): Promise<void> {
    const { signal } = this.#stopping;
    if (!signal.aborted) {
      await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
    }
  }
}

function release(lease: Lease): void {
  lease.finish({ door: "release", members: "" });
  lease.hurry(RELEASE_MS);
}

/** What the handler makes of its task. */
async function outcome(handler: (task: Task) => unknown, task: Task, lease: Lease, logger: Logger): Promise<End> {
  try {
    const output = await handler(task);
    return { door: "complete", members: `"output":${json(output)}${stats(task)}` };
  } catch (error) {
    if (!lease.isOver) {
      const what = `task ${task.taskId} of queue ${task.queue} failed`;
      // Where it was thrown says something of a mistake only.
      if (error instanceof TaskError) {
        logger.warn(`${what}: ${error.message}`);
      } else {
        logger.error(what, error);
      }
    }
    if (!(error instanceof TaskError) && error instanceof Error && error.stack) {
      task.log(error.stack, "error");
    }
    return { door: "fail", members: `"error":${JSON.stringify(failure(error))}${stats(task)}` };
  }
}

/** What is no value in JSON, such as undefined, is null. */
function json(output: unknown): string {
  try {
    return JSON.stringify(output) ?? "null";
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TaskError(`the output is no JSON: ${why}`, { code: "invalid_output", retryable: false, cause: error });
  }
}

function stats(task: Task): string {
  return Object.keys(task.stats).length > 0 ? `,"stats":${JSON.stringify(task.stats)}` : "";
}

function failure(error: unknown): object {
  if (error instanceof TaskError) {
    const { message, code, retryable, details } = error;
    return { message: sentence(message), code: code && clipped(code, CODE_LENGTH), retryable, details: printable(details) };
  }
  if (error instanceof Error) {
    const code = error.name === "Error" ? {} : { code: clipped(error.name, CODE_LENGTH) };
    return { message: sentence(error.message || error.name), ...code };
  }
  return { message: sentence(String(error)) };
}

function printable(details: unknown): unknown {
  try {
    JSON.stringify(details);
    return details;
  } catch {
    return String(details);
  }
}

function sentence(message: string): string {
  return clipped(message, MESSAGE_LENGTH) || "failed without a word";
}
