// The real server, and the fault proxy before it. Everything that a test starts ends with the test.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SluicegateClient } from "@sluicegate/sdk";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

export const binary = process.env.SLUICEGATE_BIN ?? join(root, "target/debug/sluicegate");
if (!existsSync(binary)) {
  throw new Error(`${binary} does not exist: build the server with \`cargo build\`, or name it by SLUICEGATE_BIN`);
}

/** The first line that a process prints. */
async function firstLine(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    // Whatever else it says must not fill the pipe.
    child.stdout.resume();
    return JSON.parse(line);
  }
  throw new Error("the process ended without a word");
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A server with a database of its own, on the same port for as long as it lives. */
export class Server {
  #folder;
  #flags;
  #child;

  /** Starts one; `flags` are settings of `serve`, such as `{"stream-max-duration": "2s"}`. */
  static async start(t, flags = {}) {
    const server = new Server();
    server.#folder = await mkdtemp(join(tmpdir(), "sluicegate-sdk-"));
    server.#flags = flags;
    server.url = `http://127.0.0.1:${await freePort()}`;
    t.after(async () => {
      await server.stop("SIGKILL");
      await rm(server.#folder, { recursive: true, force: true });
    });
    const init = spawn(binary, ["init", "--store", server.#store, "--workspace", "Acme", "--json"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    Object.assign(server, await firstLine(init));
    await server.begin();
    return server;
  }

  get #store() {
    return `sqlite:${join(this.#folder, "db")}`;
  }

  /** Serves, and resolves when it answers. */
  async begin() {
    const flags = { store: this.#store, listen: new URL(this.url).host, "instance-lease": "3s", ...this.#flags };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    this.#child = spawn(binary, ["serve", ...args, "--log=error"], { stdio: ["ignore", "ignore", "inherit"] });
    for (let tries = 0; tries < 300; tries += 1) {
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
      if (answer?.ok) {
        return;
      }
      // Nothing tells when a port begins to listen.
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error("the server does not become ready");
  }

  /** Ends the process and waits for its end. */
  async stop(signal = "SIGTERM") {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, "exit");
    }
  }

  /** A client; by way of `url` if it is given. */
  client(url = this.url, options = {}) {
    const { apiKey, workspaceId, podId } = this;
    return new SluicegateClient({ apiKey, workspaceId, podId, baseUrl: url, ...options });
  }

  /** Saves a workflow: nodes in a row. */
  async workflow(...nodes) {
    const { id } = await this.client().workflows.create(undefined, undefined, { name: "test", definition: row(...nodes) });
    return id;
  }

  /** The log of an execution, from its pages. */
  async log(id) {
    const events = [];
    for (;;) {
      const after = events.length;
      const path = `/workspaces/${this.workspaceId}/pods/${this.podId}/executions/${id}/events`;
      const page = await this.client().request("GET", path, { query: { after, limit: 1000 } });
      events.push(...page);
      if (page.length < 1000) {
        return events;
      }
    }
  }

  /** An execution that has ended, and its log. */
  async finished(workflowId, input) {
    const { id } = await this.client().run({ workflowId, input });
    return { id, log: await this.log(id) };
  }
}

/** A definition with nodes that follow each other between `start` and `end`; those with a `parentId` follow each other in there. */
export function row(...nodes) {
  const all = [{ id: "begin", type: "start", data: {} }, ...nodes, { id: "finish", type: "end", data: {} }];
  const edges = [];
  const last = new Map();
  for (const { id, parentId } of all) {
    if (last.has(parentId)) {
      edges.push({ id: `${last.get(parentId)}-${id}`, source: last.get(parentId), target: id });
    }
    last.set(parentId, id);
  }
  return { nodes: all, edges };
}

/** A loop that writes `events` events or a few more, as fast as the server can. */
export function busy(events) {
  return [
    { id: "each", type: "loop", data: { items: `{{ range(${Math.ceil(events / 2)}) }}`, maxIterations: 10_000 } },
    { id: "step", type: "transform", parentId: "each", data: { output: "{{ index }}" } },
  ];
}

/** A loop that writes some events about every `ms`, `times` times. */
export function ticking(times, ms) {
  return [
    { id: "each", type: "loop", data: { items: Array.from({ length: times }, (_, n) => n), maxIterations: 10_000 } },
    { id: "tick", type: "wait", parentId: "each", data: { duration: `${ms}ms` } },
  ];
}

/** The fault proxy before a server. */
export class Proxy {
  #control;
  #child;

  static async start(t, target) {
    const proxy = new Proxy();
    const script = join(root, "sdk/testing/fault-proxy.js");
    proxy.#child = spawn(process.execPath, [script, "--target", target], { stdio: ["pipe", "pipe", "inherit"] });
    t.after(async () => {
      proxy.#child.stdin.end();
      await once(proxy.#child, "exit");
    });
    const { url, control } = await firstLine(proxy.#child);
    proxy.url = url;
    proxy.#control = control;
    return proxy;
  }

  async fault(fault) {
    await fetch(`${this.#control}/fault`, { method: "PUT", body: JSON.stringify(fault) });
  }

  async connections() {
    return await (await fetch(`${this.#control}/connections`)).json();
  }

  /** Until clients have closed all connections but `rest`. The proxy learns of it in its own time, maybe after a client's process is gone. */
  async closed(rest = 0) {
    let open;
    for (let looks = 0; looks < 200; looks += 1) {
      ({ open } = await this.connections());
      if (open <= rest) {
        return;
      }
      await pause(50);
    }
    assert.fail(`${open} connections are still open, not ${rest}`);
  }
}

/** A `fetch` whose streams suffer a fault of their own: of a list, each stream the next one. */
export function suffering(...faults) {
  return (url, init) => {
    const fault = init.headers.accept === "text/event-stream" ? faults.shift() : undefined;
    return fetch(url, fault ? { ...init, headers: { ...init.headers, "x-fault": JSON.stringify(fault) } } : init);
  };
}

/** All events of an execution, as the iterator gives them. */
export async function follow(client, id, options) {
  const events = [];
  for await (const event of client.events(undefined, undefined, id, options)) {
    events.push(event);
  }
  return events;
}
