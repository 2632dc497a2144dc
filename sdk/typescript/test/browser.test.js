// The same guarantees in a real browser, from a page of another origin; and the browser's own EventSource.
import assert from "node:assert/strict";
import test from "node:test";
import { launch, servePages } from "./support/chromium.js";
import { busy, Proxy, Server, ticking } from "./support/server.js";

/** Follows an execution in the page, and counts what the client takes from the page while it does. */
function followInPage({ options, id, stream, stopAfter }) {
  const taken = { timers: new Set(), listeners: 0 };
  const { setTimeout, clearTimeout, addEventListener, removeEventListener } = window;
  const restore = () => Object.assign(window, { setTimeout, clearTimeout, addEventListener, removeEventListener });
  window.setTimeout = (work, ms) => {
    const timer = setTimeout(() => {
      taken.timers.delete(timer);
      work();
    }, ms);
    taken.timers.add(timer);
    return timer;
  };
  window.clearTimeout = (timer) => {
    taken.timers.delete(timer);
    clearTimeout(timer);
  };
  window.addEventListener = (...args) => {
    taken.listeners += 1;
    addEventListener.apply(window, args);
  };
  window.removeEventListener = (...args) => {
    taken.listeners -= 1;
    removeEventListener.apply(window, args);
  };
  const client = new window.sdk.SluicegateClient(options);
  const events = [];
  const states = [];
  window.progress = { events, states };
  const finish = (error) =>
    new Promise((done) => {
      // The closing of the stream takes some turns.
      setTimeout(() => {
        restore();
        done({ events, states, error: error && String(error), timers: taken.timers.size, listeners: taken.listeners });
      }, 100);
    });
  return new Promise((done) => {
    const onEvent = (event) => {
      events.push(event);
      if (events.length === stopAfter) {
        stop();
      }
    };
    const onState = (state) => {
      states.push([Math.round(performance.now()), state]);
      if (state === "closed") {
        done(finish());
      }
    };
    const stop = client.streamEvents(undefined, undefined, id, onEvent, (error) => done(finish(error)), { ...stream, onState });
  });
}

