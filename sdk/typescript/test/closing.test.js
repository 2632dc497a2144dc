// A minute of streams that the server closes every two seconds, for this client and for others from the shelf.
import assert from "node:assert/strict";
import test from "node:test";
import { EventSource } from "eventsource";
import { createEventSource } from "eventsource-client";
import { launch, servePages } from "./support/chromium.js";
import { follow, Proxy, Server, suffering, ticking } from "./support/server.js";

const SECONDS = 60;

test(`announced closes, every 2 seconds for ${SECONDS} seconds`, { concurrency: true }, async (t) => {
  const [origin, browser] = await Promise.all([servePages(t), launch(t)]);
  const server = await Server.start(t, { "stream-max-duration": "2s", "cors-origins": origin });
  const proxy = await Proxy.start(t, server.url);
  const client = server.client();
  const { id } = await client.trigger({ workflowId: await server.workflow(...ticking(SECONDS * 10, 100)) });
  const address = `/v1/workspaces/${server.workspaceId}/pods/${server.podId}/executions/${id}/events`;
  const headers = { "x-api-key": server.apiKey };

  await Promise.all([
    t.test("this client goes on at once", async () => {
      const states = [];
      const warnings = [];
      process.on("warning", (warning) => warnings.push(warning.message));
      const begin = Date.now();
      const events = await follow(client, id, { onState: (state) => states.push(state) });
      assert.deepEqual(events, await server.log(id));
      const seconds = (Date.now() - begin) / 1000;
      assert.ok(seconds >= SECONDS, `it took ${seconds} seconds only`);
      assert.deepEqual(warnings, [], "listeners do not pile up");
      const opened = states.filter((state) => state === "open").length;
      assert.ok(opened >= SECONDS / 2.2 && !states.includes("waiting"), `${opened} connections`);
    }),
    t.test("this client, with connections that break besides", async () => {
      const cuts = Array.from({ length: 60 }, (_, n) => (n % 2 ? { cutAfterBytes: 137 * n, duplicate: n % 3 === 0 } : {}));
      const suffers = server.client(proxy.url, { fetch: suffering(...cuts) });
      assert.deepEqual(await follow(suffers, id), await server.log(id));
    }),
    t.test("eventsource, with a stream token", async () => {
      const { token } = await client.createStreamToken(undefined, address);
      const events = await new Promise((done) => {
        const events = [];
        const source = new EventSource(`${server.url}${address}?token=${token}`);
        source.onmessage = ({ data }) => {
          const event = JSON.parse(data);
          if (event.seq) {
            events.push(event);
          }
        };
        source.onerror = () => {
          if (source.readyState === source.CLOSED) {
            done(events);
          }
        };
      });
      assert.deepEqual(events, await server.log(id));
    }),
    t.test("eventsource-client, with a header, through cuts", async () => {
      const events = [];
      const faults = [{ cutAfterBytes: 900 }, {}, { cutAfterBytes: 5000 }, { cutAfterBytes: 77 }];
      const suffer = suffering(...faults);
      const source = createEventSource({
        url: `${proxy.url}${address}`,
        headers,
        fetch: (url, init) => suffer(url, { ...init, headers: { ...init.headers, accept: "text/event-stream" } }),
      });
      for await (const { data } of source) {
        const event = JSON.parse(data);
        if (event.seq) {
          events.push(event);
        }
        if (event.type === "execution_complete") {
          break;
        }
      }
      source.close();
      assert.deepEqual(events, await server.log(id));
    }),
    t.test("Chromium: this client, and the browser's own EventSource", async () => {
      const page = await browser.newPage();
      await page.goto(origin);
      await page.waitForFunction(() => window.sdk);
      const { token } = await client.createStreamToken(undefined, address);
      const { apiKey, workspaceId, podId } = server;
      const options = { apiKey, workspaceId, podId, baseUrl: server.url };
      const [own, native, states] = await page.evaluate(async ({ options, id, url }) => {
        const native = new Promise((done) => {
          const events = [];
          const source = new EventSource(url);
          source.onmessage = ({ data }) => {
            const event = JSON.parse(data);
            if (event.seq) {
              events.push(event);
            }
          };
          source.onerror = () => source.readyState === EventSource.CLOSED && done(events);
        });
        const states = [];
        const events = [];
        const stream = { onState: (state) => states.push(state) };
        for await (const event of new window.sdk.SluicegateClient(options).events(undefined, undefined, id, stream)) {
          events.push(event);
        }
        return [events, await native, states];
      }, { options, id, url: `${server.url}${address}?token=${token}` });
      const log = await server.log(id);
      assert.deepEqual(own, log);
      assert.deepEqual(native, log);
      assert.ok(states.filter((state) => state === "open").length >= SECONDS / 2.2 && !states.includes("waiting"));
    }),
  ]);
});
