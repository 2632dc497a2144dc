/** The inbox of a workspace, live: read as a list, kept up to date by the tab's stream, read again whenever that was cut. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";

import { client, isRefusal, listAll } from "../../api/client";
import { queryClient } from "../../api/query";
import { usePlace } from "../../app/place";
import { oncePerFrame } from "../../live/frame";
import { useStream } from "../../live/stream";
import { Mailbox, type Shown, type Suspension } from "./mailbox";

/** So many open ones are read. */
const MOST_OPEN = 1_000;
/** And so many of each kind that is over. */
const LATELY = 50;
/** Single reads at the same time. */
const AT_ONCE = 4;

export interface Inbox {
  shown: Shown;
  isLoaded: boolean;
  error: Error | null;
  retry: () => void;
  /** Reads one again. */
  refresh: (id: string) => Promise<void>;
  /** Takes in what a call has given back. */
  merge: (suspension: Suspension) => void;
}

/** The stream is workspace-wide. `onClosed` is told of what was open here and is over. */
export function useInbox(onClosed: (suspension: Suspension) => void): Inbox {
  const { workspaceId } = usePlace();
  const mailbox = useMemo(() => new Mailbox(workspaceId), [workspaceId]);
  mailbox.onClosed = onClosed;
  const reader = useMemo(() => new Reader(mailbox, workspaceId), [mailbox, workspaceId]);
  const shown = useSyncExternalStore(mailbox.subscribe, mailbox.shown);
  const [isLoaded, setLoaded] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: ["suspensions", workspaceId, "open"],
    queryFn: () => listAll<Suspension>(`/workspaces/${workspaceId}/suspensions`, { state: "open" }, MOST_OPEN),
    refetchOnMount: "always",
  });
  useEffect(() => {
    if (data) {
      mailbox.merge(data);
      if (data.length < MOST_OPEN) {
        reader.read(mailbox.missing(data));
      }
      setLoaded(true);
    }
  }, [data, mailbox, reader]);

  const wasOpen = useRef(false);
  useStream(`inbox ${workspaceId}`, ({ onState, onError }) =>
    client.suspensions.watch(
      workspaceId,
      (event) => {
        reader.read(mailbox.take(event));
        reader.recount();
      },
      onError,
      {
        onState: (state) => {
          onState(state);
          // From here on nothing is missed; what happened between the list and now is read once more.
          if (state === "open" && !wasOpen.current) {
            void refetch();
          }
          wasOpen.current = state === "open";
        },
      },
    ),
  );
  return {
    shown,
    isLoaded,
    error,
    retry: () => void refetch(),
    refresh: (id) => reader.now(id),
    merge: (suspension) => mailbox.merge([suspension]),
  };
}

/** What was closed lately, in the mailbox with the rest. */
export function useLately(inbox: Inbox, isWanted: boolean) {
  const { workspaceId } = usePlace();
  const query = useQuery({
    queryKey: ["suspensions", workspaceId, "closed"],
    enabled: isWanted,
    queryFn: async () => {
      const path = `/workspaces/${workspaceId}/suspensions`;
      const kinds = ["answered", "expired", "cancelled"].map((state) => listAll<Suspension>(path, { state, limit: LATELY }, LATELY));
      return (await Promise.all(kinds)).flat();
    },
  });
  useEffect(() => {
    for (const suspension of query.data ?? []) {
      inbox.merge(suspension);
    }
  }, [query.data]);
  return query;
}

/** Reads single suspensions, a few at a time and each only once however often it is asked for. */
class Reader {
  readonly #due = new Set<string>();
  #running = 0;
  readonly recount: () => void;

  constructor(
    private readonly mailbox: Mailbox,
    private readonly workspaceId: string,
  ) {
    this.recount = oncePerFrame(() => void queryClient.invalidateQueries({ queryKey: ["suspensions", workspaceId, "count"] }));
  }

  read(ids: readonly string[]): void {
    for (const id of ids) {
      this.#due.add(id);
    }
    while (this.#running < AT_ONCE && this.#due.size > 0) {
      const [id] = this.#due;
      if (id !== undefined) {
        this.#due.delete(id);
        this.#running += 1;
        void this.now(id)
          .catch((error: unknown) => {
            // What is gone for good is nothing to wait for; the next list repairs the rest.
            if (!isRefusal(error)) {
              console.warn("a suspension could not be read", error);
            }
          })
          .finally(() => {
            this.#running -= 1;
            this.read([]);
          });
      }
    }
  }

  async now(id: string): Promise<void> {
    this.mailbox.merge([await client.suspensions.get(this.workspaceId, id)]);
  }
}
