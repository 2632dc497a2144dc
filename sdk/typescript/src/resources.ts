/** The resources beside executions: each a few calls, with the workspace and the pod first. */
import type { SluicegateApiError } from "./errors.js";
import type { Follower } from "./follower.js";
import { List } from "./list.js";
import { type FeedOptions, feed, iterate, type OnError, type OnEvent, subscribe } from "./streams.js";
import type { CallOptions, Place, RequestOptions, Transport } from "./transport.js";
import type {
  BulkItem,
  BulkItemsQuery,
  BulkJob,
  BulkReplay,
  BulkSelection,
  ComingSlot,
  CreateSchedule,
  CreateWebhook,
  CreateWorkflow,
  Definition,
  DefinitionProblem,
  DuplicateWorkflow,
  Execution,
  FeedStreamEvent,
  PageQuery,
  Reassign,
  Respond,
  RotateSecret,
  Schedule,
  Slot,
  Suspension,
  SuspensionsQuery,
  UpdateSchedule,
  UpdateWebhook,
  UpdateWorkflow,
  Webhook,
  WebhookAndSecret,
  WebhookDelivery,
  WebhookDeliveryDetail,
  Workflow,
  WorkflowsQuery,
  WorkflowVersion,
} from "./types.js";

abstract class Resource {
  protected readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  protected async call<Reply>(method: string, path: string, options: RequestOptions, body?: unknown): Promise<Reply> {
    return (await this.transport.request<Reply>(method, path, { ...options, body })).body;
  }

  protected pages<Item>(path: string, query: object, options: CallOptions): List<Item> {
    return new List(this.transport, path, { ...options, query });
  }

  /** A repetition of a deletion that was carried out finds nothing. */
  protected async remove(path: string, options: CallOptions): Promise<void> {
    const onRepeatedFailure = (error: SluicegateApiError) => {
      if (error.statusCode !== 404) {
        throw error;
      }
    };
    await this.transport.request("DELETE", path, { ...options, onRepeatedFailure });
  }
}

/** What lives in a pod under a name of its own: listed, read, made, changed and removed alike. */
class PodResource<Item, Create, Created, Update, ListQuery extends object = PageQuery> extends Resource {
  readonly #name: string;

  constructor(transport: Transport, name: string) {
    super(transport);
    this.#name = name;
  }

  protected at(workspaceId: Place, podId: Place, ...rest: (string | number)[]): string {
    return this.transport.pod(workspaceId, podId, this.#name, ...rest);
  }

  /** All of a pod, newest first. */
  list(workspaceId?: Place, podId?: Place, query?: ListQuery, options: CallOptions = {}): List<Item> {
    return this.pages(this.at(workspaceId, podId), query ?? {}, options);
  }
  /** One by its id. */
  async get(workspaceId: Place, podId: Place, id: string, options: CallOptions = {}): Promise<Item> {
    return await this.call("GET", this.at(workspaceId, podId, id), options);
  }
  /** Makes one. */
  async create(workspaceId: Place, podId: Place, wanted: Create, options: CallOptions = {}): Promise<Created> {
    return await this.call("POST", this.at(workspaceId, podId), options, wanted);
  }
  /** Changes what `changes` names, and leaves the rest. */
  async update(workspaceId: Place, podId: Place, id: string, changes: Update, options: CallOptions = {}): Promise<Item> {
    return await this.call("PATCH", this.at(workspaceId, podId, id), options, changes);
  }
  /** Removes one. */
  async delete(workspaceId: Place, podId: Place, id: string, options: CallOptions = {}): Promise<void> {
    await this.remove(this.at(workspaceId, podId, id), options);
  }
}

/** Workflows. Every change of a definition makes a version. */
export class Workflows extends PodResource<Workflow, CreateWorkflow, Workflow, UpdateWorkflow, WorkflowsQuery> {
  constructor(transport: Transport) {
    super(transport, "workflows");
  }

