// How a worker asks for tasks, how many it takes, and how it stops: at a server that answers as a test wants.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { SluicegateApiError, SluicegateClient } from "@sluicegate/sdk";
import { TaskOverError, Worker } from "@sluicegate/sdk/worker";
import { cut, gate, json, lost, problem, status, Tasks } from "./support/tasks.js";

test("as many tasks as there are places, by one poll at a time", async (t) => {
  const tasks = await Tasks.start(t);
  for (let n = 0; n < 40; n += 1) {
    tasks.offer(n);
  }
  let running = 0;
  let most = 0;
  const seen = [];
  tasks.work(
    async ({ input }) => {
      running += 1;
      most = Math.max(most, running);
      // Each waits for the world to turn, some of them longer.
      for (let n = 0; n < (input % 7) + 1; n += 1) {
        await new Promise((done) => setImmediate(done));
      }
      seen.push(input);
      running -= 1;
    },
    { concurrency: 4 },
  );
  await tasks.until(() => tasks.at("complete").length === 40);
  assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: 40 }, (_, n) => n));
  assert.ok(most <= 4 && most > 1, `${most} at a time`);
  assert.equal(tasks.mostPolls, 1);
  assert.ok(tasks.at("lease").every(({ body }) => body.max >= 1 && body.max <= 4));
  assert.equal(tasks.at("lease")[0].body.max, 4);
});

test("a worker without a free place does not ask", async (t) => {
  const tasks = await Tasks.start(t);
  const done = gate();
  tasks.offer(1, { leaseSeconds: 0.3 });
  tasks.offer(2);
  tasks.work(() => done.passed);
  await tasks.until(() => tasks.at("heartbeat").length === 3);
  assert.equal(tasks.at("lease").length, 1);
  done.open();
  await tasks.until(() => tasks.at("complete").length === 2);
});

test("what passes is waited for, with growing pauses", async (t) => {
  const tasks = await Tasks.start(t);
  const empty = json({ tasks: [] });
  const answers = [cut, status(502, "<html>"), status(200, "<html>"), problem(429, "slow_down"), empty, empty];
  tasks.next("lease", ...answers);
  tasks.offer(1);
  const worker = tasks.work(() => {});
  await tasks.until(() => tasks.at("complete").length === 1);
  assert.equal(tasks.at("lease").findIndex(({ body }) => body.max !== 1), -1);
  assert.match(worker.logged[0], /gets no tasks: leasing tasks got no answer; trying again/);
  assert.match(worker.logged.at(-1), /reaches the server again/);
});

test("a server that refuses at once, or waits for nothing, is not asked all the time", async (t) => {
  for (const answer of [cut, status(503), json({ tasks: [] })]) {
    const tasks = await Tasks.start(t);
    tasks.always("lease", answer);
    const worker = tasks.work(() => {});
    await new Promise((done) => setTimeout(done, 1000));
    await worker.stop();
    const count = tasks.at("lease").length;
    assert.ok(count >= 1 && count <= 11, `${count} polls in a second: the shortest pause is a tenth of one`);
  }
});

test("Retry-After is followed", async (t) => {
  const tasks = await Tasks.start(t);
  const times = [];
  tasks.next("lease", (response) => {
    times.push(performance.now());
    status(429, "", { "retry-after": "1" })(response);
  });
  tasks.offer();
  tasks.work(() => {});
  await tasks.until(() => tasks.at("complete").length === 1);
  assert.ok(performance.now() - times[0] >= 990);
});

test("a refusal for good ends the run, once its tasks have ended", async (t) => {
  for (const [code, name] of [[401, "unauthorized"], [403, "forbidden"], [404, "not_found"], [422, "invalid_value"]]) {
    const tasks = await Tasks.start(t);
    const done = gate();
    tasks.offer("runs");
    tasks.next("lease", undefined, problem(code, name));
    const worker = tasks.work(() => done.passed, { concurrency: 2 });
    await tasks.until(() => tasks.at("lease").length === 2);
    done.open("output");
    await assert.rejects(worker.ended, (error) => error instanceof SluicegateApiError && error.statusCode === code && error.code === name);
    assert.equal(tasks.at("complete")[0].body.output, "output");
    assert.equal(tasks.at("lease").length, 2);
    assert.match(worker.logged.join("\n"), new RegExp(`gets no more tasks: ${name} \\(${code}\\)`));
  }
});

