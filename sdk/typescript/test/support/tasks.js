// A server with tasks that a test offers, whose doors answer as a test wants: for what the real server does rarely or never.
import { once } from "node:events";
import { createServer } from "node:http";
import { SluicegateClient } from "@sluicegate/sdk";
import { Worker } from "@sluicegate/sdk/worker";

const PATH = "/v1/workspaces/w/pods/p/tasks/";

export const status = (code, body = "", headers = {}) => (response) => response.writeHead(code, headers).end(body);
export const json = (value) => status(200, JSON.stringify(value), { "content-type": "application/json" });
export const problem = (code, name) => status(code, JSON.stringify({ code: name, detail: "because" }), { "content-type": "application/problem+json" });
export const cut = (response) => response.destroy();
/** Whatever was answered already. */
export const lost = problem(409, "lease_lost");

export class Tasks {
  /** What was asked, in order: `{ door, taskId, body, headers, url }`. */
  calls = [];
  /** How many polls are open, and were at most. */
  polls = 0;
  mostPolls = 0;
  #offered = [];
  #answers = new Map();
  #watchers = new Set();
  #waiting;
  #count = 0;

  static async start(t) {
    const tasks = new Tasks();
    const server = createServer((request, response) => tasks.#answer(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    tasks.url = `http://127.0.0.1:${server.address().port}`;
    tasks.t = t;
    tasks.client = new SluicegateClient({ baseUrl: tasks.url, apiKey: "slg_test", workspaceId: "w", podId: "p" });
    return tasks;
  }

  /** Runs a worker until the test ends, or `worker.stop()`. */
  work(handler, options = {}) {
    const logged = [];
    const log = (message, error) => logged.push(error instanceof Error ? `${message}: ${error.message}` : message);
    const logger = { info: log, warn: log, error: log };
    const worker = new Worker(this.client, { queue: "q", handler, logger, ...options });
    worker.logged = logged;
    worker.ended = worker.run();
    worker.ended.catch(() => {});
    this.t.after(() => worker.stop({ grace: 0 }));
    return worker;
  }

  /** A task that the next poll, or the one that waits, gets. */
  offer(input, more = {}) {
    this.#count += 1;
    const taskId = `t${this.#count}`;
    const ids = { taskId, leaseToken: `token-${taskId}`, fence: this.#count, executionId: "e", workflowId: "f", nodeId: "n" };
    const at = new Date().toISOString();
    this.#offered.push({ ...ids, queue: "q", attempt: 1, idempotencyKey: "e/n", input, context: {}, queuedAt: at, leaseUntil: at, leaseSeconds: 30, ...more });
    this.#waiting?.();
    return taskId;
  }

  /** What a door answers next: one answer per request, then as usual. Of an answer that is undefined the usual one is taken. */
  next(door, ...answers) {
    this.#answers.set(door, [...(this.#answers.get(door) ?? []), ...answers]);
  }

  /** What a door answers from now on. */
  always(door, answer) {
    this.next(door, ...Array(1000).fill(answer));
  }

  /** The calls at a door. */
  at(door, taskId) {
    return this.calls.filter((call) => call.door === door && (taskId === undefined || call.taskId === taskId));
  }

  /** Waits until something is true, looking at each call and now and then. */
  async until(what) {
    if (what()) {
      return;
    }
    let [done, timer, ticks] = [];
    const found = new Promise((resolve, reject) => {
      const calls = () => this.calls.map(({ door, taskId }) => `${door} ${taskId ?? ""}`);
      timer = setTimeout(() => reject(new Error(`not within 20 seconds: ${what}; there were: ${calls()}`)), 20_000);
      ticks = setInterval(() => done(), 20);
      done = () => {
        if (what()) {
          resolve();
        }
      };
    });
    this.#watchers.add(done);
    await found.finally(() => {
      clearTimeout(timer);
      clearInterval(ticks);
      this.#watchers.delete(done);
    });
  }

  async #answer(request, response) {
    const bytes = Buffer.concat(await request.toArray().catch(() => []));
    const { pathname } = new URL(request.url, this.url);
    const parts = pathname.startsWith(PATH) ? pathname.slice(PATH.length).split("/") : ["?", pathname];
    const [taskId, door] = parts.length === 1 ? [undefined, parts[0]] : parts;
    const isJson = request.headers["content-type"] === "application/json" && door !== "artifacts";
    const call = { door, taskId, url: request.url, headers: request.headers, body: isJson ? JSON.parse(bytes) : bytes };
    this.calls.push(call);
    this.#look();
    const answer = this.#answers.get(door)?.shift();
    if (answer) {
      answer(response, call);
    } else if (door === "lease") {
      await this.#lease(response, call);
    } else if (door === "heartbeat") {
      json({ cancelled: false, leaseUntil: new Date().toISOString() })(response);
    } else if (door === "results") {
      // As a server from before there were results of many tasks.
      problem(404, "unknown_path")(response);
    } else if (door === "artifacts") {
      status(201, JSON.stringify({ id: `artifact-${parts[2]}`, name: parts[2], size: bytes.length }))(response);
    } else {
      json({ taskId, executionId: "e", status: "running" })(response);
    }
    this.#look();
  }

  #look() {
    for (const watcher of this.#watchers) {
      watcher();
    }
  }

  /** Waits until there is a task, as the real server does. */
  async #lease(response, call) {
    this.polls += 1;
    this.mostPolls = Math.max(this.mostPolls, this.polls);
    let timer;
    while (this.#offered.length === 0 && !response.destroyed) {
      const isOver = await new Promise((resolve) => {
        this.#waiting = () => resolve(false);
        response.once("close", () => resolve(false));
        timer ??= setTimeout(() => resolve(true), call.body.waitSeconds * 1000).unref();
      });
      if (isOver) {
        break;
      }
    }
    clearTimeout(timer);
    this.polls -= 1;
    if (!response.destroyed) {
      json({ tasks: this.#offered.splice(0, call.body.max) })(response);
    }
  }
}

/** A promise and what settles it. */
export function gate() {
  let open;
  const passed = new Promise((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