  /** What is wrong with a definition; nothing is saved. */
  async validate(workspaceId: Place, podId: Place, definition: Definition, options: CallOptions = {}): Promise<DefinitionProblem[]> {
    return await this.call("POST", this.at(workspaceId, podId, "validate"), options, definition);
  }
  /** Makes a version, the latest unless said otherwise, the one that triggers start. */
  async deploy(workspaceId: Place, podId: Place, id: string, version?: number, options: CallOptions = {}): Promise<Workflow> {
    return await this.call("POST", this.at(workspaceId, podId, id, "deploy"), options, { version });
  }
  /** Makes it a draft again: nothing starts it but calls. */
  async undeploy(workspaceId: Place, podId: Place, id: string, options: CallOptions = {}): Promise<Workflow> {
    return await this.call("POST", this.at(workspaceId, podId, id, "undeploy"), options);
  }
  /** Makes a copy. */
  async duplicate(workspaceId: Place, podId: Place, id: string, wanted: DuplicateWorkflow = {}, options: CallOptions = {}): Promise<Workflow> {
    return await this.call("POST", this.at(workspaceId, podId, id, "duplicate"), options, wanted);
  }
  /** Marks it with a star, or takes the star away. */
  async star(workspaceId: Place, podId: Place, id: string, starred = true, options: CallOptions = {}): Promise<Workflow> {
    return await this.call("PATCH", this.at(workspaceId, podId, id, "star"), options, { starred });
  }
  /** Puts it into the trash, from which it can be deleted or restored. */
  async trash(workspaceId: Place, podId: Place, id: string, options: CallOptions = {}): Promise<Workflow> {
    return await this.call("PATCH", this.at(workspaceId, podId, id, "trash"), options);
  }
  /** Takes a workflow out of the trash. */
  async restore(workspaceId: Place, podId: Place, id: string, options: CallOptions = {}): Promise<Workflow> {
    return await this.call("PATCH", this.at(workspaceId, podId, id, "restore"), options);
  }
  /** Its versions, newest first. */
  listVersions(workspaceId: Place, podId: Place, id: string, query: PageQuery = {}, options: CallOptions = {}): List<WorkflowVersion> {
    return this.pages(this.at(workspaceId, podId, id, "versions"), query, options);
  }
  /** One version, with its definition. */
  async getVersion(workspaceId: Place, podId: Place, id: string, version: number, options: CallOptions = {}): Promise<WorkflowVersion> {
    return await this.call("GET", this.at(workspaceId, podId, id, "versions", version), options);
  }
  /** Makes an old definition the newest version. */
  async restoreVersion(workspaceId: Place, podId: Place, id: string, version: number, options: CallOptions = {}): Promise<Workflow> {
    return await this.call("POST", this.at(workspaceId, podId, id, "versions", version, "restore"), options);
  }
}

/** Schedules, and the ledger of their slots. */
export class Schedules extends PodResource<Schedule, CreateSchedule, Schedule, UpdateSchedule> {
  constructor(transport: Transport) {
    super(transport, "schedules");
  }

  /** Turns a schedule on or off; without `enabled` the other way round. */
  async toggle(workspaceId: Place, podId: Place, id: string, enabled?: boolean, options: CallOptions = {}): Promise<Schedule> {
    return await this.call("PATCH", this.at(workspaceId, podId, id, "toggle"), options, { enabled });
  }
  /** Starts its workflow now, beside its slots. */
  async run(workspaceId: Place, podId: Place, id: string, options: CallOptions = {}): Promise<Execution> {
    return await this.call("POST", this.at(workspaceId, podId, id, "run"), options);
  }
  /** The next `n` slots. */
  async preview(workspaceId: Place, podId: Place, id: string, n?: number, options: CallOptions = {}): Promise<ComingSlot[]> {
    return await this.call("GET", this.at(workspaceId, podId, id, "preview"), { ...options, query: { n } });
  }
  /** The ledger: what became of each slot. */
  listSlots(workspaceId: Place, podId: Place, id: string, query: PageQuery = {}, options: CallOptions = {}): List<Slot> {
    return this.pages(this.at(workspaceId, podId, id, "slots"), query, options);
  }
}

/** Webhooks, and the ledger of their deliveries. */
export class Webhooks extends PodResource<Webhook, CreateWebhook, WebhookAndSecret, UpdateWebhook> {
  constructor(transport: Transport) {
    super(transport, "webhooks");
  }

