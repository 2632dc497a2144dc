// Every call, against the real server.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test from "node:test";
import { SluicegateApiError, SluicegateClient, SluicegateExecutionError, SluicegateTimeoutError } from "@sluicegate/sdk";
import { row, Server } from "./support/server.js";

const gate = { id: "ask", type: "approval-gate", data: { message: "Go on?" } };
const echo = { id: "echo", type: "transform", data: { transformScript: "input.n * 2" } };
const failing = { id: "fail", type: "transform", data: { transformScript: "1 / 0" } };
const [w, p] = [undefined, undefined];

async function start(t, flags) {
  const server = await Server.start(t, flags);
  return { server, client: server.client() };
}

async function collect(list) {
  const items = [];
  for await (const item of list) {
    items.push(item);
  }
  return items;
}

test("trigger, wait, read, list, replay, retry, compare", async (t) => {
  const { server, client } = await start(t);
  const workflowId = await server.workflow(echo);
  const queued = await client.trigger({ workflowId, input: { n: 2 }, subject: "two", workspaceId: server.workspaceId, podId: server.podId });
  assert.equal(queued.triggeredBy, "sdk");
  const done = await client.waitForCompletion(w, p, queued.id);
  assert.deepEqual([done.status, done.output, done.input], ["completed", 4, { n: 2 }]);
  const { output } = await client.run({ workflowId, input: { n: 21 } });
  assert.equal(output, 42);

  const slim = await client.getExecution(w, p, done.id, { include: ["input"] });
  assert.deepEqual([slim.input, slim.nodes], [{ n: 2 }, undefined]);

  const replay = await client.replay(w, p, done.id, { fromNodeId: "echo" });
  assert.equal(replay.replayOf, done.id);
  assert.equal((await client.waitForCompletion(w, p, replay.id)).output, 4);
  const plan = await client.replay(w, p, done.id, { dryRun: true });
  assert.deepEqual(plan.nodes.map(({ nodeId }) => nodeId), ["begin", "echo", "finish"]);
  const retry = await client.retry(w, p, done.id);
  await client.waitForCompletion(w, p, retry.id);
  const comparison = await client.compare(w, p, done.id, replay.id);
  assert.ok(comparison.nodes.length > 0);
  const logs = await collect(client.listLogs(w, p, done.id, { nodeId: "echo", limit: 1 }));
  assert.ok(logs.length > 1 && logs.every(({ nodeId }) => nodeId === "echo"));

  for (let n = 0; n < 6; n += 1) {
    await client.trigger({ workflowId, input: { n } });
  }
  const all = await collect(client.listExecutions(w, p, { limit: 3 }));
  assert.equal(all.length, 10);
  assert.equal(new Set(all.map(({ id }) => id)).size, 10);
  const page = await client.listExecutions(w, p, { subject: "two", limit: 1 });
  assert.deepEqual([page.items[0].id, page.items.length], [retry.id, 1]);
  assert.notEqual(page.cursor, undefined);
});

test("an execution that does not complete is an error that carries it", async (t) => {
  const { server, client } = await start(t);
  const bad = await server.workflow(failing);
  const error = await client.run({ workflowId: bad }).catch((error) => error);
  assert.ok(error instanceof SluicegateExecutionError);
  assert.equal(error.execution.status, "failed");
  assert.equal(error.execution.error.nodeId, "fail");
  assert.match(error.message, /is failed: /);

  const { id } = await client.trigger({ workflowId: await server.workflow(gate) });
  await assert.rejects(client.waitForCompletion(w, p, id, { timeout: 300 }), SluicegateTimeoutError);
  const ended = client.waitForCompletion(w, p, id);
  await client.cancel(w, p, id, { wait: 5 });
  await assert.rejects(ended, (error) => error instanceof SluicegateExecutionError && error.execution.status === "cancelled");
  await assert.rejects(client.cancel(w, p, id), (error) => error instanceof SluicegateApiError && error.statusCode === 409);
});

test("a reply that is lost costs no second execution", async (t) => {
  const { server } = await start(t);
  let lost = 0;
  const losing = async (url, init) => {
    const response = await fetch(url, init);
    if (init.method === "POST" && lost++ === 0) {
      await response.arrayBuffer();
      throw new TypeError("the connection broke");
    }
    return response;
  };
  const client = server.client(server.url, { fetch: losing });
  const workflowId = await server.workflow(echo);
  const { id } = await client.trigger({ workflowId, input: { n: 1 } });
  assert.equal(lost, 2);
  assert.deepEqual((await collect(client.listExecutions())).map((execution) => execution.id), [id]);
});

