/** What a handler gets: its task, and what it can say about it meanwhile. */
import { SluicegateApiError, SluicegateError } from "../errors.js";
import { pause } from "../time.js";
import { backoff } from "../transport.js";
import { type Content, imageType, open } from "./content.js";
import type { Doors } from "./doors.js";
import type { Lease } from "./lease.js";
import type { Artifact, ArtifactKind } from "./types.js";

/** How often an artifact is sent again after a failure that may pass. */
const RETRIES = 5;
/** The longest texts that the server takes. */
const TEXT_LENGTH = 65_000;
const TITLE_LENGTH = 1000;

export interface ArtifactOptions {
  /** The MIME type. By the name's ending, unless said otherwise. */
  contentType?: string | undefined;
  /** What it is for. By content type and name, unless said otherwise. */
  kind?: ArtifactKind | undefined;
}

/** A task in this worker's hands. What is said of it is sent within a moment, in order, and before its end. */
export class Task<Input = any> {
  readonly taskId: string;
  readonly queue: string;
  readonly executionId: string;
  readonly workflowId: string;
  readonly nodeId: string;
  /** The branch or the turn of a loop that the node runs in. */
  readonly path: string | undefined;
  /** The node's attempt: more than 1 after a failure that was tried again. */
  readonly attempt: number;
  /** Grows with each lease of the task. Systems that remember the greatest can refuse a worker that was thought dead. */
  readonly fence: number;
  /** The same for all attempts and leases of the node: gives what the task does elsewhere a name, so that it is done once. */
  readonly idempotencyKey: string;
  readonly input: Input;
  /** The execution's context. */
  readonly context: any;
  readonly queuedAt: string;
  /** When the task is withdrawn at the latest. */
  readonly deadline: string | undefined;
  /** The headers of W3C Trace Context for what the task calls, where the execution is part of a trace. */
  readonly trace: { traceparent: string; tracestate?: string | null } | undefined;
  /** Aborts when the task is no longer this worker's. The reason is a `TaskOverError`. */
  readonly signal: AbortSignal;
  /** Counts for the execution's statistics, in place of those that the server takes from the actions. */
  readonly stats: { steps?: number; agentActions?: number; screenshots?: number } = {};
  readonly #doors: Doors;
  readonly #lease: Lease;
  #screenshots = 0;

  constructor(doors: Doors, lease: Lease) {
    const { task } = lease;
    this.taskId = task.taskId;
    this.queue = task.queue;
    this.executionId = task.executionId;
    this.workflowId = task.workflowId;
    this.nodeId = task.nodeId;
    this.path = task.path ?? undefined;
    this.attempt = task.attempt;
    this.fence = task.fence;
    this.input = task.input as Input;
    this.context = task.context;
    this.queuedAt = task.queuedAt;
    this.deadline = task.deadline ?? undefined;
    this.trace = task.trace ?? undefined;
    this.idempotencyKey = task.idempotencyKey;
    this.signal = lease.signal;
    this.#doors = doors;
    this.#lease = lease;
  }

  /** How far the task has come: `value` of `max`, and what it is at. Of several at about the same time the newest is sent. */
  progress(value: number, max?: number, message?: string): void {
    const progress = {
      progress: finite("progress", value),
      ...(max === undefined ? {} : { progressMax: finite("max", max) }),
      ...(message === undefined ? {} : { message }),
    };
    this.#lease.report((reports) => reports.progress(progress));
  }

  /** An entry of the execution's log. `data` is any JSON. */
  log(message: string, level: "debug" | "info" | "warn" | "error" = "info", data?: unknown): void {
    this.#lease.report((reports) => reports.add("logs", { level, message: clipped(message, TEXT_LENGTH), data }));
  }

  /** Something that the worker did, for who follows the execution: `action("click", "Save", { x: 10, y: 20 })`. */
  action(kind: string, title: string, detail?: unknown, artifact?: Artifact | string): void {
    const artifactId = typeof artifact === "object" ? artifact.id : artifact;
    this.#lease.report((reports) => reports.add("actions", { kind, title: clipped(title, TITLE_LENGTH), detail, artifactId }));
  }

  /** Some text as it comes into being, such as what a model writes. */
  delta(text: string, channel: "text" | "reasoning" = "text"): void {
    if (text !== "") {
      this.#lease.report((reports) => reports.delta(channel, text));
    }
  }

  /**
   * Stores a file with the execution. What can be read again (a text, bytes, a `Blob`, a `{ path }`) is sent again after failures that may
   * pass, a stream is not.
   */
  async artifact(name: string, content: Content, options: ArtifactOptions = {}): Promise<Artifact> {
    const { body, contentType, isRepeatable } = open(name, content);
    const upload = { name, kind: options.kind, contentType: options.contentType ?? contentType, open: body };
    for (let failures = 0; ; ) {
      this.signal.throwIfAborted();
      if (this.#lease.isOver) {
        throw new SluicegateError(`task ${this.taskId} has ended: it takes no artifact any more`);
      }
      try {
        return await this.#doors.put(this.taskId, this.#lease.task.leaseToken, upload, this.signal);
      } catch (error) {
        this.signal.throwIfAborted();
        const isRefused = error instanceof SluicegateApiError && !error.isTransient;
        failures += 1;
        if (!(error instanceof SluicegateError) || isRefused || !isRepeatable || failures > RETRIES) {
          throw error;
        }
        const asked = (error instanceof SluicegateApiError && error.retryAfterMs) || 0;
        await pause(Math.max(backoff(failures), asked), this.signal);
      }
    }
  }

  /** Stores an image, and tells of it as an action of the kind `screenshot`. */
  async screenshot(image: Content, title = "Screenshot", options: { name?: string; contentType?: string } = {}): Promise<Artifact> {
    this.#screenshots += 1;
    const type = imageType(image);
    const { name = `screenshot-${this.fence}-${this.#screenshots}.${type}`, contentType = `image/${type}` } = options;
    const artifact = await this.artifact(name, image, { contentType, kind: "screenshot" });
    this.action("screenshot", title, undefined, artifact);
    return artifact;
  }
}

/** A text that is no longer than that, without the one character that the server's databases can't keep. */
export function clipped(text: string, length: number): string {
  const clean = text.replaceAll("\0", "\uFFFD");
  return clean.length > length ? `${clean.slice(0, length - 1)}…` : clean;
}

function finite(name: string, value: number): number {
  if (!Number.isFinite(value)) {
    throw new TypeError(`${name} must be a finite number, unlike ${value}`);
  }
  return value;
}
