/**
 * Following a stream of events: whatever happens to its connections, every event is delivered once and in order.
 *
 * The cursor is the only state. A connection begins after it and every event moves it on, so a connection may end anywhere;
 * that it ended says nothing about the execution, only a terminal event does.
 */
import { SluicegateApiError, SluicegateConnectionError, uncaught } from "./errors.js";
import { type SseMessage, SseParser } from "./sse.js";
import { pause } from "./time.js";
import { backoff, LONGEST_RETRY_AFTER_MS, type Transport } from "./transport.js";
import type { ExecutionEvent } from "./types.js";

/**
 * What a stream is doing. `open`: what happens from now on will be delivered. `waiting`: it failed, and connects again soon.
 * `polling`: it reads the log, because a proxy holds streams back.
 */
export type StreamState = "connecting" | "open" | "waiting" | "polling" | "closed";

/** How a stream is followed. */
export interface StreamOptions<Type extends string = string> {
  /** Only these types. The end of the stream is noticed all the same. */
  types?: readonly Type[] | undefined;
  /** Begin with what the stream is about, as it is: a `stream_snapshot`. */
  snapshot?: boolean | undefined;
  /** Ends the stream, as `stop()` does. */
  signal?: AbortSignal | undefined;
  /** Is told whenever the connection changes, for a sign that says "live". */
  onState?: ((state: StreamState) => void) | undefined;
  /** The server's `stream-heartbeat` in milliseconds, if it is not 15 seconds. A connection that is silent for three of them is given up. */
  heartbeat?: number | undefined;
}

/** What to follow. */
export interface StreamSource {
  path: string;
  /** Beside the stream, is there a log with dense positions, which ends? */
  isLog: boolean;
  after?: number | string | undefined;
  query?: object | undefined;
}

/** The event that a follower delivers, and the cursor after it. */
export type Delivery<E> = [event: E, cursor: string];

/** The types of the last event of an execution. */
export const TERMINAL_TYPES = ["execution_complete", "execution_failed", "execution_cancelled", "execution_skipped"] as const;

/** Asking again gets the same refusal. */
const PERMANENT_STATUSES = [400, 401, 403, 404, 409, 410, 422];
/** After so many connections in a row that stayed mute, the log is polled. */
const MUTE_CONNECTIONS = 3;
/** The server writes at once when it opens a stream: silence for that long means that something holds it back. */
const FIRST_BYTE_MS = 5_000;
const CONNECT_MS = 15_000;
const POLL_MS = 1_000;
const POLL_LIMIT = 1_000;
/** An announced close is followed at once, unless streams close faster than this without a word: then it is a failure. */
const SHORT_LIFE_MS = 1_000;
/** A connection that lived so long ends a series of failures. */
const LONG_LIFE_MS = 10_000;
/** How many ids of an opaque sequence are remembered to tell repetitions. */
const REMEMBERED_IDS = 1_000;

/** What became of one connection. */
interface Outcome {
  /** The stream is over. */
  ended?: boolean;
  /** It brought an event. */
  delivered?: boolean;
  /** It brought any byte. */
  heard?: boolean;
  /** It was given up because nothing came. */
  silent?: boolean;
  /** The server said that it would close. */
  announced?: boolean;
  /** It was given up because the network is back: the old connection may be dead. */
  online?: boolean;
  /** Its snapshot was delivered. */
  snapshot?: boolean;
}

type AnyEvent = { type: string; seq?: number };
type Frame = AnyEvent & { after?: string; from?: number; to?: number };

/** Follows one stream until it ends, `signal` aborts, or the server refuses it for good (then it throws). */
export class Follower<E> {
  readonly #transport: Transport;
  readonly #source: StreamSource;
  readonly #options: StreamOptions;
  readonly #signal: AbortSignal;
  /** Types that were asked for: a log that is filtered has gaps. */
  readonly #types: readonly string[] | undefined;
  readonly #silenceMs: number;
  #cursor: string | undefined;
  #recent = new Set<string>();
  #begun = false;
  /** Ends what is under way when the network is back. */
  #wake: (() => void) | undefined;

