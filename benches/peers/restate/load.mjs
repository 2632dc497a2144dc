// Puts the work on Restate's ingress: `node load.mjs '{"url": ..., "seconds": 3, "callers": 64, "workloads": [...]}'`.
import { setTimeout as sleep } from "node:timers/promises";

import { Connection, latency, rate, tell } from "../http.mjs";

const { url, seconds, callers, workloads } = JSON.parse(process.argv[2]);
const open = () => Connection.open(url);
const body = JSON.stringify({ order: "A-1", amount: 250 });
const control = await open();
const other = await open();
const connections = await Promise.all(Array.from({ length: callers }, open));
let next = 0;

/** From the sending of the promise's value to the reply of the workflow's caller, who has waited before. */
async function answer() {
  const key = `${process.pid}-${(next += 1)}`;
  const ended = other.call("POST", `/Gate/${key}/run`, body).then(() => performance.now());
  // Its handler waits for the promise well before this; nothing tells a caller of it.
  await sleep(25);
  const begun = performance.now();
  const [at] = await Promise.all([ended, control.call("POST", `/Gate/${key}/answer`)]);
  return at - begun;
}

for (const workload of workloads) {
  if (workload === "answer") {
    tell(workload, await latency(seconds, answer));
    continue;
  }
  const path = `/Bench/${workload}`;
  const run = (connection) => connection.call("POST", path, body);
  const timed = async () => {
    const begun = performance.now();
    await run(control);
    return performance.now() - begun;
  };
  await rate(connections, seconds / 3, run);
  const perSecond = await rate(connections, seconds, run);
  tell(workload, { per_second: perSecond, ...(await latency(seconds / 2, timed)) });
}
process.exit(0);
