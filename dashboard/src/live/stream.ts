/**
 * The one stream of this tab. A page that shows something live takes it while it is shown; browsers allow six connections to a
 * server, and tabs share them. What comes is the page's matter; here are the connection's state and its hand-over.
 */
import type { StreamState } from "@sluicegate/sdk";
import { useEffect, useRef, useSyncExternalStore } from "react";

import { queryClient } from "../api/query";

/** `idle`: the page has nothing live. `refused`: the server does not let the caller follow. */
export type LiveState = StreamState | "idle" | "refused";

let state: LiveState = "idle";
let owner = 0;
const listeners = new Set<() => void>();

function tell(next: LiveState): void {
  if (state !== next) {
    state = next;
    for (const listener of listeners) {
      listener();
    }
  }
}

/** The state of the tab's stream, for the sign that says "live". */
export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

export interface StreamCallbacks {
  onState: (state: StreamState) => void;
  onError: (error: unknown) => void;
}

/**
 * Opens a stream while the component is there and `key` stays the same; null opens none. `open` calls a method of the SDK that
 * returns how to stop.
 */
export function useStream(key: string | null, open: (callbacks: StreamCallbacks) => () => void): void {
  const latest = useRef(open);
  latest.current = open;
  useEffect(() => {
    if (key === null) {
      return;
    }
    const mine = ++owner;
    const isMine = () => owner === mine;
    const stop = latest.current({
      onState: (next) => isMine() && tell(next),
      onError: (error) => {
        if (isMine()) {
          tell("refused");
        }
        // Perhaps the session has ended.
        void queryClient.invalidateQueries({ queryKey: ["session"] });
        console.warn("the stream was refused", error);
      },
    });
    return () => {
      stop();
      if (isMine()) {
        tell("idle");
      }
    };
  }, [key]);
}
