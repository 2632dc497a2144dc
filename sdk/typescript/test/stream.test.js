// What a stream guarantees whatever happens to its connections: the events that are delivered are the stored log.
import assert from "node:assert/strict";
import test from "node:test";
import { busy, follow, Proxy, Server, suffering, ticking } from "./support/server.js";

/** Runs `work` for each item, `width` at a time. */
async function parallel(width, items, work) {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of rest) {
        await work(item);
      }
    }),
  );
}

async function rawStream(server, id) {
  const path = `/v1/workspaces/${server.workspaceId}/pods/${server.podId}/executions/${id}/events`;
  const headers = { "x-api-key": server.apiKey, accept: "text/event-stream" };
  return Buffer.from(await (await fetch(server.url + path, { headers })).arrayBuffer());
}

test("a connection that is cut at any byte costs nothing", async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, server.url);
  const workflow = await server.workflow({ id: "greet", type: "transform", data: { output: { text: "grüß dich, 水閘 🌊" } } });
  const { id, log } = await server.finished(workflow);
  const { length } = await rawStream(server, id);
  assert.ok(length > 800, `the stream has ${length} bytes`);

  const offsets = Array.from({ length: length + 1 }, (_, offset) => offset);
  await parallel(64, offsets, async (offset) => {
    const client = server.client(proxy.url, { fetch: suffering({ cutAfterBytes: offset }) });
    assert.deepEqual(await follow(client, id), log, `cut after ${offset} bytes`);
  });
  const { streams } = await proxy.connections();
  assert.ok(streams >= 2 * length - 200, `there were only ${streams} streams`);
});

test("one stream survives many cuts while its execution runs", async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, server.url);
  const { id } = await server.client().trigger({ workflowId: await server.workflow(...ticking(100, 50)) });
  const cuts = Array.from({ length: 40 }, (_, n) => ({ cutAfterBytes: (n * 397) % 1500 }));
  const events = await follow(server.client(proxy.url, { fetch: suffering(...cuts) }), id);
  assert.deepEqual(events, await server.log(id));
  assert.ok((await proxy.connections()).streams > 10);
});

test("repeated, dribbling and refused connections deliver each event once", async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, server.url);
  const { id, log } = await server.finished(await server.workflow(...busy(200)));
  const cutAnd = (fault) => [3000, 7000, 9000].map((cutAfterBytes) => ({ ...fault, cutAfterBytes }));
  const faults = {
    duplicates: [...cutAnd({ duplicate: true }), { duplicate: true }],
    "single bytes": [{ chunkBytes: 1 }],
    "small late pieces": [{ chunkBytes: 700, delayMs: 20 }],
    "duplicates in pieces": [...cutAnd({ duplicate: true, chunkBytes: 13 }), { duplicate: true, chunkBytes: 13 }],
  };
  for (const [name, list] of Object.entries(faults)) {
    assert.deepEqual(await follow(server.client(proxy.url, { fetch: suffering(...list) }), id), log, name);
  }
  await proxy.fault({ refuse: 3 });
  assert.deepEqual(await follow(server.client(proxy.url), id), log, "refused");
});

test("a half-open connection is noticed by its missing heartbeats", async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, server.url);
  const { id } = await server.client().trigger({ workflowId: await server.workflow(...ticking(60, 50)) });
  const silences = [700, 1400, 40].map((silentAfterBytes) => ({ silentAfterBytes }));
  const events = await follow(server.client(proxy.url, { fetch: suffering(...silences) }), id, { heartbeat: 400 });
  assert.deepEqual(events, await server.log(id));
  assert.ok((await proxy.connections()).streams >= 4);
  // The one may be kept for the next call.
  await proxy.closed(1);
});

test("a quiet stream with heartbeats stays connected", async (t) => {
  const server = await Server.start(t, { "stream-heartbeat": "1s" });
  const proxy = await Proxy.start(t, server.url);
  const { id } = await server.client().trigger({ workflowId: await server.workflow({ id: "rest", type: "wait", data: { duration: "4s" } }) });
  const events = await follow(server.client(proxy.url), id, { heartbeat: 700 });
  assert.equal(events.at(-1).type, "execution_complete");
  assert.equal((await proxy.connections()).streams, 1);
});

