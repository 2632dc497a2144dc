// Workers at the real server: what they say is on the stream, what becomes of their tasks, and the example.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import yaml from "js-yaml";
import { SluicegateApiError, SluicegateExecutionError } from "@sluicegate/sdk";
import { TaskError, Worker } from "@sluicegate/sdk/worker";
import { gate } from "./support/tasks.js";
import { Server } from "./support/server.js";

const here = fileURLToPath(new URL("../", import.meta.url));
const logger = { info() {}, warn() {}, error() {} };

/** Runs a worker until the test ends. */
function work(t, server, handler, options = {}) {
  const worker = new Worker(server.client(), { queue: "q", handler, logger, ...options });
  worker.ended = worker.run();
  worker.ended.catch(() => {});
  t.after(() => worker.stop({ grace: 0 }));
  return worker;
}

const task = (data = {}) => ({ id: "work", type: "task", data: { queue: "q", ...data } });

async function get(server, path) {
  return await server.client().request("GET", `/workspaces/${server.workspaceId}/pods/${server.podId}/${path}`);
}

async function until(true_, what) {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await true_()) {
      return;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail(`not within 20 seconds: ${what}`);
}

test("what a worker says is on the stream", async (t) => {
  const server = await Server.start(t);
  work(
    t,
    server,
    (task) => {
      task.log("begins", "debug", { n: 1 });
      task.action("click", "Save", { x: 1 });
      task.delta("Hello ");
      task.delta("Ada");
      task.progress(1, 2, "half");
      return { twice: task.input.n * 2, attempt: task.attempt };
    },
    { workerId: "me", version: "1.2" },
  );
  const workflowId = await server.workflow(task({ input: { n: "{{ input.n }}" } }));
  const { id, log } = await server.finished(workflowId, { n: 21 });
  const of = (type) => log.filter((event) => event.type === type);
  assert.deepEqual(of("task_update").map(({ state, workerId }) => [state, workerId]), [
    ["queued", undefined], ["leased", "me"], ["completed", "me"],
  ]);
  const [{ kind, title, detail }] = of("node_action");
  assert.deepEqual([kind, title, detail], ["click", "Save", { x: 1 }]);
  const deltas = of("node_delta");
  assert.equal(deltas.filter(({ channel }) => channel === "text").map(({ delta }) => delta).join(""), "Hello Ada");
  const { delta, progress, progressMax } = deltas.find(({ channel }) => channel === "progress");
  assert.deepEqual([delta, progress, progressMax], ["half", 1, 2]);
  assert.deepEqual((await server.client().getExecution(undefined, undefined, id)).output, { twice: 42, attempt: 1 });
  const { items } = await server.client().listLogs(undefined, undefined, id, { level: "debug" });
  assert.ok(items.some(({ message }) => message === "begins"));
  const [{ workerId, version, queues, connected, leases }] = await get(server, "workers");
  assert.deepEqual([workerId, version, queues, connected, leases], ["me", "1.2", ["q"], true, []]);
});

test("failures of handlers", async (t) => {
  const server = await Server.start(t);
  work(t, server, ({ input, attempt, idempotencyKey }) => {
    if (input.kind === "hopeless") {
      throw new TaskError("no such order", { code: "no_order", retryable: false, details: { order: 7 } });
    }
    if (attempt === 1) {
      throw new RangeError("at first");
    }
    return idempotencyKey;
  });
  const workflowId = await server.workflow(task({ retry: { maxAttempts: 3, initialMs: 1 } }));
  const error = await server.client().run({ workflowId, input: { kind: "hopeless" } }).catch((error) => error);
  assert.ok(error instanceof SluicegateExecutionError);
  const { code, message, details } = error.execution.error;
  assert.deepEqual([code, message, details], ["task_failed", "no such order", { code: "no_order", details: { order: 7 } }]);
  const done = await server.client().run({ workflowId, input: { kind: "passes" } });
  assert.equal(done.output, `${done.id}/work`);
  const { items } = await server.client().listLogs(undefined, undefined, done.id, { level: "error" });
  assert.ok(items.some(({ message }) => message.startsWith("RangeError: at first\n")));
});

test("a cancelled execution withdraws its task", async (t) => {
  const server = await Server.start(t);
  const begun = gate();
  const ended = gate();
  work(t, server, async ({ signal }) => {
    begun.open();
    await new Promise((done) => signal.addEventListener("abort", done));
    ended.open(signal.reason.reason);
    return "too late";
  });
  const { id } = await server.client().trigger({ workflowId: await server.workflow(task({ leaseSeconds: 5 })) });
  await begun.passed;
  await server.client().cancel(undefined, undefined, id, { wait: 10 });
  assert.equal(await ended.passed, "cancelled");
  assert.equal((await server.client().getExecution(undefined, undefined, id)).status, "cancelled");
});