test("a stop ends the open poll, and leases nothing more", async (t) => {
  const tasks = await Tasks.start(t);
  const worker = tasks.work(() => {});
  await tasks.until(() => tasks.polls === 1);
  await worker.stop();
  await worker.ended;
  await tasks.until(() => tasks.polls === 0);
  assert.deepEqual(tasks.calls.map(({ door }) => door), ["lease"]);
  await worker.stop();
});

test("tasks that arrive while the worker stops are given back", async (t) => {
  const tasks = await Tasks.start(t);
  let response;
  tasks.next("lease", (lease) => {
    response = lease;
    // An answer that is on its way: some of it has arrived.
    lease.writeHead(200, { "content-type": "application/json" });
    lease.write(" ".repeat(100));
  });
  const ids = { taskId: "late", leaseToken: "token-late", fence: 1, executionId: "e", workflowId: "f", nodeId: "n", queue: "q" };
  let calls = 0;
  // The worker's own request: it knows that the answer has begun once its headers are here.
  let begun = gate();
  const fetching = async (...args) => {
    const answer = await fetch(...args);
    begun.open();
    return answer;
  };
  tasks.client = new SluicegateClient({ baseUrl: tasks.url, apiKey: "k", workspaceId: "w", podId: "p", fetch: fetching });
  const worker = tasks.work(() => {
    calls += 1;
  });
  await begun.passed;
  await new Promise((done) => setImmediate(done));
  const stopped = worker.stop();
  response.end(JSON.stringify({ tasks: [{ ...ids, attempt: 1, input: 1, context: {}, leaseSeconds: 30 }] }));
  await stopped;
  assert.equal(calls, 0);
  const [{ taskId, body }] = tasks.at("release");
  assert.deepEqual([taskId, body], ["late", { leaseToken: "token-late" }]);
});

test("a stop with grace: what ends in time is completed, the others are given back", async (t) => {
  const tasks = await Tasks.start(t);
  const soon = gate();
  const reasons = [];
  for (const name of ["soon", "never", "never"]) {
    tasks.offer(name, { leaseSeconds: 0.6 });
  }
  const worker = tasks.work(
    async (task) => {
      if (task.input === "soon") {
        return await soon.passed;
      }
      await new Promise((done) => task.signal.addEventListener("abort", done));
      reasons.push(task.signal.reason);
      return "too late";
    },
    { concurrency: 3 },
  );
  await tasks.until(() => tasks.at("heartbeat").length >= 3);
  const stopped = worker.stop({ grace: 60_000 });
  await tasks.until(() => tasks.at("heartbeat").length >= 9);
  assert.equal(tasks.at("release").length, 0, "they have time");
  soon.open("in time");
  await tasks.until(() => tasks.at("complete").length === 1);
  await worker.stop({ grace: 0 });
  await stopped;
  assert.deepEqual(tasks.at("complete").map(({ body }) => body.output), ["in time"]);
  assert.deepEqual(tasks.at("release").map(({ taskId }) => taskId).sort(), ["t2", "t3"]);
  assert.ok(reasons.length === 2 && reasons.every((reason) => reason instanceof TaskOverError && reason.reason === "released"));
});

