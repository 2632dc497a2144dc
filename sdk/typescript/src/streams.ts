/** The two ways to take a stream's events, callbacks and an iterator, and what can be asked of each kind of stream. */
import { uncaught } from "./errors.js";
import { Follower, type StreamOptions } from "./follower.js";
import type { Transport } from "./transport.js";
import type { ExecutionEvent, FeedEvent, FeedStreamEvent } from "./types.js";

/** How the stream of an execution is followed. */
export interface EventsOptions extends StreamOptions<ExecutionEvent["type"]> {
  /** The position after which to begin: the `seq` of the last event that was taken. */
  after?: number | undefined;
}

/** How the stream of a pod or of the inbox is followed. */
export interface FeedOptions extends StreamOptions<FeedEvent["type"]> {
  /** The cursor after which to begin, as `onEvent` was given it. Without one the stream begins now. */
  after?: string | undefined;
  /** Only of this workflow. */
  workflowId?: string | undefined;
  /** Whether events carry outputs and lists of nodes: `slim` ones do not. */
  fields?: "slim" | "full" | undefined;
}

/** Takes an event; the cursor is where a stream that is opened later goes on. A promise is waited for before the next event comes. */
export type OnEvent<E> = (event: E, cursor: string) => unknown;
/** Is told once, when the stream has stopped for good because the server refuses it. */
export type OnError = (error: unknown) => void;

/** A stream over many executions. */
export function feed(transport: Transport, path: string, options: FeedOptions, signal: AbortSignal): Follower<FeedStreamEvent> {
  const { after, workflowId, fields } = options;
  return new Follower(transport, { path, isLog: false, after, query: { workflowId, fields } }, options, signal);
}

/** Hands events to callbacks until the returned function is called. A callback that gives a promise is waited for. */
export function subscribe<E>(
  follow: (signal: AbortSignal) => Follower<E>,
  outer: AbortSignal | undefined,
  onEvent: OnEvent<E>,
  onError: OnError | undefined,
): () => void {
  const { signal, stop } = stoppable(outer);
  const run = async () => {
    try {
      for await (const [event, cursor] of follow(signal).events()) {
        if (signal.aborted) {
          return;
        }
        try {
          await onEvent(event, cursor);
        } catch (error) {
          // The event was delivered; a mistake of its taker is not the stream's.
          uncaught(error);
        }
      }
    } catch (error) {
      if (onError) {
        onError(error);
      } else {
        uncaught(error);
      }
    } finally {
      stop();
    }
  };
  run().catch(uncaught);
  return stop;
}

/** The events as an iterator; leaving its loop ends the stream. */
export function iterate<E>(
  follow: (signal: AbortSignal) => Follower<E>,
  outer: AbortSignal | undefined,
): AsyncIterableIterator<E> {
  const { signal, stop } = stoppable(outer);
  const deliveries = follow(signal).events();
  return {
    async next() {
      try {
        const { done, value } = await deliveries.next();
        if (done) {
          stop();
          return { done, value: undefined };
        }
        return { done: false, value: value[0] };
      } catch (error) {
        stop();
        throw error;
      }
    },
    async return() {
      // A `next` that waits for an event ends, too.
      stop();
      await deliveries.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** A signal that aborts with `outer` or by `stop`, which also takes back the listener. */
function stoppable(outer: AbortSignal | undefined): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const stop = () => {
    outer?.removeEventListener("abort", stop);
    controller.abort();
  };
  if (outer?.aborted) {
    stop();
  } else {
    outer?.addEventListener("abort", stop);
  }
  return { signal: controller.signal, stop };
}
