/** Requests and replies: addresses, credentials, time limits, and attempts that can be repeated without harm. */
import { SluicegateApiError, SluicegateConnectionError, SluicegateError, SluicegateTimeoutError } from "./errors.js";
import { pause, withLimit } from "./time.js";

/** Where the server is, and who calls. */
export interface ClientOptions {
  /** The server's address, such as `https://sluicegate.example.com`; with or without `/v1`. */
  baseUrl: string;
  /** An API key (`slg_...`). */
  apiKey?: string | undefined;
  /** A JWT, or what gives one: it is asked before every request, so it may renew it. */
  token?: string | (() => string | Promise<string>) | undefined;
  /** In a page of the server itself: the browser's session speaks for the caller, and the page holds no credential. */
  session?: boolean | undefined;
  /** The workspace where a call names none. */
  workspaceId?: string | undefined;
  /** The pod where a call names none. */
  podId?: string | undefined;
  /** In place of the platform's `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  /** The time limit of one attempt of a request, in milliseconds: 30 seconds unless said otherwise. Streams have none. */
  requestTimeout?: number | undefined;
  /** How often a request is repeated after a failure that may pass: 3 times unless said otherwise. */
  retries?: number | undefined;
}

/** The workspace or the pod of a call; undefined stands for the client's own. */
export type Place = string | undefined;

/** What any call takes beside its own arguments. */
export interface CallOptions {
  /** Gives the call up. What it asked for may be done all the same. */
  signal?: AbortSignal | undefined;
  /** Calls that change something carry a key of their own; give one where repetitions of the calling program must be safe, too. */
  idempotencyKey?: string | undefined;
}

/** A value of a query; lists are repeated parameters. */
export type QueryValue = string | number | boolean | null | undefined | readonly string[];

export interface RequestOptions extends CallOptions {
  query?: object | undefined;
  body?: unknown;
  /** The body as it is to be sent, in place of `body`. */
  json?: string | undefined;
  headers?: Record<string, string> | undefined;
  /** Overrides the client's number of repetitions. */
  retries?: number | undefined;
  /** Asked about a failure of a repetition: an earlier attempt may have been carried out. Gives the reply, or throws. */
  onRepeatedFailure?: ((error: SluicegateApiError) => unknown) | undefined;
}

/** The first delay before a repetition, and the longest one. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;
/** The longest that `Retry-After` is followed: a request fails at once where the server wants more. */
export const LONGEST_RETRY_AFTER_MS = 60_000;

/** The delay before attempt `failures + 1`: exponential with jitter, so that clients of one failure do not come back together. */
export function backoff(failures: number): number {
  const ceiling = Math.min(FIRST_DELAY_MS * 2 ** failures, LONGEST_DELAY_MS);
  return FIRST_DELAY_MS + Math.random() * (ceiling - FIRST_DELAY_MS);
}

export class Transport {
  /** The time limit of one attempt of a request, in milliseconds. */
  readonly requestTimeout: number;
  readonly #options: ClientOptions;
  readonly #base: string;

  constructor(options: ClientOptions) {
    if (!/^https?:\/\/[^/]/.test(options?.baseUrl)) {
      throw new SluicegateError("baseUrl must be the server's address, such as https://sluicegate.example.com");
    }
    if ([options.apiKey !== undefined, options.token !== undefined, options.session === true].filter(Boolean).length !== 1) {
      throw new SluicegateError("give one of apiKey and token, or session in a page of the server itself");
    }
    this.#options = options;
    this.requestTimeout = options.requestTimeout ?? 30_000;
    this.#base = options.baseUrl.replace(/\/+$/, "").replace(/\/v1$/, "");
  }

