/**
 * The live list of a pod's executions under one filter. The stream tells which executions have changed; what is shown is what the
 * API says of them under the same filter, so the list is never of another opinion than the server about what belongs in it.
 *
 * Ids of executions rise with time, and lists are ordered by them. One request is under way at a time, so none overtakes another;
 * a row is only ever replaced by a state of a higher `lastSeq`.
 */
import type { Execution, ExecutionsQuery, FeedStreamEvent } from "@sluicegate/sdk";

import { client, isRefusal } from "../api/client";
import { asTold, type ExecutionsFilter, type ExecutionsView, newer, statusAfter } from "./execution_rows";
import { oncePerFrame } from "./frame";

export type { ExecutionsFilter, ExecutionsView } from "./execution_rows";

const FIRST_PAGE = 100;
const PAGE = 200;
/** Ids in one look-up: its filter may have 4,096 characters. */
const LOOK_UP = 90;
/** When more than this has changed since the last look, the newest page is read again instead. */
const STORM = 3 * LOOK_UP;
/** Between two looks, so that a busy pod costs its server a few requests per second and page. */
const REST_MS = 300;
const RETRY_MS = 2_000;

export class ExecutionList {
  readonly #workspaceId: string;
  readonly #podId: string;
  readonly #filter: ExecutionsFilter;
  readonly #listeners = new Set<() => void>();
  readonly #tell: () => void;

  #rows = new Map<string, Execution>();
  #cursor: string | undefined;
  /** The last id of the pages that were read: what is older comes with the next page. */
  #end = "";
  #isLoaded = false;
  #error: unknown;
  /** Executions that have changed since they were last looked at. */
  #dirty = new Set<string>();
  /** What changed beyond the last row while a page was on its way: it may be in that page, and old. */
  #beyond = new Set<string>();
  #wantsReload = false;
  #wantsMore = false;
  #isAtTop = true;
  /** The newest row when the reader left the top. */
  #leftAt = "";
  #isBehind = false;

  #abort: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isBusy = false;
  #lastLook = 0;
  #view: ExecutionsView = { rows: [], hasMore: false, isLoading: true, error: undefined, news: 0, isBehind: false };

  constructor(workspaceId: string, podId: string, filter: ExecutionsFilter) {
    this.#workspaceId = workspaceId;
    this.#podId = podId;
    this.#filter = filter;
    this.#tell = oncePerFrame(() => this.#publish());
  }

  /** Reads the first page and keeps the list fresh until the returned function is called. */
  start(): () => void {
    this.#abort = new AbortController();
    this.reload();
    return () => {
      this.#abort?.abort();
      this.#abort = undefined;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#isBusy = false;
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly view = (): ExecutionsView => this.#view;

  /** Reads everything that is shown again: after a gap, or a failure. */
  reload(): void {
    this.#wantsReload = true;
    this.#soon(0);
  }

  /** Reads the next older page. */
  loadMore(): void {
    if (this.#cursor !== undefined && !this.#wantsMore && this.#error === undefined) {
      this.#wantsMore = true;
      this.#soon(0);
    }
  }

  /** Whether the reader sees the newest row. Coming back to the top brings what is new. */
  setAtTop(isAtTop: boolean): void {
    if (isAtTop === this.#isAtTop) {
      return;
    }
    this.#isAtTop = isAtTop;
    this.#leftAt = isAtTop ? "" : (this.#view.rows[0]?.id ?? "");
    if (isAtTop && this.#isBehind) {
      this.reload();
    }
    this.#tell();
  }

  /** An event of the pod's stream. */
  take(event: FeedStreamEvent): void {
    if (event.type === "stream_gap") {
      this.reload();
      return;
    }
    if (!("executionId" in event)) {
      return;
    }
    const { executionId: id, seq } = event;
    const row = this.#rows.get(id);
    const status = statusAfter(event);
    if (!status || (row && seq <= row.lastSeq)) {
      return;
    }
    if (row) {
      this.#rows.set(id, asTold(row, status, seq, event.at));
      this.#tell();
    } else if (this.#cursor !== undefined && id < this.#end) {
      this.#beyond.add(id);
      return;
    } else if (this.#isBehind && id > this.#leftAt) {
      return;
    }
    this.#dirty.add(id);
    this.#soon(REST_MS);
  }

  /** Works soon, but not sooner than `restMs` after the last time, and a moment from now: changes come in groups. */
  #soon(restMs: number): void {
    if (!this.#abort || this.#isBusy || (this.#timer !== undefined && restMs > 0)) {
      return;
    }
    clearTimeout(this.#timer);
    const wait = restMs === 0 ? 0 : Math.max(40, this.#lastLook + restMs - performance.now());
    this.#timer = setTimeout(() => void this.#work(), wait);
  }

  async #work(): Promise<void> {
    const signal = this.#abort?.signal;
    this.#timer = undefined;
    if (!signal || this.#isBusy) {
      return;
    }
    this.#isBusy = true;
    let rest = REST_MS;
    try {
      this.#lastLook = performance.now();
      if (this.#wantsReload) {
        await this.#readAgain(signal);
      } else if (this.#wantsMore) {
        await this.#readMore(signal);
      } else if (this.#dirty.size > STORM) {
        await this.#weather(signal);
      } else if (this.#dirty.size > 0) {
        await this.#lookUp(signal);
      }
      this.#error = undefined;
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      this.#error = error;
      rest = RETRY_MS;
      if (isRefusal(error)) {
        // Asking again gets the same answer: until the filter changes, or the reader wants it.
        this.#dirty.clear();
        this.#wantsMore = this.#wantsReload = false;
      }
    }
    if (signal.aborted) {
      return;
    }
    this.#isBusy = false;
    this.#tell();
    if (this.#wantsReload || this.#wantsMore || this.#dirty.size > 0) {
      this.#soon(this.#error === undefined && (this.#wantsReload || this.#wantsMore) ? 0 : rest);
    }
  }

  /** The pages from the newest one on, as many as there are rows. */
  async #readAgain(signal: AbortSignal): Promise<void> {
    const wanted = this.#isAtTop ? 1 : this.#rows.size;
    const found: Execution[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#page({ limit: found.length + FIRST_PAGE >= wanted ? FIRST_PAGE : PAGE, ...(cursor ? { cursor } : {}) }, signal);
      found.push(...page.items);
      cursor = page.cursor;
    } while (cursor !== undefined && found.length < wanted);
    const old = this.#rows;
    this.#end = found.at(-1)?.id ?? "";
    this.#rows = new Map(found.map((row) => [row.id, newer(row, old.get(row.id))]));
    this.#cursor = cursor;
    this.#isLoaded = true;
    this.#wantsReload = false;
    this.#isBehind = false;
    this.#checkBeyond();
  }

  async #readMore(signal: AbortSignal): Promise<void> {
    const page = await this.#page({ limit: PAGE, ...(this.#cursor ? { cursor: this.#cursor } : {}) }, signal);
    for (const row of page.items) {
      this.#rows.set(row.id, newer(row, this.#rows.get(row.id)));
    }
    this.#end = page.items.at(-1)?.id ?? this.#end;
    this.#cursor = page.cursor;
    this.#wantsMore = false;
    this.#checkBeyond();
  }

