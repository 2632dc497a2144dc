/** The events of one execution, followed while its page is shown and told to React once per frame. */
import type { StreamEvent } from "@sluicegate/sdk";
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";

import { client } from "../api/client";
import { usePlace } from "../app/place";
import { emptyState, type ExecutionState, fold, isFinal } from "./execution_fold";
import { oncePerFrame } from "./frame";
import { useStream } from "./stream";

export { type EventOf, type ExecutionState, isFinal, type NodeRun, type NodeRuns, type Span, type SuspensionRecord } from "./execution_fold";

/**
 * What is known of the execution at this frame. A new object whenever anything has changed, so it is what memos depend on; its
 * maps and lists are written to between frames.
 */
export type ExecutionLog = Readonly<ExecutionState>;

class LogStore {
  #state = emptyState();
  #view: ExecutionLog = { ...this.#state };
  readonly #listeners = new Set<() => void>();
  readonly #announce = oncePerFrame(() => {
    this.#view = { ...this.#state };
    for (const listener of this.#listeners) {
      listener();
    }
  });

  readonly take = (event: StreamEvent): void => {
    fold(this.#state, event);
    this.#announce();
  };

  readonly view = (): ExecutionLog => this.#view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** What has been taken, shown or not. */
  get lastSeq(): number {
    return this.#state.lastSeq;
  }

  get isOver(): boolean {
    return this.#state.terminal !== undefined;
  }
}

export interface FollowedLog extends ExecutionLog {
  /**
   * Says that the execution is known to have come this far. If the stream does not bring it soon, its connection is dead without
   * a word, as after a sleep, and another one is opened.
   */
  expect: (seq: number) => void;
}

/** How long a stream may lag behind what was read otherwise. */
const PATIENCE_MS = 2_500;

/** Follows an execution from its first event; null follows nothing. */
export function useExecutionLog(executionId: string | null): FollowedLog {
  const { workspaceId, podId } = usePlace();
  const store = useMemo(() => new LogStore(), [workspaceId, podId, executionId]);
  const log = useSyncExternalStore(store.subscribe, store.view);
  const [connection, setConnection] = useState(0);
  const [expected, setExpected] = useState({ seq: 0 });
  const isOver = log.terminal !== undefined;

  useStream(executionId && !isOver ? `${workspaceId} ${podId} ${executionId} ${connection}` : null, ({ onState, onError }) =>
    // What was taken before stays; a stream that is opened again goes on after it.
    client.streamEvents(workspaceId, podId, executionId ?? "", store.take, onError, {
      onState,
      ...(store.lastSeq > 0 ? { after: store.lastSeq } : {}),
    }),
  );

  const expect = useCallback((seq: number) => setExpected({ seq }), []);
  useEffect(() => {
    if (expected.seq <= store.lastSeq || store.isOver) {
      return;
    }
    const before = store.lastSeq;
    const timer = setTimeout(() => {
      // Slow is not dead: what still brings events is left alone.
      if (store.lastSeq === before) {
        setConnection((connection) => connection + 1);
      }
    }, PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [store, expected]);

  return useMemo(() => ({ ...log, expect }), [log, expect]);
}

/** The later of two accounts of an execution's status. */
export function latestStatus(log: ExecutionLog, execution: { status: string; lastSeq: number } | undefined): string | undefined {
  if (!execution) {
    return log.status;
  }
  return log.status && (log.lastSeq >= execution.lastSeq || isFinal(log.status)) ? log.status : execution.status;
}
