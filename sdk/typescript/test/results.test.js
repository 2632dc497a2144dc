// Results that go together: at a server that answers as a test wants.
import assert from "node:assert/strict";
import test from "node:test";
import { cut, gate, json, lost, problem, Tasks } from "./support/tasks.js";

const recorded = { executionId: "e", status: "running" };

/** A worker with `count` tasks, of whose results two are under way until `go.open()` and the others wait. */
async function busy(t, count, handler = ({ input }) => input) {
  const tasks = await Tasks.start(t);
  const go = gate();
  const late = (response) => void go.passed.then(() => json(recorded)(response));
  for (const door of ["complete", "fail"]) {
    tasks.next(door, late, late);
  }
  for (let n = 0; n < count; n += 1) {
    tasks.offer(n);
  }
  const ended = gate();
  let left = count;
  const worker = tasks.work(
    async (task) => {
      try {
        return await handler(task);
      } finally {
        left -= 1;
        if (left === 0) {
          ended.open();
        }
      }
    },
    { concurrency: count },
  );
  await ended.passed;
  await tasks.until(() => tasks.at("complete").length + tasks.at("fail").length === 2);
  // What has ended by now waits after the turns that its promises take.
  await new Promise((done) => setTimeout(done, 20));
  return { tasks, worker, open: go.open };
}

/** Answers each result of a request by its task. */
const each = (answer) => (response, { body }) => json({ results: body.results.map(({ leaseToken }) => answer(leaseToken.slice(6))) })(response);

test("results that come while others are under way go together", async (t) => {
  const { tasks, worker, open } = await busy(t, 9, ({ input }) => {
    if (input === 5) {
      throw new Error("no");
    }
    return { n: input };
  });
  tasks.next("results", each((taskId) => ({ taskId, ...recorded })));
  assert.equal(tasks.at("results").length, 0);
  open();
  await tasks.until(() => tasks.at("results").length === 1);
  const [{ body, headers }] = tasks.at("results");
  assert.equal(headers["x-api-key"], "slg_test");
  const expected = [2, 3, 4, 6, 7, 8].map((n) => ({ leaseToken: `token-t${n + 1}`, output: { n } }));
  const [failed] = body.results.filter(({ error }) => error !== undefined);
  assert.deepEqual(body.results.filter((result) => result !== failed), expected);
  assert.deepEqual([failed.leaseToken, failed.error.message], ["token-t6", "no"]);
  // They are over, and one that comes alone goes alone.
  tasks.offer("alone");
  await tasks.until(() => tasks.at("complete").length === 3);
  assert.equal(tasks.at("complete")[2].taskId, "t10");
  await worker.stop();
  assert.equal(tasks.at("results").length, 1);
  assert.equal(tasks.at("release").length, 0);
});

test("each of them is told what became of it", async (t) => {
  const { tasks, worker, open } = await busy(t, 6);
  const answers = {
    t3: { taskId: "t3", ...recorded },
    t4: { problem: { status: 409, code: "lease_lost", detail: "it is over" } },
    t5: { problem: { status: 422, code: "invalid_value", detail: "too deep" } },
    t6: { problem: { status: 503, code: "unavailable", detail: "not now" } },
  };
  tasks.next("results", each((taskId) => answers[taskId]));
  open();
  // What was refused is told as a failure, what may pass is tried again.
  await tasks.until(() => tasks.at("fail", "t5").length === 1 && tasks.at("complete", "t6").length === 1);
  assert.equal(tasks.at("fail", "t5")[0].body.error.code, "invalid_output");
  await worker.stop();
  assert.deepEqual([tasks.at("complete", "t3"), tasks.at("complete", "t4")], [[], []]);
  assert.ok(worker.logged.some((line) => line.includes("the lease of task t4 is lost")), worker.logged.join("\n"));
  assert.equal(tasks.at("release").length, 0);
});

test("a server that does not take them gets each alone, from then on", async (t) => {
  for (const answer of [problem(404, "unknown_path"), problem(403, "role_too_low")]) {
    const { tasks, worker, open } = await busy(t, 5);
    tasks.next("results", answer);
    open();
    await tasks.until(() => tasks.at("complete").length === 5);
    for (let n = 0; n < 5; n += 1) {
      tasks.offer(n);
    }
    await tasks.until(() => tasks.at("complete").length === 10);
    await worker.stop();
    assert.equal(tasks.at("results").length, 1);
  }
});

test("what gets no answer is sent again", async (t) => {
  for (const answer of [cut, problem(503, "unavailable"), json({ results: [] }), json("?")]) {
    const { tasks, worker, open } = await busy(t, 4);
    tasks.next("results", answer);
    tasks.always("results", each((taskId) => ({ taskId, ...recorded })));
    open();
    const sent = () => new Set([...tasks.at("complete").map(({ taskId }) => taskId), ...tasks.at("results").slice(1).flatMap(({ body }) => body.results.map(({ leaseToken }) => leaseToken.slice(6)))]);
    await tasks.until(() => sent().size === 4);
    await worker.stop();
    assert.equal(tasks.at("release").length, 0);
  }
});

test("a worker that stops without grace waits for no result", async (t) => {
  const { tasks, worker } = await busy(t, 4);
  const begun = performance.now();
  await worker.stop({ grace: 0 });
  assert.ok(performance.now() - begun < 15_000);
  assert.equal(tasks.at("results").length, 0);
});

test("a lease that ends while its result waits is over", async (t) => {
  const { tasks, worker, open } = await busy(t, 3);
  tasks.next("results", each(() => ({ problem: { status: 409, code: "lease_lost", detail: "it is over" } })));
  tasks.always("complete", lost);
  open();
  await tasks.until(() => worker.logged.some((line) => line.includes("is lost")));
});