test("a release that meets a fault is repeated; one that can't be said is given up", async (t) => {
  const tasks = await Tasks.start(t);
  tasks.next("release", cut, status(503));
  tasks.offer(1);
  const worker = tasks.work((task) => {
    task.log("works");
    return new Promise((done) => task.signal.addEventListener("abort", done));
  });
  await tasks.until(() => tasks.at("heartbeat").length === 1);
  await worker.stop({ grace: 0 });
  assert.equal(tasks.at("release").length, 3);

  tasks.always("release", cut);
  tasks.offer(2);
  const begun = gate();
  const other = tasks.work(async ({ signal }) => {
    begun.open();
    await new Promise((done) => signal.addEventListener("abort", done));
    assert.equal(signal.reason.reason, "lease_lost");
  });
  await begun.passed;
  await other.stop({ grace: 0 });
  assert.match(other.logged.join("\n"), /the worker has stopped before the server could be reached/);
});

test("a handler that does not mind its signal loses its place, but no more handlers run than twice the places", async (t) => {
  const tasks = await Tasks.start(t);
  const done = gate();
  let running = 0;
  let most = 0;
  tasks.always("heartbeat", lost);
  for (let n = 0; n < 5; n += 1) {
    tasks.offer("deaf", { leaseSeconds: 0.1 });
  }
  const worker = tasks.work(
    async ({ input }) => {
      if (input === "good") {
        return;
      }
      running += 1;
      most = Math.max(most, running);
      await done.passed;
      running -= 1;
    },
    { concurrency: 2, cancelGrace: 20 },
  );
  await tasks.until(() => worker.logged.some((line) => line.includes("does not end, and keeps its place")));
  await new Promise((done) => setTimeout(done, 300));
  assert.equal(running, 4);
  done.open();
  tasks.offer("good");
  await tasks.until(() => tasks.at("complete").length === 1);
  assert.equal(most, 4);
  await worker.stop();
});

test("a worker that is stopped can run again, but not twice at a time", async (t) => {
  const tasks = await Tasks.start(t);
  const worker = new Worker(tasks.client, { queues: ["a", "b"], handler: ({ input }) => input });
  await worker.stop();
  for (const input of [1, 2]) {
    const ended = worker.run();
    await assert.rejects(worker.run(), /runs already/);
    tasks.offer(input);
    await tasks.until(() => tasks.at("complete").length === input);
    await worker.stop();
    await ended;
  }
  assert.deepEqual(tasks.at("lease")[0].body.queues, ["a", "b"]);
});

const script = fileURLToPath(new URL("support/worker.js", import.meta.url));

/** A worker in a process of its own, that stops on SIGTERM. */
async function processOf(t, tasks) {
  const child = spawn(process.execPath, [script, tasks.url], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const lines = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const ended = once(child, "close").then(([code]) => ({ code, lines }));
  return { child, ended };
}

test("SIGTERM: what runs may end, and the process ends by itself", async (t) => {
  const tasks = await Tasks.start(t);
  tasks.offer("until told", { leaseSeconds: 0.5 });
  const { child, ended } = await processOf(t, tasks);
  await tasks.until(() => tasks.at("heartbeat").some(({ body }) => body.message === "works"));
  await tasks.until(() => tasks.polls === 1);
  child.kill("SIGTERM");
  await tasks.until(() => tasks.polls === 0);
  const asked = tasks.at("lease").length;
  const { code, lines } = await ended;
  assert.deepEqual([code, lines], [0, ["stopped", "timers: 0"]]);
  assert.equal(tasks.at("complete").length, 1);
  assert.equal(tasks.at("lease").length, asked);
});

test("SIGTERM twice: what runs is given back at once", async (t) => {
  const tasks = await Tasks.start(t);
  tasks.offer("until aborted", { leaseSeconds: 0.5 });
  const { child, ended } = await processOf(t, tasks);
  await tasks.until(() => tasks.at("heartbeat").some(({ body }) => body.message === "works"));
  await tasks.until(() => tasks.polls === 1);
  child.kill("SIGTERM");
  await tasks.until(() => tasks.polls === 0);
  child.kill("SIGTERM");
  const { code, lines } = await ended;
  assert.deepEqual([code, lines], [0, ["aborted: released", "stopped", "timers: 0"]]);
  assert.deepEqual(tasks.at("release").map(({ taskId }) => taskId), ["t1"]);
});