test("approve, reject, respond", async (t) => {
  const { server, client } = await start(t);
  const workflowId = await server.workflow(gate);
  const suspended = async () => {
    const { id } = await client.trigger({ workflowId });
    for await (const event of client.events(w, p, id)) {
      if (event.type === "execution_suspended") {
        return id;
      }
    }
  };
  const approved = await suspended();
  await client.approve(w, p, approved, { comment: "fine" });
  assert.equal((await client.waitForCompletion(w, p, approved)).suspensions[0].decision.comment, "fine");
  const rejected = await suspended();
  await client.reject(w, p, rejected, { reason: "no" });
  await assert.rejects(client.waitForCompletion(w, p, rejected), { name: "SluicegateExecutionError" });
  const answered = await suspended();
  await client.respond(w, p, answered, { action: "approved" });
  await client.waitForCompletion(w, p, answered);

  const open = await suspended();
  const [suspension, ...others] = await collect(client.suspensions.list(w, { state: "open", mine: true }));
  assert.deepEqual([suspension.executionId, others], [open, []]);
  assert.equal((await client.suspensions.get(w, suspension.id)).state, "open");
  assert.ok((await client.suspensions.claim(w, suspension.id)).claim);
  assert.ok(!(await client.suspensions.release(w, suspension.id)).claim);
  await client.suspensions.reassign(w, suspension.id, { roles: ["editor"] });
  const inbox = client.suspensions.events(w, { types: ["suspension_update"] });
  const next = inbox.next();
  let { status } = await client.suspensions.answer(w, suspension.id, { approved: true });
  assert.ok(["running", "completed"].includes(status));
  const closed = await Promise.race([next, new Promise((done) => setTimeout(done, 300))]);
  await inbox.return();
  // The stream has begun before the answer or after it.
  assert.ok(closed === undefined || closed.value.suspensionId === suspension.id);
});

test("workflows", async (t) => {
  const { client } = await start(t);
  const problems = await client.workflows.validate(w, p, row({ id: "x", type: "unknown" }));
  assert.ok(problems.length > 0);
  assert.deepEqual(await client.workflows.validate(w, p, row(echo)), []);
  const error = await client.workflows.create(w, p, { name: "bad", definition: row({ id: "x", type: "unknown" }) }).catch((error) => error);
  assert.equal(error.statusCode, 422);
  assert.ok(error.details.length > 0 && error.requestId);

  const created = await client.workflows.create(w, p, { name: "one", definition: row(echo) });
  const changed = await client.workflows.update(w, p, created.id, { definition: row(echo, gate) });
  assert.equal(changed.latestVersion ?? changed.version, 2);
  assert.deepEqual((await collect(client.workflows.listVersions(w, p, created.id))).map(({ version }) => version), [2, 1]);
  assert.equal((await client.workflows.getVersion(w, p, created.id, 1)).definition.nodes.length, 3);
  await client.workflows.restoreVersion(w, p, created.id, 1);
  assert.equal((await client.workflows.deploy(w, p, created.id)).state, "deployed");
  assert.equal((await client.workflows.undeploy(w, p, created.id)).state, "draft");
  assert.equal((await client.workflows.star(w, p, created.id)).starred, true);
  assert.deepEqual((await collect(client.workflows.list(w, p, { starred: true }))).map(({ id }) => id), [created.id]);
  const copy = await client.workflows.duplicate(w, p, created.id, { name: "two" });
  assert.equal(copy.name, "two");
  assert.equal((await client.workflows.trash(w, p, copy.id)).state, "trashed");
  assert.equal((await client.workflows.restore(w, p, copy.id)).state, "draft");
  await client.workflows.trash(w, p, copy.id);
  await client.workflows.delete(w, p, copy.id);
  await assert.rejects(client.workflows.get(w, p, copy.id), { statusCode: 404, code: "not_found" });
});

test("schedules", async (t) => {
  const { server, client } = await start(t);
  const workflowId = await server.workflow({ id: "pass", type: "transform", data: {} });
  await client.workflows.deploy(w, p, workflowId);
  const created = await client.schedules.create(w, p, { workflowId, name: "nightly", cronExpression: "0 3 * * *", timezone: "Europe/Berlin" });
  assert.equal((await client.schedules.preview(w, p, created.id, 4)).length, 4);
  assert.equal((await client.schedules.update(w, p, created.id, { name: "daily" })).name, "daily");
  assert.equal((await client.schedules.toggle(w, p, created.id, false)).enabled, false);
  const execution = await client.schedules.run(w, p, created.id);
  await client.waitForCompletion(w, p, execution.id);
  assert.ok(Array.isArray(await collect(client.schedules.listSlots(w, p, created.id))));
  assert.deepEqual((await collect(client.schedules.list())).map(({ id }) => id), [created.id]);
  await client.schedules.delete(w, p, created.id);
  await assert.rejects(client.schedules.get(w, p, created.id), { statusCode: 404 });
});