  /** Gives a webhook a new secret; the old one holds for `overlapSeconds`. */
  async rotateSecret(workspaceId: Place, podId: Place, id: string, wanted: RotateSecret = {}, options: CallOptions = {}): Promise<WebhookAndSecret> {
    return await this.call("POST", this.at(workspaceId, podId, id, "rotate"), options, wanted);
  }
  /** The ledger: what became of each delivery. */
  listDeliveries(workspaceId: Place, podId: Place, id: string, query: PageQuery = {}, options: CallOptions = {}): List<WebhookDelivery> {
    return this.pages(this.at(workspaceId, podId, id, "deliveries"), query, options);
  }
  /** One delivery, with what was sent. */
  async getDelivery(workspaceId: Place, podId: Place, id: string, deliveryId: string, options: CallOptions = {}): Promise<WebhookDeliveryDetail> {
    return await this.call("GET", this.at(workspaceId, podId, id, "deliveries", deliveryId), options);
  }
  /** Carries out a delivery once more: a new execution. */
  async redeliver(workspaceId: Place, podId: Place, id: string, deliveryId: string, options: CallOptions = {}): Promise<Execution> {
    return await this.call("POST", this.at(workspaceId, podId, id, "deliveries", deliveryId, "redeliver"), options);
  }
}

/** What waits for people, in the whole workspace. */
export class Suspensions extends Resource {
  /** The inbox: `{state: "open", mine: true}` is what the caller may answer now. */
  list(workspaceId?: Place, query: SuspensionsQuery = {}, options: CallOptions = {}): List<Suspension> {
    return this.pages(this.transport.workspace(workspaceId, "suspensions"), query, options);
  }
  /** One by its id. */
  async get(workspaceId: Place, id: string, options: CallOptions = {}): Promise<Suspension> {
    return await this.call("GET", this.#at(workspaceId, id), options);
  }
  /** Answers one; the reply is its execution. */
  async answer(workspaceId: Place, id: string, answer: Respond, options: CallOptions = {}): Promise<Execution> {
    return await this.call("POST", this.#at(workspaceId, id, "answer"), options, answer);
  }
  /** Says that the caller takes care of it: nobody else may answer. */
  async claim(workspaceId: Place, id: string, options: CallOptions = {}): Promise<Suspension> {
    return await this.call("POST", this.#at(workspaceId, id, "claim"), options);
  }
  /** Takes a claim back. */
  async release(workspaceId: Place, id: string, options: CallOptions = {}): Promise<Suspension> {
    return await this.call("POST", this.#at(workspaceId, id, "release"), options);
  }
  /** Puts it to other people. */
  async reassign(workspaceId: Place, id: string, wanted: Reassign, options: CallOptions = {}): Promise<Suspension> {
    return await this.call("POST", this.#at(workspaceId, id, "reassign"), options, wanted);
  }
  /** The inbox as a stream: what opens, changes and closes. It has no end. The returned function stops it. */
  watch(workspaceId: Place, onEvent: OnEvent<FeedStreamEvent>, onError?: OnError, options: FeedOptions = {}): () => void {
    return subscribe((signal) => this.#follow(workspaceId, options, signal), options.signal, onEvent, onError);
  }
  /** The same as an iterator. */
  events(workspaceId?: Place, options: FeedOptions = {}): AsyncIterableIterator<FeedStreamEvent> {
    return iterate((signal) => this.#follow(workspaceId, options, signal), options.signal);
  }

  #at(workspaceId: Place, ...rest: string[]): string {
    return this.transport.workspace(workspaceId, "suspensions", ...rest);
  }
  #follow(workspaceId: Place, options: FeedOptions, signal: AbortSignal): Follower<FeedStreamEvent> {
    return feed(this.transport, this.#at(workspaceId, "events"), options, signal);
  }
}

/** Many executions cancelled, replayed or retried at once, chosen by `ids` or by `filter`. */
export class BulkJobs extends Resource {
  /** Cancels executions. */
  async cancel(workspaceId: Place, podId: Place, selection: BulkSelection, options: CallOptions = {}): Promise<BulkJob> {
    return await this.#begin(workspaceId, podId, "cancel", selection, options);
  }
  /** Replays executions that have ended. */
  async replay(workspaceId: Place, podId: Place, selection: BulkReplay, options: CallOptions = {}): Promise<BulkJob> {
    return await this.#begin(workspaceId, podId, "replay", selection, options);
  }
  /** Retries executions that have ended. */
  async retry(workspaceId: Place, podId: Place, selection: BulkSelection, options: CallOptions = {}): Promise<BulkJob> {
    return await this.#begin(workspaceId, podId, "retry", selection, options);
  }
  /** The jobs of a pod, newest first. */
  list(workspaceId?: Place, podId?: Place, query: PageQuery = {}, options: CallOptions = {}): List<BulkJob> {
    return this.pages(this.#at(workspaceId, podId), query, options);
  }
  /** One by its id, with its counts. */
  async get(workspaceId: Place, podId: Place, id: string, options: CallOptions = {}): Promise<BulkJob> {
    return await this.call("GET", this.#at(workspaceId, podId, id), options);
  }
  /** What became of each execution. */
  listItems(workspaceId: Place, podId: Place, id: string, query: BulkItemsQuery = {}, options: CallOptions = {}): List<BulkItem> {
    return this.pages(this.#at(workspaceId, podId, id, "items"), query, options);
  }
  /** Begins no further item; what was done stays done. */
  async stop(workspaceId: Place, podId: Place, id: string, options: CallOptions = {}): Promise<BulkJob> {
    return await this.call("POST", this.#at(workspaceId, podId, id, "cancel"), options);
  }

  #at(workspaceId: Place, podId: Place, ...rest: string[]): string {
    return this.transport.pod(workspaceId, podId, "bulk-jobs", ...rest);
  }
  async #begin(workspaceId: Place, podId: Place, action: string, selection: object, options: CallOptions): Promise<BulkJob> {
    return await this.call("POST", this.transport.pod(workspaceId, podId, "executions", "bulk", action), options, selection);
  }
}