  constructor(transport: Transport, source: StreamSource, options: StreamOptions, signal: AbortSignal) {
    this.#transport = transport;
    this.#source = source;
    this.#options = options;
    this.#signal = signal;
    this.#types = options.types?.length ? options.types : undefined;
    this.#silenceMs = 3 * (options.heartbeat ?? 15_000);
    this.#cursor = source.after === undefined ? undefined : String(source.after);
  }

  async *events(): AsyncGenerator<Delivery<E>, void, undefined> {
    const online = () => this.#wake?.();
    globalThis.addEventListener?.("online", online);
    try {
      let failures = 0;
      let mute = 0;
      while (!this.#signal.aborted) {
        const outcome: Outcome = {};
        const isPolling = this.#source.isLog && mute >= MUTE_CONNECTIONS;
        this.#tell(isPolling ? "polling" : "connecting");
        const begin = Date.now();
        let retryAfterMs = 0;
        try {
          yield* isPolling ? this.#poll(outcome) : this.#connection(outcome);
        } catch (error) {
          if (this.#signal.aborted) {
            return;
          }
          if (error instanceof SluicegateApiError) {
            if (PERMANENT_STATUSES.includes(error.statusCode)) {
              throw error;
            }
            retryAfterMs = Math.min(error.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS);
          }
        }
        if (outcome.ended || this.#signal.aborted) {
          return;
        }
        if (isPolling) {
          // The network has changed: one try decides whether streams come through now.
          mute = MUTE_CONNECTIONS - 1;
        } else if (outcome.silent && !outcome.delivered) {
          mute += 1;
        } else if (outcome.heard) {
          mute = 0;
        }
        const lifeMs = Date.now() - begin;
        if (outcome.delivered || (outcome.heard && lifeMs >= LONG_LIFE_MS)) {
          failures = 0;
        }
        if (outcome.online || (outcome.announced && (outcome.delivered || lifeMs >= SHORT_LIFE_MS))) {
          continue;
        }
        failures += 1;
        this.#tell("waiting");
        await pause(Math.max(backoff(failures), retryAfterMs), this.#signal, (wake) => this.#wakeBy(wake));
      }
    } finally {
      globalThis.removeEventListener?.("online", online);
      this.#tell("closed");
    }
  }

  /** One connection: what it brings, until it ends. */
  async *#connection(outcome: Outcome): AsyncGenerator<Delivery<E>, void, undefined> {
    const controller = new AbortController();
    const abort = () => controller.abort();
    this.#signal.addEventListener("abort", abort);
    const unlisten = this.#wakeBy(() => {
      outcome.online = true;
      abort();
    });
    // Open is what nothing can be missed of any more: a stream that begins now has to say where that is.
    let isOpen = false;
    const tellOpen = () => {
      if (!isOpen && (this.#source.isLog || this.#cursor !== undefined)) {
        isOpen = true;
        this.#tell("open");
      }
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const expectWithin = (ms: number) => {
      timer = setTimeout(() => {
        outcome.silent = true;
        abort();
      }, Math.min(ms, this.#silenceMs));
    };
    try {
      expectWithin(CONNECT_MS);
      const response = await this.#open(controller.signal);
      if (!response.ok) {
        throw new SluicegateApiError(response.status, response.headers, await response.text());
      }
      if (response.status === 204) {
        outcome.ended = true;
        return;
      }
      if (!response.body || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
        throw new SluicegateConnectionError("what answered is no event stream");
      }
      const reader = response.body.getReader();
      const parser = new SseParser();
      clearTimeout(timer);
      expectWithin(FIRST_BYTE_MS);
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        // Whoever takes the events may take their time: only waiting for bytes is silence.
        clearTimeout(timer);
        outcome.heard = true;
        tellOpen();
        for (const message of parser.push(chunk.value)) {
          const event = this.#read(message, outcome);
          tellOpen();
          if (event) {
            yield [event as E, this.#cursor ?? ""];
          }
          if (outcome.ended) {
            return;
          }
        }
        expectWithin(this.#silenceMs);
      }
    } finally {
      clearTimeout(timer);
      unlisten();
      this.#signal.removeEventListener("abort", abort);
      // Whatever of the response was not read is not wanted.
      controller.abort();
    }
  }

  async #open(signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (this.#cursor !== undefined) {
      headers["last-event-id"] = this.#cursor;
    }
    const snapshot = this.#options.snapshot && !this.#begun ? { snapshot: true } : {};
    return await this.#transport.send("GET", this.#source.path, { headers, signal, query: { ...this.#query(), ...snapshot } });
  }

  /** The same events from the pages of the log. */
  async *#poll(outcome: Outcome): AsyncGenerator<Delivery<E>, void, undefined> {
    while (!this.#signal.aborted) {
      const query = { ...this.#query(), after: this.#cursor, limit: POLL_LIMIT };
      const options = { query, signal: this.#signal, retries: 0 };
      const { body } = await this.#transport.request<ExecutionEvent[]>("GET", this.#source.path, options);
      for (const event of body) {
        const wanted = this.#take(String(event.seq), event, outcome);
        if (wanted) {
          yield [wanted as E, this.#cursor ?? ""];
        }
      }
      if (outcome.ended) {
        return;
      }
      if (body.length < POLL_LIMIT) {
        await pause(POLL_MS, this.#signal, (wake) => this.#wakeBy(wake));
      }
    }
  }

  /** The terminal types are always asked for: without them nothing would say that the stream is over. */
  #query(): object {
    const types = this.#types && (this.#source.isLog ? [...this.#types, ...TERMINAL_TYPES] : this.#types);
    return { ...this.#source.query, types: types?.join(",") };
  }

  /** The event of a message, if it is to be delivered. */
  #read({ id, data }: SseMessage, outcome: Outcome): AnyEvent | undefined {
    this.#begun = true;
    if (data === undefined) {
      // A stream of many executions says where it begins.
      this.#cursor = id ?? this.#cursor;
      return undefined;
    }
    const event = JSON.parse(data) as Frame;
    return id === undefined ? this.#readFrame(event, outcome) : this.#take(id, event, outcome);
  }

  /** An event moves the cursor, if it is the next one. */
  #take(id: string, event: AnyEvent, outcome: Outcome): AnyEvent | undefined {
    if (this.#source.isLog) {
      const position = Number(id);
      const last = Number(this.#cursor ?? 0);
      if (position <= last) {
        return undefined;
      }
      if (!this.#types && position !== last + 1) {
        throw new SluicegateConnectionError(`event ${last + 1} is missing: ${id} came in its place`);
      }
      outcome.ended = (TERMINAL_TYPES as readonly string[]).includes(event.type);
    } else {
      if (this.#recent.has(id)) {
        return undefined;
      }
      this.#recent.add(id);
      if (this.#recent.size > REMEMBERED_IDS) {
        this.#recent.delete(this.#recent.values().next().value as string);
      }
    }
    this.#cursor = id;
    outcome.delivered = true;
    return !this.#types || this.#types.includes(event.type) ? event : undefined;
  }

  /** What is no event of a log: it has no id. */
  #readFrame(frame: Frame, outcome: Outcome): AnyEvent | undefined {
    switch (frame.type) {
      case "stream_closing":
        outcome.announced = true;
        // Events that a filter left out need not be looked at again.
        if (frame.after && (!this.#source.isLog || (this.#types && Number(frame.after) > Number(this.#cursor ?? 0)))) {
          this.#cursor = frame.after;
        }
        return undefined;
      case "stream_gap":
        if (this.#source.isLog) {
          if (Number(frame.to) <= Number(this.#cursor ?? 0)) {
            return undefined;
          }
          this.#cursor = String(frame.to);
        }
        return frame;
      case "stream_snapshot":
        if (outcome.snapshot) {
          return undefined;
        }
        outcome.snapshot = true;
        return frame;
      default:
        return undefined;
    }
  }

  #wakeBy(wake: () => void): () => void {
    this.#wake = wake;
    return () => {
      this.#wake = undefined;
    };
  }

  #tell(state: StreamState): void {
    try {
      this.#options.onState?.(state);
    } catch (error) {
      uncaught(error);
    }
  }
}
