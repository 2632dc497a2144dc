// Puts load on one or several instances of a server: `node capacity.mjs '{"urls": [...], "workspaceId": ..., "podId": ..., "apiKey": ...,
// "workload": "chain" or "approval", "callers": 64, "seconds": 3}'`. Callers are spread over the instances. All ends are seen on one
// stream of the pod at the first instance.
import { Connection, latency, quantile, rate } from "./peers/http.mjs";

const { urls, workspaceId, podId, apiKey, workload, callers, seconds } = JSON.parse(process.argv[2]);
const base = `/v1/workspaces/${workspaceId}/pods/${podId}`;
const open = (at) => Connection.open(urls[at % urls.length], { "x-api-key": apiKey });

const step = (id, from) => ({ id, type: "transform", data: { output: { order: "{{ input.order }}", amount: `{{ ${from}.amount + 1 }}` } } });
const nodes = {
  chain: [step("first", "input"), step("second", "first"), step("third", "second")],
  approval: [{ id: "gate", type: "approval-gate", data: { message: "Go on with {{ input.order }}?" } }, step("next", "input")],
}[workload];
const all = [{ id: "start", type: "start" }, ...nodes, { id: "end", type: "end" }];
const edges = all.slice(1).map((node, at) => ({
  id: `e${at}`,
  source: all[at].id,
  target: node.id,
  ...(all[at].type === "approval-gate" && { sourceHandle: "approved" }),
}));

const control = await open(0);
const saved = JSON.parse(await control.call("POST", `${base}/workflows`, JSON.stringify({ name: workload, definition: { nodes: all, edges } })));
const body = JSON.stringify({ workflowId: saved.id, input: { order: "A-1", amount: 250 } });

const awaited = new Map();
const seen = new Set();
const listener = await open(0);
await listener.follow(`${base}/events?types=execution_complete,execution_suspended&fields=full`, (frame) => {
  const at = frame.lastIndexOf('"executionId":"');
  if (at < 0) return;
  const key = frame.slice(at + 15, frame.indexOf('"', at + 15)) + (frame.includes('"execution_suspended"') ? "?" : "");
  const resolve = awaited.get(key);
  if (resolve) {
    awaited.delete(key);
    resolve();
  } else seen.add(key);
});
const until = (key) => (seen.delete(key) ? undefined : new Promise((resolve) => awaited.set(key, resolve)));

let taken = [];
async function run(connection) {
  const begun = performance.now();
  const reply = await connection.call("POST", `${base}/executions`, body);
  const id = reply.slice(7, reply.indexOf('"', 7));
  if (workload === "approval") {
    await until(`${id}?`);
    await connection.call("PATCH", `${base}/executions/${id}/approve`);
  }
  await until(id);
  taken.push(performance.now() - begun);
  return taken.at(-1);
}

const connections = await Promise.all(Array.from({ length: callers }, (_, at) => open(at)));
await rate(connections, 1, run);
// Whoever measures looks at the processes now, and again at the end.
console.log("begin");
taken = [];
const cpu = process.cpuUsage();
const perSecond = await rate(connections, seconds, run);
const used = process.cpuUsage(cpu);
console.log(
  JSON.stringify({
    per_second: perSecond,
    executions: taken.length,
    p50_ms: quantile(taken, 0.5),
    p95_ms: quantile(taken, 0.95),
    client_us: (used.user + used.system) / taken.length,
  }),
);
console.log(JSON.stringify(await latency(1, () => run(control))));
process.exit(0);
