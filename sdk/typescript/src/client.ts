/** The client: executions and their streams here, the other resources in fields of their own. */
import { SluicegateApiError, SluicegateExecutionError, SluicegateTimeoutError } from "./errors.js";
import { Follower, TERMINAL_TYPES } from "./follower.js";
import { List } from "./list.js";
import { BulkJobs, Schedules, Suspensions, Webhooks, Workflows } from "./resources.js";
import { type EventsOptions, type FeedOptions, feed, iterate, type OnError, type OnEvent, subscribe } from "./streams.js";
import { withLimit } from "./time.js";
import { type CallOptions, type ClientOptions, type Place, type RequestOptions, Transport } from "./transport.js";
import type {
  Approve,
  Comparison,
  CreateExecution,
  Execution,
  ExecutionsQuery,
  FeedStreamEvent,
  LogEntry,
  LogsQuery,
  PublishedEvent,
  PublishEvent,
  ReplayExecution,
  ReplayPlan,
  Respond,
  StreamEvent,
  StreamToken,
} from "./types.js";

/** What to trigger, and where. */
export type TriggerOptions = CreateExecution & CallOptions & { workspaceId?: string | undefined; podId?: string | undefined };

/** How long to wait for an end. */
export interface WaitOptions {
  /** In milliseconds: five minutes unless said otherwise; `Infinity` is for ever. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** The connections of a client, for the other entry points of this package. */
export let transportOf: (client: SluicegateClient) => Transport;

/** A client of one Sluicegate server. It keeps no state but its options: make as many as you like. */
export class SluicegateClient {
  readonly workflows: Workflows;
  readonly schedules: Schedules;
  readonly webhooks: Webhooks;
  readonly suspensions: Suspensions;
  readonly bulkJobs: BulkJobs;
  readonly #transport: Transport;

