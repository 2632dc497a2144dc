/** A server of the tests' own: the real binary with `dev`, its database in a folder that goes away with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type HttpProxy, type PreviewServer, preview } from "vite";

const BINARY = resolve(process.env["SLUICEGATE_BIN"] ?? "../target/debug/sluicegate");

export interface Ready {
  url: string;
  apiKey: string;
  workspaceId: string;
  podId: string;
  workflows: Record<string, string>;
}

export class Server {
  /** Where the dashboard is: the server itself, or Vite in front of it. */
  url = "";
  apiKey = "";
  workspaceId = "";
  podId = "";
  workflows: Record<string, string> = {};
  #api = "";
  #folder = "";
  #process: ChildProcess | undefined;
  #vite: PreviewServer | undefined;

  static async start(): Promise<Server> {
    const server = new Server();
    server.#folder = await mkdtemp(join(tmpdir(), "sluicegate-dashboard-"));
    await server.#spawn("127.0.0.1:0");
    if (process.env["SLUICEGATE_TEST_VITE"]) {
      // While working on it: what `npm run test:sources` has built a moment ago, not what is in the binary.
      const api = {
        target: server.#api,
        changeOrigin: false,
        // Who is behind a proxy learns that the server has died as well: Vite's keeps the connection.
        configure: (proxy: HttpProxy.ProxyServer) =>
          void proxy.on("proxyRes", (upstream, _request, response) =>
            upstream.on("close", () => {
              if (!upstream.complete) {
                response.destroy();
              }
            }),
          ),
      };
      server.#vite = await preview({
        logLevel: "error",
        build: { outDir: "dist" },
        preview: { host: "127.0.0.1", port: 0, proxy: { "/v1": api, "/docs": api, "/respond": api, "/healthz": api } },
      });
      const address = server.#vite.httpServer.address();
      server.url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
    } else {
      server.url = server.#api;
    }
    return server;
  }

  async #spawn(listen: string): Promise<void> {
    const args = ["dev", "--json", "--listen", listen, "--data", this.#folder];
    const child = spawn(BINARY, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, SLUICEGATE_SCHEDULE_MIN_INTERVAL: "1s" } });
    this.#process = child;
    const ready = await new Promise<Ready>((resolve, reject) => {
      let text = "";
      child.stdout?.on("data", (bytes: Buffer) => {
        text += bytes.toString();
        if (text.includes("\n")) {
          resolve(JSON.parse(text.slice(0, text.indexOf("\n"))) as Ready);
        }
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the server ended with ${code} before it was ready`)));
    });
    this.#api = ready.url;
    Object.assign(this, { apiKey: ready.apiKey, workspaceId: ready.workspaceId, podId: ready.podId, workflows: ready.workflows });
  }

  /** As a power cut does it. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      // What was cut behind Vite it would keep open.
      if (this.#vite && "closeAllConnections" in this.#vite.httpServer) {
        this.#vite.httpServer.closeAllConnections();
      }
    }
  }

  /** The same database at the same address. */
  async restart(): Promise<void> {
    await this.#spawn(new URL(this.#api).host);
  }

  async stop(): Promise<void> {
    await this.#vite?.close();
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** A call of the API, as a program makes it: past the browser. */
  async call<Reply>(method: string, path: string, body?: unknown, key = this.apiKey): Promise<Reply> {
    const response = await fetch(`${this.#api}/v1${path}`, {
      method,
      headers: { "x-api-key": key, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${text}`);
    }
    return (text ? JSON.parse(text) : undefined) as Reply;
  }

  /** A path of the API below the example pod. */
  pod(path: string): string {
    return `/workspaces/${this.workspaceId}/pods/${this.podId}${path}`;
  }

  /** The address of a page of the example pod. */
  page(path: string): string {
    return `${this.url}/w/${this.workspaceId}/p/${this.podId}${path}`;
  }

  async createWorkflow(name: string, definition: unknown): Promise<string> {
    return (await this.call<{ id: string }>("POST", this.pod("/workflows"), { name, definition })).id;
  }

  async trigger(workflowId: string, input: unknown = {}, more: object = {}): Promise<string> {
    return (await this.call<{ id: string }>("POST", this.pod("/executions"), { workflowId, input, ...more })).id;
  }

  /** Waits until an execution has one of these statuses. */
  async waitFor(id: string, ...statuses: string[]): Promise<{ status: string; lastSeq: number; [member: string]: unknown }> {
    for (let tries = 0; tries < 600; tries++) {
      const execution = await this.call<{ status: string; lastSeq: number }>("GET", this.pod(`/executions/${id}`));
      if (statuses.includes(execution.status)) {
        return execution;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`execution ${id} did not become ${statuses.join(" or ")}`);
  }
}
