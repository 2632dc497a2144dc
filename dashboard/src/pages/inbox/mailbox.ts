/**
 * What waits, as far as this page knows. It is told by lists, by single reads and by the stream, in any order: an older state never
 * replaces a newer one. A suspension only moves one way: each change that leaves it open is counted, and once closed it stays so.
 */
import type { FeedStreamEvent } from "@sluicegate/sdk";

import type { Schemas } from "../../api/client";

export type Suspension = Schemas["Suspension"];

/** What is shown: made anew with every change, so that it can be compared. */
export interface Shown {
  /** Newest first. */
  open: readonly Suspension[];
  /** By when they were closed, newest first. */
  closed: readonly Suspension[];
  get(id: string): Suspension | undefined;
}

/** Whether `next` is the newer state, or as new. */
export function isNewer(next: Suspension, known: Suspension | undefined): boolean {
  if (!known) {
    return true;
  }
  if ((next.state === "open") !== (known.state === "open")) {
    return known.state === "open";
  }
  return (next.changes ?? 0) >= (known.changes ?? 0);
}

/** The other fields of a suspension that has just been opened. */
const UNTOUCHED = { approvers: null, changes: 0, claim: null, stepsDone: 0, votes: [] };

export class Mailbox {
  readonly #known = new Map<string, Suspension>();
  #shown: Shown = { open: [], closed: [], get: () => undefined };
  readonly #listeners = new Set<() => void>();
  readonly #workspaceId: string;
  /** Is told of each suspension that was open and is closed now. */
  onClosed: ((suspension: Suspension) => void) | undefined;

  constructor(workspaceId: string) {
    this.#workspaceId = workspaceId;
  }

  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly shown = () => this.#shown;

  /** Takes in what was read. */
  merge(read: readonly Suspension[]): void {
    let isChanged = false;
    for (const next of read) {
      const known = this.#known.get(next.id);
      if (isNewer(next, known)) {
        this.#known.set(next.id, next);
        isChanged = true;
        if (known?.state === "open" && next.state !== "open") {
          this.onClosed?.(next);
        }
      }
    }
    if (isChanged) {
      this.#tell();
    }
  }

  /** Takes in an event. What it leaves unsaid has to be read: the ids of that are given back. */
  take(event: FeedStreamEvent): string[] {
    switch (event.type) {
      case "stream_snapshot": {
        const open = event.suspensions ?? [];
        this.merge(open);
        return [];
      }
      case "execution_suspended": {
        const { interrupt, executionId, workflowId, podId } = event;
        const { suspensionId: id, openedAt } = interrupt;
        const place = { workspaceId: this.#workspaceId, podId, workflowId, executionId };
        this.merge([{ ...UNTOUCHED, ...place, id, state: "open", interrupt, openedAt } as Suspension]);
        return [];
      }
      case "suspension_update": {
        const known = this.#known.get(event.suspensionId);
        if (event.state === "open" || !known) {
          // Who may answer, which votes count: the server says so in one piece.
          return [event.suspensionId];
        }
        const { state, at: closedAt, decision } = event;
        this.merge([{ ...known, state, closedAt, ...(decision ? { decision } : {}) }]);
        // Votes and the claim as they were at the end.
        return [event.suspensionId];
      }
      default:
        return [];
    }
  }

  /** What is open here, and not in a list of all that is. */
  missing(open: readonly Suspension[]): string[] {
    const listed = new Set(open.map(({ id }) => id));
    return this.#shown.open.filter(({ id }) => !listed.has(id)).map(({ id }) => id);
  }

  #tell(): void {
    const known = [...this.#known.values()];
    const newest = (one: string | null | undefined, other: string | null | undefined) => Date.parse(other ?? "") - Date.parse(one ?? "");
    this.#shown = {
      open: known.filter(({ state }) => state === "open").sort((one, other) => newest(one.openedAt, other.openedAt)),
      closed: known.filter(({ state }) => state !== "open").sort((one, other) => newest(one.closedAt, other.closedAt)),
      get: (id) => this.#known.get(id),
    };
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
