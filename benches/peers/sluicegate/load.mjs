// Puts the work on Sluicegate: `node load.mjs '{"url": ..., "workspaceId": ..., "podId": ..., "apiKey": ..., "seconds": 3, "callers": 64}'`.
// A worker (worker.mjs) has to run for the workloads with tasks.
import { Connection, latency, rate, tell } from "../http.mjs";

const { url, workspaceId, podId, apiKey, seconds, callers, workloads } = JSON.parse(process.argv[2]);
const base = `/v1/workspaces/${workspaceId}/pods/${podId}`;
const open = () => Connection.open(url, { "x-api-key": apiKey });
const input = { order: "A-1", amount: 250 };

/** start, the nodes in a row, end. */
function inARow(nodes) {
  const all = [{ id: "start", type: "start" }, ...nodes, { id: "end", type: "end" }];
  const edges = all.slice(1).map((node, at) => {
    const source = all[at];
    return { id: `e${at}`, source: source.id, target: node.id, ...(source.type === "approval-gate" && { sourceHandle: "approved" }) };
  });
  return { nodes: all, edges };
}

const step = (id, from) => ({ id, type: "transform", data: { output: { order: "{{ input.order }}", amount: `{{ ${from}.amount + 1 }}` } } });
const task = (id) => ({ id, type: "task", data: { queue: "bench", input: { amount: "{{ input.amount }}" } } });
const definitions = {
  chain: inARow(["a", "b", "c", "d", "e"].map((id, at) => step(id, at === 0 ? "input" : "abcde"[at - 1]))),
  answer: inARow([{ id: "gate", type: "approval-gate", data: { message: "Go on with {{ input.order }}?" } }, step("next", "input")]),
  work: inARow([task("work")]),
  work5: inARow(["a", "b", "c", "d", "e"].map(task)),
};

const control = await open();
const bodies = {};
for (const [name, definition] of Object.entries(definitions)) {
  const saved = JSON.parse(await control.call("POST", `${base}/workflows`, JSON.stringify({ name, definition })));
  bodies[name] = JSON.stringify({ workflowId: saved.id, input });
}

// The ends of all executions, from one stream of the pod.
const awaited = new Map();
const seen = new Set();
await (await open()).follow(`${base}/events?types=execution_complete&fields=full`, (frame) => {
  const at = frame.lastIndexOf('"executionId":"');
  if (at < 0) return;
  const id = frame.slice(at + 15, frame.indexOf('"', at + 15));
  const resolve = awaited.get(id);
  if (resolve) {
    awaited.delete(id);
    resolve();
  } else seen.add(id);
});
const end = (id) => (seen.delete(id) ? undefined : new Promise((resolve) => awaited.set(id, resolve)));
const trigger = async (connection, body) => {
  const reply = await connection.call("POST", `${base}/executions`, body);
  return reply.slice(7, reply.indexOf('"', 7));
};
const run = async (connection, body) => {
  await end(await trigger(connection, body));
};
{
  const reply = await control.call("POST", `${base}/executions`, bodies.chain);
  if (!reply.startsWith('{"id":"')) throw new Error(`the id is not in front: ${reply}`);
}

const connections = await Promise.all(Array.from({ length: callers }, open));
const timed = async (body) => {
  const begun = performance.now();
  await run(control, body);
  return performance.now() - begun;
};

/** From the sending of an approval to the next node's completed event, on a stream that was open before. */
async function answer() {
  const id = await trigger(control, bodies.answer);
  const stream = await open();
  let suspended;
  const waits = new Promise((resolve) => (suspended = resolve));
  let completed;
  const goes = new Promise((resolve) => (completed = resolve));
  await stream.follow(`${base}/executions/${id}/events`, (frame) => {
    if (frame.includes('"execution_suspended"')) suspended();
    else if (frame.includes('"nodeId":"next"') && frame.includes('"completed"')) completed(performance.now());
  });
  await waits;
  const begun = performance.now();
  const [at] = await Promise.all([goes, control.call("PATCH", `${base}/executions/${id}/approve`)]);
  stream.close();
  return at - begun;
}

for (const workload of workloads) {
  if (workload === "answer") {
    tell(workload, await latency(seconds, answer));
    continue;
  }
  const body = bodies[workload];
  await rate(connections, seconds / 3, (connection) => run(connection, body));
  const perSecond = await rate(connections, seconds, (connection) => run(connection, body));
  tell(workload, { per_second: perSecond, ...(await latency(seconds / 2, () => timed(body))) });
}
process.exit(0);