test("in Chromium", { concurrency: 2 }, async (t) => {
  const [origin, browser] = await Promise.all([servePages(t), launch(t)]);
  const start = async (t, flags = {}) => {
    const server = await Server.start(t, { "cors-origins": origin, ...flags });
    const proxy = await Proxy.start(t, server.url);
    const page = await (await browser.newContext()).newPage();
    t.after(() => page.context().close());
    await page.goto(origin);
    await page.waitForFunction(() => window.sdk);
    const { apiKey, workspaceId, podId } = server;
    const options = { apiKey, workspaceId, podId, baseUrl: proxy.url };
    const follow = async (id, more = {}) => {
      const result = await page.evaluate(followInPage, { options, id, ...more });
      assert.deepEqual([result.error, result.timers, result.listeners], [undefined, 0, 0]);
      return result;
    };
    const live = async (times, ms) => {
      const { id } = await server.client().trigger({ workflowId: await server.workflow(...ticking(times, ms)) });
      return id;
    };
    return { server, proxy, page, options, follow, live };
  };

  const tests = [
    t.test("cuts, repetitions and announced closes", async (t) => {
      const { server, proxy, follow, live } = await start(t, { "stream-max-duration": "2s" });
      const id = await live(80, 80);
      const cutAfterBytes = Array.from({ length: 12 }, (_, n) => (n * 173) % 700);
      await proxy.fault({ duplicate: true, cutAfterBytes });
      const { events, states } = await follow(id);
      assert.deepEqual(events, await server.log(id));
      assert.ok(states.filter(([, state]) => state === "connecting").length >= 10);
    }),
    t.test("cuts all over a stream", async (t) => {
      const { server, proxy, page, options, follow } = await start(t);
      const { id, log } = await server.finished(await server.workflow({ id: "greet", type: "transform", data: { output: "水閘 🌊" } }));
      const count = 60;
      // One client after the other: its first connection is cut, its second one is not.
      await proxy.fault({ cutAfterBytes: Array.from({ length: count }, (_, n) => [n * 17, 1e9]).flat() });
      const followed = await page.evaluate(async ({ options, id, count }) => {
        const client = new window.sdk.SluicegateClient(options);
        // The shortest pauses: they are not what is tested here.
        const { random } = Math;
        Math.random = () => 0;
        const all = [];
        for (let n = 0; n < count; n += 1) {
          const events = [];
          for await (const event of client.events(undefined, undefined, id)) {
            events.push(event);
          }
          all.push(events);
        }
        Math.random = random;
        return all;
      }, { options, id, count });
      assert.deepEqual(followed, Array(count).fill(log));
      assert.ok((await proxy.connections()).streams > count);
      await proxy.fault({ chunkBytes: 11, delayMs: 2, duplicate: true });
      assert.deepEqual((await follow(id)).events, log, "late bytes");
    }),
    t.test("the server is killed and comes back", async (t) => {
      const { server, page, follow, live } = await start(t);
      const id = await live(80, 50);
      const followed = follow(id);
      await page.waitForFunction(() => window.progress?.events.length > 50);
      await server.stop("SIGKILL");
      await server.begin();
      const { events } = await followed;
      assert.deepEqual(events, await server.log(id));
    }),
    t.test("the network goes away and comes back", async (t) => {
      const { server, page, follow, live } = await start(t);
      const id = await live(100, 80);
      await page.evaluate(() => {
        // The longest pauses.
        Math.random = () => 0.999;
      });
      const followed = follow(id);
      await page.waitForFunction(() => window.progress?.events.length > 20);
      await page.context().setOffline(true);
      await page.waitForFunction(() => !navigator.onLine);
      // Long enough for a pause of several seconds to have begun.
      await new Promise((done) => setTimeout(done, 3500));
      const back = await page.evaluate(() => {
        window.ononline = () => {
          window.onlineAt = performance.now();
        };
        return window.progress.states.length;
      });
      await page.context().setOffline(false);
      const { events, states } = await followed;
      assert.deepEqual(events, await server.log(id));
      const onlineAt = await page.evaluate(() => window.onlineAt);
      const [again] = states.slice(back).filter(([, state]) => state === "connecting");
      assert.ok(again[0] - onlineAt < 1000, `it took ${again[0] - onlineAt} ms`);
    }),
    t.test("a half-open connection, and a proxy that buffers", async (t) => {
      const { server, proxy, follow, live } = await start(t);
      const silent = await live(40, 50);
      await proxy.fault({ silentAfterBytes: [600, 1300] });
      assert.deepEqual((await follow(silent, { stream: { heartbeat: 200 } })).events, await server.log(silent));
      const held = await live(60, 50);
      await proxy.fault({ bufferAll: true });
      const { events, states } = await follow(held, { stream: { heartbeat: 200 } });
      assert.deepEqual(events, await server.log(held));
      assert.ok(states.some(([, state]) => state === "polling"));
    }),
    t.test("thousands of events a second", async (t) => {
      const { server, page, options } = await start(t);
      const { id } = await server.client().trigger({ workflowId: await server.workflow(...busy(10_000)) });
      const { events, ms } = await page.evaluate(async ({ options, id }) => {
        const client = new window.sdk.SluicegateClient(options);
        const begin = performance.now();
        const events = [];
        for await (const event of client.events(undefined, undefined, id)) {
          events.push(event);
        }
        return { events, ms: performance.now() - begin };
      }, { options, id });
      // Told, not asserted: how fast it is depends on what else this machine does.
      t.diagnostic(`${Math.round(events.length / (ms / 1000))} events a second`);
      assert.deepEqual(events, await server.log(id));
    }),
    t.test("after stop nothing is left", async (t) => {
      const { server, proxy, follow, live } = await start(t);
      const id = await live(100, 80);
      for (const [fault, stopAfter] of [[{}, 7], [{ duplicate: true, chunkBytes: 50 }, 3]]) {
        await proxy.fault(fault);
        const { events, states } = await follow(id, { stopAfter });
        assert.deepEqual(events.map(({ seq }) => seq), Array.from({ length: stopAfter }, (_, n) => n + 1));
        assert.equal(states.at(-1)[1], "closed");
      }
      // The server learns of a closed connection later than the page: through the proxy, and while others of these tests run.
      const openStreams = async () => /^sluicegate_open_streams (\d+)$/m.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1];
      const deadline = performance.now() + 20_000;
      while ((await openStreams()) !== "0" && performance.now() < deadline);
      assert.equal(await openStreams(), "0");
    }),
    t.test("the browser's own EventSource, with a stream token", async (t) => {
      const { server, proxy, page, live } = await start(t, { "stream-max-duration": "2s" });
      const id = await live(60, 100);
      const path = `/v1/workspaces/${server.workspaceId}/pods/${server.podId}/executions/${id}/events`;
      const { token } = await server.client().createStreamToken(undefined, path);
      await proxy.fault({ cutAfterBytes: [1000, 1e9, 2000] });
      const events = await page.evaluate((url) => new Promise((done) => {
        const events = [];
        const source = new EventSource(url);
        source.onmessage = ({ data }) => {
          const event = JSON.parse(data);
          if (event.seq) {
            events.push(event);
          }
        };
        source.onerror = () => source.readyState === EventSource.CLOSED && done(events);
      }), `${proxy.url}${path}?token=${token}`);
      assert.deepEqual(events, await server.log(id));
    }),
  ];
  await Promise.all(tests);
});
