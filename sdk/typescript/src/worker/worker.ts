/** The worker as a program makes it. */
import { type SluicegateClient, transportOf } from "../client.js";
import { SluicegateError } from "../errors.js";
import { Doors } from "./doors.js";
import { Run, type Settings } from "./run.js";
import type { Task } from "./task.js";
import type { Logger } from "./types.js";

/** Does the work of a task. What it gives is the output; what it throws fails the task. */
export type Handler<Input = any> = (task: Task<Input>) => unknown;

export interface WorkerOptions<Input = any> {
  /** The queue to lease from. */
  queue?: string | undefined;
  /** Several of them, up to 32. */
  queues?: readonly string[] | undefined;
  handler: Handler<Input>;
  /** How many tasks at a time: 1 unless said otherwise. */
  concurrency?: number | undefined;
  /** Where the queues are, unless it is the client's own workspace and pod. */
  workspaceId?: string | undefined;
  podId?: string | undefined;
  /** The worker's name in the list of workers, different for each: host, process and a random part, unless said otherwise. */
  workerId?: string | undefined;
  /** The version of your program, for the list of workers. */
  version?: string | undefined;
  /** How long one request waits for a task: 20 seconds unless said otherwise, 1 to 55. */
  waitSeconds?: number | undefined;
  /** How long tasks may go on after a stop, in milliseconds: 20 seconds unless said otherwise. */
  stopGrace?: number | undefined;
  /** How long a handler keeps its place after its signal has aborted, in milliseconds: 5 seconds unless said otherwise. */
  cancelGrace?: number | undefined;
  /** Is told of failures: `console` unless said otherwise. */
  logger?: Logger | undefined;
}

/** The parts of Node that are used where there are any. */
interface Process {
  pid: number;
  env: Record<string, string | undefined>;
  on(signal: string, listener: () => void): void;
  off(signal: string, listener: () => void): void;
}
const { process } = globalThis as { process?: Process };

/** Leases tasks from queues, and hands each to the handler. */
export class Worker<Input = any> {
  readonly workerId: string;
  readonly #doors: Doors;
  readonly #settings: Settings;
  readonly #stopGrace: number;
  #run: Run | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(client: SluicegateClient, options: WorkerOptions<Input>) {
    const { queue, queues = queue === undefined ? [] : [queue], handler, workspaceId, podId, logger = console } = options;
    if (queues.length === 0 || queues.length > 32 || (queue !== undefined && options.queues !== undefined)) {
      throw new SluicegateError("give queue, or queues: 1 to 32 of them");
    }
    if (typeof handler !== "function") {
      throw new SluicegateError("handler must be a function");
    }
    const transport = transportOf(client);
    this.#doors = new Doors(transport, transport.pod(workspaceId, podId, "tasks"));
    this.#stopGrace = between("stopGrace", options.stopGrace ?? 20_000, 0, Number.POSITIVE_INFINITY);
    this.workerId = options.workerId ?? name();
    this.#settings = {
      queues,
      handler,
      concurrency: whole("concurrency", options.concurrency ?? 1, 1, 10_000),
      workerId: this.workerId,
      version: options.version,
      waitSeconds: whole("waitSeconds", options.waitSeconds ?? 20, 1, 55),
      cancelGrace: between("cancelGrace", options.cancelGrace ?? 5000, 0, 2 ** 31 - 1),
      logger,
    };
  }

  /**
   * Works until {@link stop}, or one of the signals in `stopOn`; a second signal is a stop without grace. What passes (no network,
   * a server that restarts) is waited for; a refusal that does not (a key that is not valid) is thrown once running tasks have ended.
   */
  async run(options: { stopOn?: readonly ("SIGTERM" | "SIGINT" | "SIGHUP")[] } = {}): Promise<void> {
    if (this.#run !== undefined) {
      throw new SluicegateError(`worker ${this.workerId} runs already`);
    }
    const { stopOn = [] } = options;
    const run = new Run(this.#doors, this.#settings);
    let signals = 0;
    const listener = () => {
      signals += 1;
      run.stop(signals === 1 ? this.#stopGrace : 0);
    };
    this.#run = run;
    for (const signal of stopOn) {
      process?.on(signal, listener);
    }
    const worked = run.work(this.#stopGrace);
    this.#ended = worked.catch(() => {});
    try {
      await worked;
    } finally {
      this.#run = undefined;
      for (const signal of stopOn) {
        process?.off(signal, listener);
      }
    }
  }

  /**
   * Leases no more tasks; those that have not ended after `grace` milliseconds are given back, and their signals abort. Resolves when
   * the worker has stopped: don't wait for that in a handler.
   */
  async stop(options: { grace?: number | undefined } = {}): Promise<void> {
    const grace = between("grace", options.grace ?? this.#stopGrace, 0, Number.POSITIVE_INFINITY);
    this.#run?.stop(grace);
    await this.#ended;
  }
}

function name(): string {
  const random = Math.random().toString(36).slice(2, 10);
  return [process?.env["HOSTNAME"] ?? "worker", process?.pid, random].filter(Boolean).join("-").slice(-128);
}

function whole(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value)) {
    throw new SluicegateError(`${name} must be a whole number, unlike ${value}`);
  }
  return between(name, value, least, most);
}

function between(name: string, value: number, least: number, most: number): number {
  if (!(value >= least && value <= most)) {
    throw new SluicegateError(`${name} must be ${most === Number.POSITIVE_INFINITY ? `at least ${least}` : `from ${least} to ${most}`}, unlike ${value}`);
  }
  return value;
}
