// What is left once a stream was stopped: nothing. Each case is a process of its own, which ends by itself if that is true.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { Proxy, Server, ticking } from "./support/server.js";

const script = fileURLToPath(new URL("support/stopped.js", import.meta.url));

/** Runs a case of the script; gives what it printed. */
async function run(name, server, url, id) {
  const { apiKey, workspaceId, podId } = server;
  const options = JSON.stringify({ apiKey, workspaceId, podId, baseUrl: url });
  const child = spawn(process.execPath, [script, name, options, id], { stdio: ["ignore", "pipe", "inherit"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const chunks = await child.stdout.toArray();
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, "exit");
  }
  clearTimeout(timer);
  assert.equal(child.signalCode, null, `${name}: the process does not end by itself`);
  return { code: child.exitCode, ...JSON.parse(Buffer.concat(chunks).toString().trim().split("\n").at(-1)) };
}

test("nothing is left behind", { concurrency: 3 }, async (t) => {
  const server = await Server.start(t);
  const { id } = await server.client().trigger({ workflowId: await server.workflow(...ticking(2000, 50)) });
  const faults = {
    open: {},
    iterator: {},
    signal: {},
    wait: {},
    taker: {},
    waiting: { cutAfterBytes: 0 },
    connecting: { silentAfterBytes: 0 },
    polling: { bufferAll: true },
  };
  const tests = Object.entries(faults).map(([name, fault]) =>
    t.test(`stopped: ${name}`, async (t) => {
      const proxy = await Proxy.start(t, server.url);
      await proxy.fault(fault);
      const { code, resources, listeners, lateEvents } = await run(name, server, proxy.url, id);
      assert.deepEqual({ code, resources, listeners, lateEvents }, { code: 0, resources: [], listeners: 0, lateEvents: 0 });
      await proxy.closed();
    }),
  );
  await Promise.all(tests);
});

test("a mistake in a callback is an uncaught error, and the stream goes on", async (t) => {
  const server = await Server.start(t);
  const { id, log } = await server.finished(await server.workflow({ id: "pass", type: "transform", data: {} }));
  const { code, seen, uncaught } = await run("mistake", server, server.url, id);
  assert.deepEqual({ code, seen }, { code: 0, seen: log.length });
  assert.deepEqual(uncaught, log.map(({ seq }) => `mistake ${seq}`));
  const unheard = await run("unheard", server, server.url, "01900000-0000-7000-8000-000000000000");
  assert.deepEqual(unheard.uncaught, ["SluicegateApiError 404"]);
});