  /** What changed beyond the end while the end moved. */
  #checkBeyond(): void {
    for (const id of this.#beyond) {
      if (this.#rows.has(id) || this.#cursor === undefined) {
        this.#dirty.add(id);
      }
    }
    this.#beyond.clear();
  }

  /** Asks which of the changed executions belong in the list, and how they are. */
  async #lookUp(signal: AbortSignal): Promise<void> {
    const ids = [...this.#dirty].slice(0, LOOK_UP);
    for (const id of ids) {
      this.#dirty.delete(id);
    }
    try {
      const chosen = `id in (${ids.map((id) => `'${id}'`).join(", ")})`;
      const { items } = await this.#page({ limit: PAGE, filter: [...(this.#filter.filter ?? []), chosen] }, signal);
      const found = new Map(items.map((row) => [row.id, row]));
      let isInserted = false;
      for (const id of ids) {
        const row = found.get(id);
        const known = this.#rows.get(id);
        if (!row) {
          // It no longer fits, or is gone.
          this.#rows.delete(id);
        } else if (known || this.#cursor === undefined || id >= this.#end) {
          isInserted ||= !known;
          this.#rows.set(id, newer(row, known));
        }
      }
      if (isInserted) {
        this.#rows = new Map([...this.#rows].sort(([a], [b]) => (a < b ? 1 : -1)));
      }
    } catch (error) {
      for (const id of ids) {
        this.#dirty.add(id);
      }
      throw error;
    }
  }

  /** More has changed than can be looked up one by one. */
  async #weather(signal: AbortSignal): Promise<void> {
    if (this.#isAtTop) {
      this.#dirty.clear();
      await this.#readAgain(signal);
      return;
    }
    // The reader is elsewhere: what is new is read when they come back.
    for (const id of this.#dirty) {
      if (!this.#rows.has(id)) {
        this.#dirty.delete(id);
        this.#isBehind = true;
      }
    }
    if (this.#dirty.size > 0) {
      await this.#lookUp(signal);
    }
  }

  async #page(query: ExecutionsQuery, signal: AbortSignal) {
    return await client.listExecutions(this.#workspaceId, this.#podId, { ...this.#filter, ...query }, { signal });
  }

  #publish(): void {
    const rows = [...this.#rows.values()];
    let news = 0;
    if (this.#leftAt) {
      const seen = rows.findIndex(({ id }) => id <= this.#leftAt);
      news = seen < 0 ? rows.length : seen;
    }
    this.#view = {
      rows,
      hasMore: this.#cursor !== undefined,
      isLoading: !this.#isLoaded && this.#error === undefined,
      error: this.#error,
      news,
      isBehind: this.#isBehind,
    };
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