test("webhooks", async (t) => {
  const { server, client } = await start(t);
  const workflowId = await server.workflow({ id: "pass", type: "transform", data: {} });
  await client.workflows.deploy(w, p, workflowId);
  const created = await client.webhooks.create(w, p, { workflowId, name: "orders", verification: "github" });
  assert.ok(created.secret);
  assert.equal((await client.webhooks.update(w, p, created.id, { name: "sales" })).name, "sales");
  const { secret } = await client.webhooks.rotateSecret(w, p, created.id);
  const body = '{"n":1}';
  const signature = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  const response = await fetch(`${server.url}/v1/webhooks/${created.id}/trigger`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", "x-hub-signature-256": signature },
  });
  assert.ok(response.ok, await response.text());
  const [delivery] = await collect(client.webhooks.listDeliveries(w, p, created.id));
  assert.equal((await client.webhooks.getDelivery(w, p, created.id, delivery.id)).id, delivery.id);
  const again = await client.webhooks.redeliver(w, p, created.id, delivery.id);
  await client.waitForCompletion(w, p, again.id);
  assert.deepEqual((await collect(client.webhooks.list())).map(({ id }) => id), [created.id]);
  await client.webhooks.delete(w, p, created.id);
  await assert.rejects(client.webhooks.get(w, p, created.id), { statusCode: 404 });
});

test("events and bulk jobs", async (t) => {
  const { server, client } = await start(t);
  const definition = { ...row({ id: "pass", type: "transform", data: {} }), settings: { subscriptions: [{ type: "order.created" }] } };
  const { id: workflowId } = await client.workflows.create(w, p, { name: "subscribed", definition });
  await client.workflows.deploy(w, p, workflowId);
  const published = await client.publishEvent(w, p, { type: "order.created", data: { n: 1 } });
  assert.equal(published.executions.length, 1);
  const original = published.executions[0].executionId;
  await client.waitForCompletion(w, p, original);

  const settled = async (job) => {
    for (let tries = 0; job.state === "running" && tries < 100; tries += 1) {
      await new Promise((done) => setTimeout(done, 50));
      job = await client.bulkJobs.get(w, p, job.id);
    }
    return job;
  };
  const replays = await settled(await client.bulkJobs.replay(w, p, { ids: [original] }));
  assert.deepEqual([replays.state, replays.counts.done], ["finished", 1]);
  const [item] = await collect(client.bulkJobs.listItems(w, p, replays.id));
  await client.waitForCompletion(w, p, item.newExecutionId);
  await settled(await client.bulkJobs.retry(w, p, { ids: [original] }));
  const waiting = await client.trigger({ workflowId: await server.workflow(gate) });
  await settled(await client.bulkJobs.cancel(w, p, { ids: [waiting.id] }));
  assert.equal((await client.getExecution(w, p, waiting.id)).status, "cancelled");
  assert.equal((await collect(client.bulkJobs.list())).length, 3);
  await assert.rejects(client.bulkJobs.stop(w, p, replays.id), { statusCode: 409 });
});

test("stream tokens, and what has no method", async (t) => {
  const { server, client } = await start(t);
  const { token, expiresAt } = await client.createStreamToken(w, `/v1/workspaces/${server.workspaceId}/suspensions/events`);
  assert.ok(token && Date.parse(expiresAt) > Date.now());
  assert.ok((await client.request("GET", "/node-types")).some(({ type }) => type === "loop"));
});

test("a page of the server calls with the browser's session, and lists what has no method", async (t) => {
  const { server, client } = await start(t);
  const sent = [];
  const fetch = async (url, init) => {
    sent.push(init.headers);
    return await globalThis.fetch(url, { ...init, headers: { ...init.headers, "x-api-key": server.apiKey } });
  };
  const page = new SluicegateClient({ baseUrl: server.url, session: true, fetch });
  const pods = await collect(page.list(`/workspaces/${server.workspaceId}/pods`, { limit: 1 }));
  assert.ok(pods.some(({ id }) => id === server.podId));
  assert.ok(sent.length > 0 && sent.every((headers) => !("x-api-key" in headers) && !("authorization" in headers)));
  assert.throws(() => new SluicegateClient({ baseUrl: server.url, session: true, apiKey: "slg_x" }), /give one of/);
  assert.throws(() => new SluicegateClient({ baseUrl: server.url }), /give one of/);
  const refused = await client.request("GET", "/nothing").catch((error) => error);
  assert.equal(refused.message, `${refused.code} (404): ${refused.detail}`);
});