test("a worker that stops gives its task to another one", async (t) => {
  const server = await Server.start(t);
  const begun = gate();
  const first = work(t, server, async ({ signal }) => {
    begun.open();
    await new Promise((done) => signal.addEventListener("abort", done));
    return "too late";
  });
  const { id } = await server.client().trigger({ workflowId: await server.workflow(task()) });
  await begun.passed;
  await first.stop({ grace: 0 });
  await until(async () => (await get(server, "task-queues"))[0]?.queued === 1, "the task waits again");
  work(t, server, ({ fence, attempt }) => ({ fence, attempt }));
  const { output } = await server.client().waitForCompletion(undefined, undefined, id);
  const updates = (await server.log(id)).filter(({ type }) => type === "task_update");
  assert.deepEqual(updates.map(({ state, reason }) => [state, reason]), [
    ["queued", undefined], ["leased", undefined], ["queued", "released"], ["leased", undefined], ["completed", undefined],
  ]);
  assert.deepEqual(output, { fence: updates[3].fence, attempt: 1 });
});

test("a server that restarts, and a key that is not valid", async (t) => {
  const server = await Server.start(t);
  const begun = gate();
  const goOn = gate();
  work(t, server, async () => {
    begun.open();
    await goOn.passed;
    return "done";
  });
  const workflowId = await server.workflow(task({ leaseSeconds: 60 }));
  const { id } = await server.client().trigger({ workflowId });
  await begun.passed;
  await server.stop("SIGKILL");
  // The end is tried while nobody listens.
  goOn.open();
  await server.begin();
  assert.equal((await server.client().waitForCompletion(undefined, undefined, id)).output, "done");
  assert.equal((await server.client().run({ workflowId })).output, "done");

  const stranger = new Worker(server.client(server.url, { apiKey: "slg_nobody" }), { queue: "q", handler() {}, logger });
  await assert.rejects(stranger.run(), (error) => error instanceof SluicegateApiError && error.statusCode === 401);
});

test("the example", async (t) => {
  const server = await Server.start(t);
  const folder = await mkdtemp(join(tmpdir(), "sluicegate-sdk-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "node_modules/@sluicegate"), { recursive: true });
  await symlink(here, join(folder, "node_modules/@sluicegate/sdk"));
  await writeFile(join(folder, "package.json"), '{"private": true, "type": "module"}');
  const examples = join(here, "../../examples");
  const source = await readFile(join(examples, "worker.ts"), "utf8");
  await writeFile(join(folder, "worker.ts"), `declare const process: { env: Record<string, string | undefined> };\n${source}`);
  const options = { module: "nodenext", target: "es2022", lib: ["es2022", "dom"], types: [], strict: true, exactOptionalPropertyTypes: true };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["worker.ts"] }));
  await promisify(execFile)(join(here, "node_modules/.bin/tsc"), ["-p", folder]).catch(({ stdout }) => assert.fail(stdout));

  const { apiKey, workspaceId, podId, url } = server;
  const variables = { SLUICEGATE_URL: url, SLUICEGATE_API_KEY: apiKey, SLUICEGATE_WORKSPACE: workspaceId, SLUICEGATE_POD: podId };
  const child = spawn(process.execPath, ["worker.js"], { cwd: folder, env: { ...process.env, ...variables }, stdio: "inherit" });
  t.after(() => child.kill("SIGKILL"));
  const { name, nodes, edges } = yaml.load(await readFile(join(examples, "task.yaml"), "utf8"));
  const { id: workflowId } = await server.client().workflows.create(undefined, undefined, { name, definition: { nodes, edges } });
  const lines = [{ text: "Tea", price: 3 }, { text: "Cake", price: 4 }];
  const done = await server.client().run({ workflowId, input: { number: 7, lines } });
  assert.deepEqual(done.output, { number: 7, total: 7 });
  const actions = (await server.log(done.id)).filter(({ type }) => type === "node_action");
  assert.deepEqual(actions.map(({ kind, title }) => [kind, title]), [["read", "Tea"], ["read", "Cake"]]);
  const empty = await server.client().run({ workflowId, input: { number: 8 } });
  assert.deepEqual(empty.output, { number: 8, why: "the invoice has no lines" });
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
});