  static {
    transportOf = (client) => client.#transport;
  }

  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
    this.workflows = new Workflows(this.#transport);
    this.schedules = new Schedules(this.#transport);
    this.webhooks = new Webhooks(this.#transport);
    this.suspensions = new Suspensions(this.#transport);
    this.bulkJobs = new BulkJobs(this.#transport);
  }

  /** Triggers an execution. It is durable when this resolves. */
  async trigger(options: TriggerOptions): Promise<Execution> {
    const { workspaceId, podId, idempotencyKey, signal, ...body } = options;
    const path = this.#transport.pod(workspaceId, podId, "executions");
    return await this.request("POST", path, { body, idempotencyKey, signal });
  }

  /** Triggers an execution and waits until it completes. See {@link waitForCompletion}. */
  async run(options: TriggerOptions, wait: WaitOptions = {}): Promise<Execution> {
    const { workspaceId, podId, id } = await this.trigger(options);
    return await this.waitForCompletion(workspaceId, podId, id, { signal: options.signal, ...wait });
  }

  /**
   * Waits until an execution ends, and gives it back if it completed. Otherwise it throws a {@link SluicegateExecutionError},
   * or after `timeout` a {@link SluicegateTimeoutError}; the execution goes on then.
   */
  async waitForCompletion(workspaceId: Place, podId: Place, id: string, wait: WaitOptions = {}): Promise<Execution> {
    const { timeout = 300_000, signal } = wait;
    const execution = await withLimit(timeout, signal, async (signal, isOver) => {
      try {
        for await (const _ of this.#follow(workspaceId, podId, id, { types: TERMINAL_TYPES }, signal).events()) {
          // The only one is the last one.
        }
        signal.throwIfAborted();
        return await this.getExecution(workspaceId, podId, id, { signal });
      } catch (error) {
        throw isOver() ? new SluicegateTimeoutError(`waiting for execution ${id}`, timeout) : error;
      }
    });
    if (execution.status !== "completed") {
      throw new SluicegateExecutionError(execution);
    }
    return execution;
  }

  /** An execution with its input, node runs and suspensions, or only with those that `include` names. */
  async getExecution(
    workspaceId: Place,
    podId: Place,
    id: string,
    options: CallOptions & { include?: readonly ("input" | "nodes" | "suspensions")[] } = {},
  ): Promise<Execution> {
    const query = { include: options.include?.join(",") };
    return await this.request("GET", this.#execution(workspaceId, podId, id), { query, signal: options.signal });
  }

  /** The executions of a pod, newest first. */
  listExecutions(workspaceId?: Place, podId?: Place, query: ExecutionsQuery = {}, options: CallOptions = {}): List<Execution> {
    return new List(this.#transport, this.#transport.pod(workspaceId, podId, "executions"), { ...options, query });
  }

  /** The log entries of an execution, oldest first. */
  listLogs(workspaceId: Place, podId: Place, id: string, query: LogsQuery = {}, options: CallOptions = {}): List<LogEntry> {
    return new List(this.#transport, this.#execution(workspaceId, podId, id, "logs"), { ...options, query });
  }

  /** Answers what an execution asks: `{approved}`, `{action}`, `{answer}` or `{data}`, with `suspensionId` where it asks more than one thing. */
  async respond(workspaceId: Place, podId: Place, id: string, answer: Respond, options: CallOptions = {}): Promise<Execution> {
    return await this.request("PATCH", this.#execution(workspaceId, podId, id, "respond"), { ...options, body: answer });
  }

  /** Answers yes. */
  async approve(workspaceId: Place, podId: Place, id: string, answer: Approve = {}, options: CallOptions = {}): Promise<Execution> {
    return await this.request("PATCH", this.#execution(workspaceId, podId, id, "approve"), { ...options, body: answer });
  }

  /** Answers no. */
  async reject(workspaceId: Place, podId: Place, id: string, answer: Approve = {}, options: CallOptions = {}): Promise<Execution> {
    return await this.respond(workspaceId, podId, id, { ...answer, approved: false }, options);
  }

  /** Runs an execution that has ended once more, from a node on or from the beginning. With `dryRun` it only gives the plan. */
  async replay(workspaceId: Place, podId: Place, id: string, replay: ReplayExecution & { dryRun: true }, options?: CallOptions): Promise<ReplayPlan>;
  async replay(workspaceId: Place, podId: Place, id: string, replay?: ReplayExecution & { dryRun?: false }, options?: CallOptions): Promise<Execution>;
  async replay(
    workspaceId: Place,
    podId: Place,
    id: string,
    replay: ReplayExecution = {},
    options: CallOptions = {},
  ): Promise<Execution | ReplayPlan> {
    return await this.request("POST", this.#execution(workspaceId, podId, id, "replay"), { ...options, body: replay });
  }

  /** Starts an execution like this one; if it has not ended, it is cancelled first. */
  async retry(workspaceId: Place, podId: Place, id: string, options: CallOptions = {}): Promise<Execution> {
    return await this.request("POST", this.#execution(workspaceId, podId, id, "retry"), options);
  }

  /** Cancels an execution; with `wait` this resolves once everything has stopped, or after so many seconds. */
  async cancel(workspaceId: Place, podId: Place, id: string, options: CallOptions & { wait?: number } = {}): Promise<void> {
    const { wait, signal } = options;
    // A repetition of a cancellation that was carried out is told that the execution has ended.
    const onRepeatedFailure = async (error: SluicegateApiError) => {
      const { status } = await this.getExecution(workspaceId, podId, id, { include: [], signal });
      if (error.statusCode !== 409 || (status !== "cancelled" && status !== "cancelling")) {
        throw error;
      }
    };
    await this.request("DELETE", this.#execution(workspaceId, podId, id), { query: { wait }, signal, onRepeatedFailure });
  }

  /** How two executions differ, node by node. */
  async compare(workspaceId: Place, podId: Place, id: string, otherId: string, options: CallOptions = {}): Promise<Comparison> {
    return await this.request("GET", this.#execution(workspaceId, podId, id, "compare", otherId), options);
  }

  /** Says that something has happened: every deployed workflow that subscribes to it is started. */
  async publishEvent(workspaceId: Place, podId: Place, event: PublishEvent, options: CallOptions = {}): Promise<PublishedEvent> {
    return await this.request("POST", this.#transport.pod(workspaceId, podId, "events"), { ...options, body: event });
  }

  /** A token that opens one stream for five minutes, for a browser's own `EventSource`. The path is the stream's, without a query. */
  async createStreamToken(workspaceId: Place, path: string, options: CallOptions = {}): Promise<StreamToken> {
    return await this.request("POST", this.#transport.workspace(workspaceId, "stream-tokens"), { ...options, body: { path } });
  }

  /**
   * Follows an execution: every event once and in order, whatever happens to connections, until the event that ends it.
   * What may pass is tried again for as long as it takes; `onError` is told what does not pass, once, and the stream is over
   * then (without `onError` it is an uncaught error). The returned function stops it, and leaves nothing behind.
   */
  streamEvents(
    workspaceId: Place,
    podId: Place,
    id: string,
    onEvent: OnEvent<StreamEvent>,
    onError?: OnError,
    options: EventsOptions = {},
  ): () => void {
    return subscribe((signal) => this.#follow(workspaceId, podId, id, options, signal), options.signal, onEvent, onError);
  }

  /** The same as an iterator, which ends after the last event. What does not pass is thrown. */
  events(workspaceId: Place, podId: Place, id: string, options: EventsOptions = {}): AsyncIterableIterator<StreamEvent> {
    return iterate((signal) => this.#follow(workspaceId, podId, id, options, signal), options.signal);
  }

  /** Follows all executions of a pod: their status and their suspensions. It has no end. */
  streamPodEvents(
    workspaceId: Place,
    podId: Place,
    onEvent: OnEvent<FeedStreamEvent>,
    onError?: OnError,
    options: FeedOptions = {},
  ): () => void {
    return subscribe((signal) => this.#followPod(workspaceId, podId, options, signal), options.signal, onEvent, onError);
  }

  /** The same as an iterator. */
  podEvents(workspaceId?: Place, podId?: Place, options: FeedOptions = {}): AsyncIterableIterator<FeedStreamEvent> {
    return iterate((signal) => this.#followPod(workspaceId, podId, options, signal), options.signal);
  }

  /** Any call of the API that has no method here: `request("GET", "/node-types")`. The path is the one after `/v1`. */
  async request<Reply>(method: string, path: string, options: RequestOptions = {}): Promise<Reply> {
    return (await this.#transport.request<Reply>(method, path, options)).body;
  }

  /** Any list of the API that has no method here: `list<Member>("/workspaces/.../members")`. */
  list<Item>(path: string, query: object = {}, options: CallOptions = {}): List<Item> {
    return new List(this.#transport, path, { ...options, query });
  }

  #execution(workspaceId: Place, podId: Place, id: string, ...rest: string[]): string {
    return this.#transport.pod(workspaceId, podId, "executions", id, ...rest);
  }

  #follow(workspaceId: Place, podId: Place, id: string, options: EventsOptions, signal: AbortSignal): Follower<StreamEvent> {
    const path = this.#execution(workspaceId, podId, id, "events");
    return new Follower(this.#transport, { path, isLog: true, after: options.after }, options, signal);
  }

  #followPod(workspaceId: Place, podId: Place, options: FeedOptions, signal: AbortSignal): Follower<FeedStreamEvent> {
    return feed(this.#transport, this.#transport.pod(workspaceId, podId, "events"), options, signal);
  }
}