test("behind a proxy that buffers, the log is polled after three mute connections", async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, server.url);
  await proxy.fault({ bufferAll: true });
  const gate = { id: "ask", type: "approval-gate", data: { message: "Go on?" } };
  const client = server.client(proxy.url);
  const { id } = await client.trigger({ workflowId: await server.workflow(gate) });
  const [events, states] = [[], []];
  for await (const event of client.events(undefined, undefined, id, { heartbeat: 150, onState: (state) => states.push(state) })) {
    events.push(event);
    if (event.type === "execution_suspended") {
      // It waits for a person, and was seen all the same.
      await client.approve(undefined, undefined, id);
    }
  }
  assert.deepEqual(events, await server.log(id));
  const tries = ["connecting", "waiting"];
  assert.deepEqual(states, [...tries, ...tries, ...tries, "polling", "closed"]);
});

test("a proxy that buffers a while and then does not gets its stream back when the network fails", async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, server.url);
  await proxy.fault({ bufferAll: true });
  const { id } = await server.client().trigger({ workflowId: await server.workflow(...ticking(60, 100)) });
  const [events, states] = [[], []];
  const onState = (state) => states.push(state);
  let failed = false;
  for await (const event of server.client(proxy.url).events(undefined, undefined, id, { heartbeat: 150, onState })) {
    events.push(event);
    if (states.at(-1) === "polling" && !failed) {
      failed = true;
      await proxy.fault({ refuse: 2 });
    }
  }
  assert.deepEqual(events, await server.log(id));
  assert.ok(states.slice(states.indexOf("polling")).includes("open"));
});

for (const [name, signal] of [["stopped", "SIGTERM"], ["killed", "SIGKILL"]]) {
  test(`a server that is ${name} and comes back goes on where it was`, async (t) => {
    const server = await Server.start(t);
    const { id } = await server.client().trigger({ workflowId: await server.workflow(...ticking(60, 50)) });
    const events = [];
    for await (const event of server.client().events(undefined, undefined, id)) {
      events.push(event);
      if (event.seq === 60 || event.seq === 160) {
        await server.stop(signal);
        // Connections are refused for a while.
        setTimeout(() => server.begin(), 300);
      }
    }
    assert.deepEqual(events, await server.log(id));
    assert.equal(events.at(-1).type, "execution_complete");
  });
}

test("thousands of events a second arrive as they happen, through cuts", async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, server.url);
  const workflowId = await server.workflow(...busy(10_000));
  const client = server.client(proxy.url, {
    fetch: suffering(...Array.from({ length: 12 }, (_, n) => (n % 2 ? { cutAfterBytes: 100_000 + n * 7777 } : {}))),
  });
  const begin = Date.now();
  let count = 0;
  const followed = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const { id } = await client.trigger({ workflowId });
      const events = await follow(client, id);
      count += events.length;
      return { id, events };
    }),
  );
  // Told, not asserted: how fast it is depends on what else this machine does.
  t.diagnostic(`${Math.round(count / ((Date.now() - begin) / 1000))} events a second`);
  for (const { id, events } of followed) {
    assert.deepEqual(events, await server.log(id));
  }
});

test("types are filtered, and the end is noticed all the same", async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, server.url);
  const { id, log } = await server.finished(await server.workflow(...busy(100)));
  for (const types of [["execution_status"], ["node_update"]]) {
    const cuts = [500, 2000, 100].map((cutAfterBytes) => ({ cutAfterBytes, duplicate: true }));
    const client = server.client(proxy.url, { fetch: suffering(...cuts, { duplicate: true }) });
    assert.deepEqual(await follow(client, id, { types }), log.filter(({ type }) => types.includes(type)));
  }
  assert.deepEqual(await follow(server.client(), id, { after: 50 }), log.slice(50));
  assert.deepEqual(await follow(server.client(), id, { after: log.length }), []);
  const [first, ...rest] = await follow(server.client(), id, { snapshot: true });
  assert.equal(first.type, "stream_snapshot");
  assert.equal(first.execution.id, id);
  assert.deepEqual(rest, log);
});

