/**
 * Results on their way to the server. One that comes alone goes at once, through the doors of its task. While such requests are
 * under way, those that come wait, and go together: a busy worker makes fewer requests, and an idle one waits for nothing.
 */
import { SluicegateApiError, SluicegateConnectionError } from "../errors.js";
import { withLimit } from "../time.js";
import type { Transport } from "../transport.js";

/** So many requests with results at a time: with one, the server would have nothing to do while the next is on its way. */
const REQUESTS = 2;
/** How many results go together, and with how many characters. */
const MOST_RESULTS = 100;
const MOST_LENGTH = 256 * 1024;
/** What a server answers that does not know results of many tasks, or does not take them from this worker. */
const UNTAKEN = [401, 403, 404, 405];

/** A result that waits. */
interface Waiting {
  /** What it is among others: a JSON object with the token of its lease. */
  json: string;
  /** Sends it by itself. */
  alone: () => Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

interface Sent {
  results: { problem?: { status: number } }[];
}

export class Results {
  readonly #transport: Transport;
  readonly #path: string;
  #waiting: Waiting[] = [];
  #requests = 0;
  #goTogether = true;

  /** `path` is the one of a pod's tasks. */
  constructor(transport: Transport, path: string) {
    this.#transport = transport;
    this.#path = `${path}/results`;
  }

  /** One attempt to send a result: resolves when it is recorded. It may be sent again, whatever became of the attempt. */
  async send(json: string, limit: number, signal: AbortSignal, alone: () => Promise<void>): Promise<void> {
    if (!this.#goTogether || json.length > MOST_LENGTH / 2) {
      return await alone();
    }
    if (this.#requests < REQUESTS) {
      return await this.#counted(alone);
    }
    await withLimit(limit, signal, async (signal) => {
      let waiting: Waiting | undefined;
      let giveUp = () => {};
      try {
        await new Promise<void>((resolve, reject) => {
          waiting = { json, alone, resolve, reject };
          this.#waiting.push(waiting);
          giveUp = () => reject(new SluicegateConnectionError("the result got no answer"));
          signal.addEventListener("abort", giveUp);
        });
      } finally {
        signal.removeEventListener("abort", giveUp);
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
      }
    });
  }

  async #counted(request: () => Promise<void>): Promise<void> {
    this.#requests += 1;
    try {
      await request();
    } finally {
      this.#requests -= 1;
      this.#next();
    }
  }

  /** Sends those that wait, as far as there is room for requests. */
  #next(): void {
    while (this.#requests < REQUESTS && this.#waiting.length > 0) {
      let length = 0;
      let count = 0;
      for (const { json } of this.#waiting.slice(0, MOST_RESULTS)) {
        length += json.length;
        if (count > 0 && length > MOST_LENGTH) {
          break;
        }
        count += 1;
      }
      const batch = this.#waiting.splice(0, count);
      void this.#counted(() => this.#together(batch));
    }
  }

  /** Sends some; each is told what became of it. Never rejects. */
  async #together(batch: Waiting[]): Promise<void> {
    try {
      const results = await this.#post(batch);
      for (const [index, waiting] of batch.entries()) {
        const problem = results[index]?.problem;
        if (problem === undefined) {
          waiting.resolve();
        } else {
          waiting.reject(new SluicegateApiError(problem.status, new Headers(), JSON.stringify(problem)));
        }
      }
    } catch (error) {
      const isRefused = error instanceof SluicegateApiError && !error.isTransient;
      if (!isRefused) {
        for (const waiting of batch) {
          waiting.reject(error);
        }
        return;
      }
      // It says nothing of any of them.
      if (UNTAKEN.includes(error.statusCode)) {
        this.#goTogether = false;
      }
      await Promise.all(batch.map(({ alone, resolve, reject }) => alone().then(resolve, reject)));
    }
  }

  async #post(batch: Waiting[]): Promise<Sent["results"]> {
    const what = `results of ${batch.length} tasks`;
    const json = `{"results":[${batch.map(({ json }) => json).join(",")}]}`;
    const { body } = await this.#transport.attempt<Sent>(what, this.#transport.requestTimeout, undefined, async (signal) => {
      return await this.#transport.send("POST", this.#path, { json, signal });
    });
    if (body?.results?.length !== batch.length) {
      throw new SluicegateConnectionError(`the answer to ${what} is none of the server: something between answered`);
    }
    return body.results;
  }
}
