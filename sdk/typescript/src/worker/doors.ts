/**
 * The calls of the API that a worker makes. Leasing takes the client's credentials, everything about one task its lease token alone.
 */
import type { Transport } from "../transport.js";
import { Results } from "./results.js";
import type { Artifact, LeasedTask } from "./types.js";

/** What a worker asks for. */
export interface Wish {
  queues: readonly string[];
  max: number;
  waitSeconds: number;
  workerId: string;
  version?: string | undefined;
}

/** An artifact's content, read anew for each attempt. */
export interface Upload {
  name: string;
  kind: string | undefined;
  contentType: string | undefined;
  open: () => BodyInit | Promise<BodyInit>;
}

export class Doors {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #results: Results;

  /** `path` is the one of a pod's tasks. */
  constructor(transport: Transport, path: string) {
    this.#transport = transport;
    this.#path = path;
    this.#results = new Results(transport, path);
  }

  /** The time limit of a request, in milliseconds. */
  get requestTimeout(): number {
    return this.#transport.requestTimeout;
  }

  /** Waits for tasks. `signal` ends the wait as long as no answer has come: what is in an answer is leased, and has to be read. */
  async lease(wish: Wish, signal: AbortSignal): Promise<LeasedTask[]> {
    const waiting = new AbortController();
    const abort = () => waiting.abort(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener("abort", abort);
    try {
      const limit = wish.waitSeconds * 1000 + this.requestTimeout;
      const { body } = await this.#transport.attempt<{ tasks: LeasedTask[] }>("leasing tasks", limit, waiting.signal, async (signal) => {
        const response = await this.#transport.send("POST", `${this.#path}/lease`, { body: wish, signal });
        unlisten();
        return response;
      });
      return body.tasks;
    } finally {
      unlisten();
    }

    function unlisten() {
      signal.removeEventListener("abort", abort);
    }
  }

  /** One attempt to tell the result of a task, by itself or with those of others. `members` are those of a JSON object. */
  async finish(task: LeasedTask, door: "complete" | "fail", members: string, limit: number, signal: AbortSignal): Promise<void> {
    const json = `{"leaseToken":${JSON.stringify(task.leaseToken)}${members && ","}${members}}`;
    await this.#results.send(json, limit, signal, async () => {
      await this.post(task.taskId, door, json, limit, signal);
    });
  }

  /** One attempt of a heartbeat, or of an end of the lease. */
  async post<Reply>(taskId: string, door: string, body: string, limit: number, signal: AbortSignal): Promise<Reply> {
    const reply = await this.#transport.attempt<Reply>(`${door} of task ${taskId}`, limit, signal, async (signal) => {
      const headers = { "content-type": "application/json", accept: "application/json" };
      return await this.#transport.fetch(this.#task(taskId, door), { method: "POST", headers, body, signal });
    });
    return reply.body;
  }

  /** One attempt to store an artifact. It has no time limit but the signal: files may be large. */
  async put(taskId: string, leaseToken: string, upload: Upload, signal: AbortSignal): Promise<Artifact> {
    const { name, kind, contentType, open } = upload;
    const query = kind === undefined ? "" : `?kind=${encodeURIComponent(kind)}`;
    const body = await open();
    const reply = await this.#transport.attempt<Artifact>(`artifact ${name} of task ${taskId}`, Number.POSITIVE_INFINITY, signal, async (signal) => {
      const headers: Record<string, string> = { "x-lease-token": leaseToken, accept: "application/json" };
      if (contentType !== undefined) {
        headers["content-type"] = contentType;
      }
      const init: RequestInit & { duplex: "half" } = { method: "PUT", headers, body, signal, duplex: "half" };
      return await this.#transport.fetch(`${this.#task(taskId, "artifacts", name)}${query}`, init);
    });
    return reply.body;
  }

  #task(...parts: string[]): string {
    return [this.#path, ...parts.map(encodeURIComponent)].join("/");
  }
}