test("callbacks are called in order, one at a time, and not after stop", async (t) => {
  const server = await Server.start(t);
  const client = server.client();
  const { id, log } = await server.finished(await server.workflow(...busy(50)));
  const events = [];
  let running = 0;
  await new Promise((done, fail) => {
    const onEvent = async (event, cursor) => {
      assert.equal(running++, 0);
      assert.equal(cursor, String(event.seq));
      await new Promise(setImmediate);
      running -= 1;
      events.push(event);
      if (event.type === "execution_complete") {
        done();
      }
    };
    client.streamEvents(undefined, undefined, id, onEvent, fail);
  });
  assert.deepEqual(events, log);

  // Who takes the events may take longer than a connection may be silent.
  const proxy = await Proxy.start(t, server.url);
  const long = await server.finished(await server.workflow(...busy(4000)));
  let count = 0;
  for await (const _ of server.client(proxy.url).events(undefined, undefined, long.id, { heartbeat: 300 })) {
    count += 1;
    if (count % 1500 === 0) {
      await new Promise((done) => setTimeout(done, 1200));
    }
  }
  assert.equal(count, long.log.length);
  assert.equal((await proxy.connections()).streams, 1);

  const first = await new Promise((done, fail) => {
    const seen = [];
    const stop = client.streamEvents(undefined, undefined, id, (event) => {
      seen.push(event);
      stop();
      stop();
      // Long enough for what would come after.
      setTimeout(() => done(seen), 100);
    }, fail);
  });
  assert.equal(first.length, 1);
});

test("the streams of a pod and of the inbox survive cuts, and go on from a cursor", async (t) => {
  const server = await Server.start(t, { "stream-max-duration": "1s" });
  const proxy = await Proxy.start(t, server.url);
  const gate = { id: "ask", type: "approval-gate", data: { message: "Go on?" } };
  const workflowId = await server.workflow(gate);
  const client = server.client();
  const cuts = Array.from({ length: 8 }, (_, n) => ({ duplicate: true, cutAfterBytes: 40 + n * 500 }));
  const suffers = server.client(proxy.url, { fetch: suffering(...cuts) });
  const count = 20;

  const cursors = [];
  const pod = [];
  const inbox = [];
  await new Promise((done, fail) => {
    let triggered = false;
    const stops = [];
    const enough = () => {
      if (pod.filter(({ type }) => type === "execution_complete").length === count && inbox.length === 2 * count) {
        stops.forEach((stop) => stop());
        done();
      }
    };
    // Without a cursor a stream begins now: executions are triggered once both are open.
    const open = new Set();
    const onState = (name) => async (state) => {
      if (state === "open") {
        open.add(name);
      }
      if (open.size === 2 && !triggered) {
        triggered = true;
        for (let n = 0; n < count; n += 1) {
          await client.trigger({ workflowId });
        }
      }
    };
    stops.push(
      suffers.streamPodEvents(undefined, undefined, (event, cursor) => {
        pod.push(event);
        cursors.push(cursor);
        enough();
      }, fail, { onState: onState("pod") }),
      client.suspensions.watch(undefined, async (event) => {
        inbox.push(event);
        if (event.type === "execution_suspended") {
          await client.suspensions.answer(undefined, event.interrupt.suspensionId, { approved: true });
        }
        enough();
      }, fail, { onState: onState("inbox") }),
    );
  });
  assert.equal(new Set(cursors).size, cursors.length, "no event twice");
  for (const id of new Set(pod.map(({ executionId }) => executionId))) {
    const own = pod.filter(({ executionId }) => executionId === id);
    const wanted = (await server.log(id)).filter(({ type }) => type !== "node_update");
    assert.deepEqual(own.map(({ seq }) => seq), wanted.map(({ seq }) => seq));
  }

  const again = [];
  for await (const event of client.podEvents(undefined, undefined, { after: cursors[9] })) {
    again.push(event);
    if (again.length === pod.length - 10) {
      break;
    }
  }
  assert.deepEqual(again, pod.slice(10));
});
