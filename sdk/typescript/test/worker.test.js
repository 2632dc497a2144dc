// Workers, at a server that answers as a test wants: what is sent, and what becomes of faults.
import assert from "node:assert/strict";
import { writeFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { SluicegateApiError, SluicegateClient } from "@sluicegate/sdk";
import { TaskError, TaskOverError, Worker } from "@sluicegate/sdk/worker";
import { Reports } from "../dist/worker/reports.js";
import { cut, gate, json, lost, problem, status, Tasks } from "./support/tasks.js";

/** Resolves with the reason once a signal aborts. */
async function aborted(signal) {
  if (!signal.aborted) {
    await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
  }
  return signal.reason;
}

/** All entries of a kind that a task's heartbeats have brought. */
const brought = (tasks, kind) => tasks.at("heartbeat").flatMap(({ body }) => body[kind] ?? []);

test("a task is leased, done and completed", async (t) => {
  const tasks = await Tasks.start(t);
  const taskId = tasks.offer({ n: 20 }, { path: "each[1]", attempt: 2, context: { user: "u" }, deadline: "2030-01-01T00:00:00Z" });
  let seen;
  const worker = tasks.work(
    (task) => {
      seen = task;
      task.stats.steps = 3;
      return { twice: task.input.n * 2 };
    },
    { concurrency: 3, version: "1.2", workerId: "me" },
  );
  await tasks.until(() => tasks.at("complete").length === 1);
  await worker.stop();
  const [lease] = tasks.at("lease");
  assert.deepEqual(lease.body, { queues: ["q"], max: 3, waitSeconds: 20, workerId: "me", version: "1.2" });
  assert.equal(lease.headers["x-api-key"], "slg_test");
  assert.equal(lease.headers["idempotency-key"], undefined, "a repeated poll is another poll");
  const { taskId: id, path, attempt, context, deadline, fence, queue, executionId, nodeId } = seen;
  assert.deepEqual([id, path, attempt, context, deadline], [taskId, "each[1]", 2, { user: "u" }, "2030-01-01T00:00:00Z"]);
  assert.deepEqual([fence, queue, executionId, nodeId], [1, "q", "e", "n"]);
  const [{ body, headers, ...complete }] = tasks.at("complete");
  assert.equal(complete.taskId, taskId);
  assert.deepEqual(body, { leaseToken: "token-t1", output: { twice: 40 }, stats: { steps: 3 } });
  assert.equal(headers["x-api-key"], undefined, "the token is enough");
  assert.equal(tasks.at("heartbeat").length, 0, "nothing was said meanwhile");
  assert.equal(seen.signal.aborted, false);
  assert.deepEqual(worker.logged, []);
});

test("reports arrive in order, together, and before the end", async (t) => {
  const tasks = await Tasks.start(t);
  const sent = gate();
  tasks.offer();
  tasks.work(async (task) => {
    task.progress(1, 10, "begins");
    task.progress(2, 10);
    task.action("click", "Save", { x: 1 }, "artifact-1");
    task.delta("Hel");
    task.delta("lo");
    task.delta("hm", "reasoning");
    task.delta("");
    task.log("one");
    task.log("two", "warn", { a: [1] });
    await sent.passed;
    task.log("three");
    task.progress(10);
  });
  await tasks.until(() => tasks.at("heartbeat").length === 1);
  sent.open();
  await tasks.until(() => tasks.at("complete").length === 1);
  const [first, second, ...others] = tasks.at("heartbeat").map(({ body }) => body);
  assert.deepEqual(first, {
    leaseToken: "token-t1",
    progress: 2,
    progressMax: 10,
    message: "begins",
    logs: [
      { level: "info", message: "one" },
      { level: "warn", message: "two", data: { a: [1] } },
    ],
    actions: [{ kind: "click", title: "Save", detail: { x: 1 }, artifactId: "artifact-1" }],
    deltas: [
      { channel: "text", delta: "Hello" },
      { channel: "reasoning", delta: "hm" },
    ],
  });
  assert.deepEqual([second.progress, second.logs[0].message, others], [10, "three", []]);
  assert.equal(tasks.calls.findIndex(({ door }) => door === "complete"), tasks.calls.findLastIndex(({ door }) => door === "heartbeat") + 1);
  assert.equal(tasks.at("complete")[0].body.output, null);
});

test("a thousand reports are a few heartbeats, in order", async (t) => {
  const tasks = await Tasks.start(t);
  tasks.offer();
  tasks.next("heartbeat", cut, status(503));
  tasks.work((task) => {
    for (let n = 0; n < 1000; n += 1) {
      task.log(String(n));
    }
  });
  await tasks.until(() => tasks.at("complete").length === 1);
  const accepted = tasks.at("heartbeat").slice(2);
  const messages = accepted.flatMap(({ body }) => body.logs.map(({ message }) => Number(message)));
  assert.deepEqual(messages, Array.from({ length: 1000 }, (_, n) => n));
  assert.equal(accepted.length, 10);
  assert.deepEqual(accepted[0].body, tasks.at("heartbeat")[0].body, "what had no answer is sent again");
});

test("more reports than fit are dropped, and that is said", () => {
  const reports = new Reports();
  for (let n = 0; n < 3000; n += 1) {
    reports.add("logs", { message: `${n}` });
  }
  reports.delta("text", "lost, too");
  const kept = [];
  while (!reports.isEmpty) {
    kept.push(...reports.take().reports.map(({ json }) => JSON.parse(json)));
  }
  assert.equal(kept.length, 2001);
  assert.match(kept.at(-1).message, /^1001 reports were dropped/);
  reports.delta("text", "x".repeat(40_000));
  reports.delta("text", "🌊".repeat(10_000));
  const deltas = [];
  while (!reports.isEmpty) {
    deltas.push(...reports.take().reports.map(({ json }) => JSON.parse(json).delta));
  }
  assert.equal(deltas.join(""), "x".repeat(40_000) + "🌊".repeat(10_000));
  assert.ok(deltas.every((delta) => delta.length <= 16 * 1024 && delta.isWellFormed?.() !== false));
  for (let n = 0; n < 100; n += 1) {
    reports.add("logs", { message: "x".repeat(100_000) });
  }
  let length = 0;
  while (!reports.isEmpty) {
    const batch = reports.take().reports.map(({ json }) => json).join("");
    assert.ok(batch.length < 300_000);
    length += batch.length;
  }
  assert.ok(length < 5 * 1024 * 1024, `${length}`);
});

test("a handler that throws fails its task, and the worker goes on", async (t) => {
  const tasks = await Tasks.start(t);
  class ParseError extends Error {
    name = "ParseError";
  }
  const cyclic = {};
  cyclic.self = cyclic;
  const failing = [
    () => {
      throw new ParseError("no page");
    },
    async () => {
      throw new TaskError("no such order", { code: "no_order", retryable: false, details: { order: 7 } });
    },
    () => cyclic,
    () => {
      throw "a text";
    },
    (task) => task.log("never", "info", 1n),
    () => Promise.reject(),
  ];
  failing.forEach((_, n) => tasks.offer(n));
  tasks.offer("good");
  const worker = tasks.work((task) => failing[task.input]?.(task));
  await tasks.until(() => tasks.at("complete").length === 1);
  const errors = tasks.at("fail").map(({ body }) => body.error);
  assert.deepEqual(errors.slice(0, 2), [
    { message: "no page", code: "ParseError" },
    { message: "no such order", code: "no_order", retryable: false, details: { order: 7 } },
  ]);
  assert.deepEqual([errors[2].code, errors[2].retryable], ["invalid_output", false]);
  assert.match(errors[2].message, /^the output is no JSON: .*circular/i);
  assert.deepEqual(errors[3], { message: "a text" });
  assert.equal(errors[4].code, "TypeError");
  assert.deepEqual(errors[5], { message: "undefined" });
  const [{ level, message }, ...others] = brought(tasks, "logs");
  assert.equal(level, "error");
  assert.match(message, /^ParseError: no page\n +at .*worker\.test\.js/);
  assert.equal(others.length, 1, "a stack of what was thrown by mistake only");
  assert.equal(worker.logged.length, 6);
  assert.equal(worker.logged[0], "task t1 of queue q failed: no page");
});

test("heartbeats keep the lease", async (t) => {
  const tasks = await Tasks.start(t);
  const done = gate();
  tasks.offer(undefined, { leaseSeconds: 3 });
  for (const fault of [cut, status(502, "<html>"), problem(429, "slow_down"), status(404, "<html>")]) {
    tasks.next("heartbeat", fault, undefined);
  }
  tasks.work(() => done.passed);
  await tasks.until(() => tasks.at("heartbeat").length === 10);
  done.open();
  await tasks.until(() => tasks.at("complete").length === 1);
  assert.deepEqual(tasks.at("heartbeat").at(-1).body, { leaseToken: "token-t1" });
});

test("a task that was withdrawn: the signal aborts, and what the handler gives is dropped", async (t) => {
  const tasks = await Tasks.start(t);
  tasks.offer(1, { leaseSeconds: 0.3 });
  tasks.next("heartbeat", json({ cancelled: true, leaseUntil: "" }));
  let reason;
  const worker = tasks.work(async (task) => {
    if (task.input === 1) {
      reason = await aborted(task.signal);
      task.log("too late");
      await assert.rejects(task.artifact("a.txt", "a"), TaskOverError);
      return "too late";
    }
  });
  tasks.offer(2);
  await tasks.until(() => tasks.at("complete").length === 1);
  assert.ok(reason instanceof TaskOverError);
  assert.equal(reason.reason, "cancelled");
  assert.equal(tasks.at("complete")[0].taskId, "t2");
  assert.equal(tasks.calls.filter(({ taskId }) => taskId === "t1").length, 1, "nothing is said after it");
  assert.deepEqual(worker.logged, [], "nothing has failed");
});

test("a lease that is lost, at a heartbeat and at the end", async (t) => {
  const tasks = await Tasks.start(t);
  const reasons = [];
  tasks.next("heartbeat", lost, problem(401, "unauthorized"));
  tasks.next("complete", lost);
  tasks.next("fail", lost);
  for (const name of ["waits", "waits", "gives", "throws", "good"]) {
    tasks.offer(name, { leaseSeconds: name === "waits" ? 0.3 : 30 });
  }
  const worker = tasks.work(async ({ input, signal }) => {
    if (input === "waits") {
      reasons.push((await aborted(signal)).reason);
      throw signal.reason;
    }
    if (input === "throws") {
      throw new TaskError("no");
    }
  });
  await tasks.until(() => tasks.at("complete").length === 2);
  assert.deepEqual(reasons, ["lease_lost", "lease_lost"]);
  assert.deepEqual([tasks.at("fail").length, tasks.at("release").length], [1, 0]);
  assert.match(worker.logged[0], /^the lease of task t1 is lost: lease_lost \(409\)/);
});

test("an end is sent again until it is accepted", async (t) => {
  const tasks = await Tasks.start(t);
  tasks.next("complete", cut, status(503, "", { "retry-after": "0" }), status(200, "<html>"), problem(500, "internal"));
  tasks.next("fail", cut);
  tasks.offer("good");
  tasks.offer("bad");
  tasks.work(({ input }) => {
    if (input === "bad") {
      throw new TaskError("no");
    }
    return input;
  });
  await tasks.until(() => tasks.at("fail").length === 2);
  const bodies = tasks.at("complete").map(({ body }) => body);
  assert.equal(bodies.length, 5);
  assert.ok(bodies.every(({ output, leaseToken }) => output === "good" && leaseToken === "token-t1"));
});

test("an end is not sent again when the lease is over", async (t) => {
  const tasks = await Tasks.start(t);
  tasks.always("complete", cut);
  tasks.offer(1, { leaseSeconds: 0.4 });
  tasks.offer(2);
  const worker = tasks.work(({ input }) => (input === 2 ? Promise.reject(new TaskError("no")) : input));
  // The heartbeats of a lease extend it, and are refused, too.
  tasks.always("heartbeat", cut);
  await tasks.until(() => tasks.at("fail", "t2").length === 1);
  const count = tasks.at("complete").length;
  assert.ok(count >= 1);
  assert.match(worker.logged.join("\n"), /the lease of task t1 is lost: it ran out before the server could be reached/);
});

test("reports and ends that the server refuses", async (t) => {
  const tasks = await Tasks.start(t);
  const refuse = (response, { body }) =>
    (body.logs ?? []).some(({ message }) => message === "bad") || body.progress === -1
      ? problem(422, "invalid_value")(response)
      : json({ cancelled: false, leaseUntil: "" })(response);
  tasks.always("heartbeat", refuse);
  // Not by the server, but by something between.
  tasks.next("complete", status(413, "<html>"));
  tasks.next("fail", json({}), problem(422, "invalid_value"));
  tasks.offer("large");
  tasks.offer("bad error");
  tasks.offer("good");
  const worker = tasks.work((task) => {
    if (task.input === "bad error") {
      throw new TaskError("no", { details: "?" });
    }
    if (task.input === "good") {
      ["a", "b", "bad", "c", "d"].forEach((message) => task.log(message));
      task.progress(-1);
    }
    return task.input;
  });
  await tasks.until(() => tasks.at("complete", "t3").length === 1);
  const accepted = tasks.at("heartbeat").filter(({ body }) => body.progress === undefined && body.logs?.every(({ message }) => message !== "bad"));
  assert.deepEqual(accepted.flatMap(({ body }) => body.logs.map(({ message }) => message)), ["a", "b", "c", "d"]);
  assert.equal(worker.logged.filter((line) => line.includes("a report was refused and is dropped: invalid_value (422)")).length, 2);
  const [large, ...bad] = tasks.at("fail").map(({ body }) => body.error);
  assert.deepEqual([large.code, large.retryable], ["invalid_output", false]);
  assert.match(large.message, /^the output was refused: http_413 \(413\)/);
  assert.match(bad[1].message, /^the task failed, and its error was refused: invalid_value/);
});

test("artifacts", async (t) => {
  const tasks = await Tasks.start(t);
  const folder = await mkdtemp(join(tmpdir(), "sluicegate-sdk-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "page");
  await writeFile(path, "x".repeat(200_000));
  async function* bytes() {
    yield Buffer.from("stre");
    yield Buffer.from("am");
  }
  tasks.offer();
  tasks.next("artifacts", cut, status(503), undefined, undefined, undefined, undefined, undefined, undefined, status(503));
  const results = [];
  const worker = tasks.work(async (task) => {
    results.push(await task.artifact("report.json", '{"a":1}'));
    await task.artifact("a b/ü.bin", new Uint8Array([1, 2, 3]));
    await task.artifact("page.html", { path });
    await task.artifact("clip", new Blob(["blob"], { type: "video/mp4" }), { kind: "output" });
    await task.artifact("s.log", bytes());
    results.push(await task.screenshot(new Uint8Array([0xff, 0xd8, 0xff]), "The form"));
    await assert.rejects(task.artifact("t", bytes()), { statusCode: 503 }, "a stream can't be read again");
    await assert.rejects(task.artifact("u", { path: "/no/such/file" }), (error) => /no\/such\/file/.test(String(error.cause ?? error)));
    return "done";
  });
  await tasks.until(() => tasks.at("complete").length + tasks.at("fail").length === 1);
  assert.deepEqual(worker.logged, []);
  const puts = tasks.at("artifacts");
  const summary = puts.map(({ url, headers, body }) => [url.split("/artifacts/")[1], headers["content-type"], body.length]);
  const report = ["report.json", "application/json", 7];
  assert.deepEqual(summary, [
    report, report, report,
    ["a%20b%2F%C3%BC.bin", "application/octet-stream", 3],
    ["page.html", "text/html", 200_000],
    ["clip?kind=output", "video/mp4", 4],
    ["s.log", "text/plain; charset=utf-8", 6],
    ["screenshot-1-1.jpeg?kind=screenshot", "image/jpeg", 3],
    ["t", "application/octet-stream", 6],
  ]);
  assert.ok(puts.every(({ headers }) => headers["x-lease-token"] === "token-t1" && headers["x-api-key"] === undefined));
  assert.equal(results[0].id, "artifact-report.json");
  const [{ kind, title, artifactId }] = brought(tasks, "actions");
  assert.deepEqual([kind, title, artifactId], ["screenshot", "The form", results[1].id]);
});

test("what a worker is made with is checked", async () => {
  const client = new SluicegateClient({ baseUrl: "http://127.0.0.1:9", apiKey: "k", workspaceId: "w", podId: "p" });
  const make = (options) => () => new Worker(client, { queue: "q", handler() {}, ...options });
  assert.throws(make({ queue: undefined }), /give queue, or queues/);
  assert.throws(make({ queues: ["a"] }), /give queue, or queues/);
  assert.throws(make({ handler: undefined }), /handler must be a function/);
  assert.throws(make({ concurrency: 0 }), /concurrency must be from 1 to 10000, unlike 0/);
  assert.throws(make({ concurrency: 1.5 }), /concurrency must be a whole number/);
  assert.throws(make({ waitSeconds: 56 }), /waitSeconds must be from 1 to 55/);
  assert.throws(make({ stopGrace: Number.NaN }), /stopGrace must be at least 0/);
  const homeless = new SluicegateClient({ baseUrl: "http://127.0.0.1:9", apiKey: "k" });
  assert.throws(() => new Worker(homeless, { queue: "q", podId: "p", handler() {} }), /workspaceId is missing/);
  const { workerId } = new Worker(client, { queue: "q", handler() {} });
  assert.ok(workerId.includes(String(process.pid)) && workerId.length <= 128);
  assert.notEqual(new Worker(client, { queue: "q", handler() {} }).workerId, workerId);
});

test("reports of several kinds arrive in their order, as long as they are few", () => {
  const reports = new Reports();
  const add = (count) => {
    for (let n = 0; n < count; n += 1) {
      reports.add("logs", { message: `before ${n}` });
      reports.add("actions", { kind: "click", title: `${n}` });
      reports.delta("text", `after ${n}`);
    }
  };
  const taken = () => {
    const batches = [];
    while (!reports.isEmpty) {
      batches.push(reports.take().reports.map(({ kind }) => kind));
    }
    return batches;
  };
  add(2);
  const whole = ["actions", "deltas", "logs"];
  assert.deepEqual(taken(), [["logs"], whole, ["actions", "deltas"]]);
  add(100);
  assert.ok(taken().length < 25);
});