  /** A path below a workspace; a part that is missing is the client's own. */
  workspace(workspaceId: Place, ...rest: (string | number)[]): string {
    return path("workspaces", required("workspaceId", workspaceId ?? this.#options.workspaceId), ...rest);
  }

  /** A path below a pod. */
  pod(workspaceId: Place, podId: Place, ...rest: (string | number)[]): string {
    return this.workspace(workspaceId, "pods", required("podId", podId ?? this.#options.podId), ...rest);
  }

  /** One attempt, without a time limit, whatever the status of its response. */
  async send(method: string, path: string, options: RequestOptions): Promise<Response> {
    const { apiKey, token } = this.#options;
    const headers: Record<string, string> = { accept: "application/json", ...options.headers };
    if (apiKey !== undefined) {
      headers["x-api-key"] = apiKey;
    } else if (token !== undefined) {
      headers["authorization"] = `Bearer ${typeof token === "function" ? await token() : token}`;
    }
    const init: RequestInit = { method, headers };
    const json = options.json ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    if (json !== undefined) {
      headers["content-type"] = "application/json";
      init.body = json;
    }
    if (options.signal) {
      init.signal = options.signal;
    }
    return await this.fetch(`${path}${search(options.query ?? {})}`, init);
  }

  /** The same as it is given, without the client's credentials. */
  async fetch(path: string, init: RequestInit): Promise<Response> {
    const { fetch = globalThis.fetch } = this.#options;
    return await fetch(`${this.#base}/v1${path}`, init);
  }

  /** The JSON of a reply. What may pass is tried again: a write is carried out once all the same, because it has a key. */
  async request<Reply>(method: string, path: string, options: RequestOptions = {}): Promise<{ body: Reply; headers: Headers }> {
    const repeatable = options.retries ?? this.#options.retries ?? 3;
    if (method === "POST" || method === "PATCH") {
      options = { ...options, headers: { ...options.headers, "idempotency-key": options.idempotencyKey ?? randomKey() } };
    }
    for (let failures = 0; ; ) {
      let delay: number;
      try {
        const send = (signal: AbortSignal) => this.send(method, path, { ...options, signal });
        return await this.attempt<Reply>(`${method} ${path}`, this.requestTimeout, options.signal, send);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (error instanceof SluicegateApiError && !error.isTransient) {
          if (failures > 0 && options.onRepeatedFailure) {
            return { body: (await options.onRepeatedFailure(error)) as Reply, headers: new Headers() };
          }
          throw error;
        }
        if (!(error instanceof SluicegateError) || failures >= repeatable) {
          throw error;
        }
        failures += 1;
        delay = Math.max(backoff(failures), (error instanceof SluicegateApiError && error.retryAfterMs) || 0);
        if (delay > LONGEST_RETRY_AFTER_MS) {
          throw error;
        }
      }
      await pause(delay, options.signal);
      options.signal?.throwIfAborted();
    }
  }

  /** The JSON of the response that `send` gets within `limit` milliseconds, or an error that names `what` was asked. */
  async attempt<Reply>(
    what: string,
    limit: number,
    signal: AbortSignal | undefined,
    send: (signal: AbortSignal) => Promise<Response>,
  ): Promise<{ body: Reply; headers: Headers }> {
    return await withLimit(limit, signal, async (signal, isOver) => {
      let response: Response;
      let text: string;
      try {
        response = await send(signal);
        text = await response.text();
      } catch (error) {
        if (isOver()) {
          throw new SluicegateTimeoutError(what, limit);
        }
        throw new SluicegateConnectionError(`${what} got no answer`, { cause: error });
      }
      if (!response.ok) {
        throw new SluicegateApiError(response.status, response.headers, text);
      }
      try {
        return { body: (text === "" ? undefined : JSON.parse(text)) as Reply, headers: response.headers };
      } catch (error) {
        throw new SluicegateConnectionError(`the answer to ${what} is no JSON: something between answered`, { cause: error });
      }
    });
  }
}

/** A path whose parts are escaped: an id from anywhere can't leave its place. Addresses drop dots even if they are escaped. */
function path(...parts: (string | number)[]): string {
  return parts
    .map((part) => {
      if (/^\.{0,2}$/.test(String(part))) {
        throw new SluicegateError(`an id is missing in the path /${parts.join("/")}`);
      }
      return `/${encodeURIComponent(part)}`;
    })
    .join("");
}

function required(name: string, value: string | undefined): string {
  if (!value) {
    throw new SluicegateError(`${name} is missing: pass it, or give the client one`);
  }
  return value;
}

function search(query: object): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query) as [string, QueryValue][]) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null) {
        parameters.append(name, String(each));
      }
    }
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

/** Not a secret: it has to be unique. Pages without TLS and Node 18 have no `crypto.randomUUID`. */
function randomKey(): string {
  const part = () => Math.random().toString(36).slice(2, 13);
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${part()}${part()}${part()}`;
}
