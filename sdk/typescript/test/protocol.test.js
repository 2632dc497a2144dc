// What the client does with answers that the real server gives rarely or never: from a server that says what a test wants.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test from "node:test";
import {
  SluicegateApiError,
  SluicegateClient,
  SluicegateConnectionError,
  SluicegateError,
  SluicegateTimeoutError,
} from "@sluicegate/sdk";
import { SseParser } from "../dist/sse.js";
import { follow } from "./support/server.js";

/** A server whose answers come from a list; the last one is given again and again. */
async function scripted(t, answers, options = {}) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    requests.push({ at: Date.now(), method: request.method, url: request.url, headers: request.headers, body });
    answers[Math.min(requests.length, answers.length) - 1](response, requests.at(-1));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${server.address().port}`;
  const client = new SluicegateClient({ baseUrl, apiKey: "slg_test", workspaceId: "w", podId: "p", ...options });
  return { client, requests, baseUrl, close: () => server.closeAllConnections() };
}

const status = (code, body = "", headers = {}) => (response) => response.writeHead(code, headers).end(body);
const json = (value, headers = {}) => status(200, JSON.stringify(value), { "content-type": "application/json", ...headers });
const problem = (code, name, more = {}) => status(code, JSON.stringify({ code: name, detail: "because", requestId: "r-1", ...more }), {
  "content-type": "application/problem+json",
});
/** A stream of these messages; it ends, breaks off or stays open. */
const stream = (text, then = "end") => (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`retry: 1000\n: sluicegate\n\n${text}`, () => {
    if (then === "end") {
      response.end();
    } else if (then === "break") {
      response.destroy();
    }
  });
};
const event = (seq, type = "execution_status", more = {}) => `id: ${seq}\ndata: ${JSON.stringify({ type, seq, ...more })}\n\n`;
const frame = (type, more) => `data: ${JSON.stringify({ type, ...more })}\n\n`;
const seqs = (events) => events.map(({ type, seq }) => seq ?? type);

test("messages are read whatever their line ends and cuts", () => {
  const text = "\uFEFF: hello\nretry: 5\n\nid: 1\ndata: {\"a\":\"ü🌊\"}\n\nid:2\ndata:x\ndata\ndata: y\n\nid: 3\n\ndata: bare\n\nid: \0\ndata: z\nevent: e\n\nid: 9\ndata: unfinished";
  const wanted = [
    { id: "1", data: '{"a":"ü🌊"}' },
    { id: "2", data: "x\n\ny" },
    { id: "3", data: undefined },
    { id: undefined, data: "bare" },
    { id: undefined, data: "z" },
  ];
  for (const end of ["\n", "\r", "\r\n"]) {
    const bytes = new TextEncoder().encode(text.replaceAll("\n", end));
    for (let first = 0; first <= bytes.length; first += 1) {
      const parser = new SseParser();
      const second = Math.min(first + 1, bytes.length);
      const parts = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
      assert.deepEqual(parts.flatMap((part) => parser.push(part)), wanted, `${JSON.stringify(end)}, cut at ${first}`);
    }
  }
});

test("what does not pass is not tried again: it is reported once, and the stream is over", async (t) => {
  for (const code of [400, 401, 403, 404, 409, 410, 422]) {
    const { client, requests } = await scripted(t, [problem(code, "some_code", { errors: [{ path: "/a", message: "b" }] })]);
    const errors = [];
    const states = [];
    await new Promise((done) => {
      const onState = (state) => {
        states.push(state);
        if (state === "closed") {
          // Time for a second report or a second request.
          setTimeout(done, 250);
        }
      };
      client.streamEvents("w", "p", "e", () => assert.fail("no event"), (error) => errors.push(error), { onState });
    });
    assert.equal(errors.length, 1);
    assert.ok(errors[0] instanceof SluicegateApiError);
    const { statusCode, code: name, requestId, details, message } = errors[0];
    assert.deepEqual({ statusCode, name, requestId, details }, {
      statusCode: code, name: "some_code", requestId: "r-1", details: [{ path: "/a", message: "b" }],
    });
    assert.match(message, /some_code.*because/);
    assert.equal(requests.length, 1);
    assert.deepEqual(states, ["connecting", "closed"]);
    await assert.rejects(follow(client, "e"), SluicegateApiError);
  }
});

test("what may pass is tried again, with growing pauses", async (t) => {
  const end = stream(event(1) + event(2, "execution_complete"));
  const failures = [
    status(500), status(503, "<html>"), status(200, "<html>log in</html>", { "content-type": "text/html" }), (response) => response.destroy(),
  ];
  const { client, requests } = await scripted(t, [...failures, end]);
  assert.deepEqual(seqs(await follow(client, "e")), [1, 2]);
  assert.equal(requests.length, 5);
  requests.slice(1).forEach(({ at }, n) => {
    const pauseMs = at - requests[n].at;
    const most = 100 * 2 ** (n + 1);
    assert.ok(pauseMs >= 95 && pauseMs <= most + 1000, `pause ${n} took ${pauseMs} ms, at most ${most} are meant`);
  });

  // The pauses are spread between 100 ms and a bound that doubles.
  const { random } = Math;
  t.after(() => Object.assign(Math, { random }));
  const pauses = async (value) => {
    Math.random = () => value;
    const { client, requests } = await scripted(t, [...failures, end]);
    await follow(client, "e");
    return requests.slice(1).map(({ at }, n) => at - requests[n].at);
  };
  const longest = await pauses(0.999);
  assert.ok(longest.every((ms, n) => ms >= 195 * 2 ** n), `${longest}`);
  const shortest = await pauses(0);
  assert.ok(shortest.reduce((sum, ms) => sum + ms) < 2000, `${shortest}`);
  Math.random = random;

  const busy = await scripted(t, [status(429, "", { "retry-after": "1" }), end]);
  assert.deepEqual(seqs(await follow(busy.client, "e")), [1, 2]);
  assert.ok(busy.requests[1].at - busy.requests[0].at >= 995, "Retry-After is kept");
});

test("a closed connection is not the end: it goes on after the last event", async (t) => {
  const { client, requests } = await scripted(t, [
    stream(event(1) + event(2)),
    stream(event(3), "break"),
    stream(""),
    stream(event(4) + frame("stream_closing", { reason: "max_duration", after: "4", retryMs: 1000 })),
    stream(event(2) + event(4) + event(5, "execution_failed") + event(6)),
  ]);
  const states = [];
  assert.deepEqual(seqs(await follow(client, "e", { onState: (state) => states.push(state) })), [1, 2, 3, 4, 5]);
  assert.deepEqual(requests.map(({ headers }) => headers["last-event-id"]), [undefined, "2", "3", "3", "4"]);
  const failed = ["connecting", "open", "waiting"];
  const announced = ["connecting", "open", "connecting", "open", "closed"];
  assert.deepEqual(states, [...failed, ...failed, ...failed, ...announced]);
});

test("a server that announces its close again and again is not stormed", async (t) => {
  const closing = stream(frame("stream_closing", { reason: "shutdown", after: "0", retryMs: 1000 }));
  const { client, requests } = await scripted(t, [closing, closing, closing, stream(event(1, "execution_complete"))]);
  assert.deepEqual(seqs(await follow(client, "e")), [1]);
  requests.slice(1).forEach(({ at }, n) => assert.ok(at - requests[n].at >= 95));
});

test("a gap is delivered, and what follows it", async (t) => {
  const gap = frame("stream_gap", { from: 1, to: 40, reason: "retention" });
  const snapshot = frame("stream_snapshot", { execution: { id: "e" } });
  const { client, requests } = await scripted(t, [
    stream(gap + snapshot, "break"),
    stream(gap + event(41) + frame("unknown_frame", {}) + event(42, "unknown_type"), "break"),
    stream(event(43, "execution_cancelled")),
  ]);
  assert.deepEqual(seqs(await follow(client, "e")), ["stream_gap", "stream_snapshot", 41, 42, 43]);
  assert.deepEqual(requests.map(({ headers }) => headers["last-event-id"]), [undefined, "40", "42"]);
});

test("an event that is missing is asked for, not passed over", async (t) => {
  let closed;
  const first = (response) => {
    closed = once(response, "close");
    stream(event(1) + event(3), "open")(response);
  };
  const { client, requests } = await scripted(t, [first, stream(event(2) + event(3, "execution_complete"))]);
  assert.deepEqual(seqs(await follow(client, "e")), [1, 2, 3]);
  // The connection that could not be used is not kept.
  await closed;
  assert.equal(requests[1].headers["last-event-id"], "1");
});

test("a filtered stream goes on after what it left out", async (t) => {
  const { client, requests } = await scripted(t, [
    stream(event(2) + frame("stream_closing", { reason: "max_duration", after: "9", retryMs: 1000 })),
    stream(event(12, "execution_complete")),
  ]);
  assert.deepEqual(seqs(await follow(client, "e", { types: ["execution_status"] })), [2]);
  assert.equal(requests[1].headers["last-event-id"], "9");
  assert.match(requests[0].url, /types=execution_status%2Cexecution_complete%2C/);
});

test("204 says that everything was received", async (t) => {
  const { client, requests } = await scripted(t, [status(204)]);
  assert.deepEqual(await follow(client, "e", { after: 7 }), []);
  assert.equal(requests.length, 1);
});

test("when the network is back the pause ends at once, and so does a connection that may be dead", async (t) => {
  const listeners = new EventTarget();
  let count = 0;
  globalThis.addEventListener = (...args) => {
    count += 1;
    listeners.addEventListener(...args);
  };
  globalThis.removeEventListener = (...args) => {
    count -= 1;
    listeners.removeEventListener(...args);
  };
  t.after(() => {
    delete globalThis.addEventListener;
    delete globalThis.removeEventListener;
  });
  const later = status(503, "", { "retry-after": "30" });
  const { client, requests } = await scripted(t, [later, stream(event(1), "open"), stream(event(2, "execution_complete"))]);
  const states = [];
  const events = await follow(client, "e", {
    onState: (state) => {
      states.push(state);
      if (state === "waiting" || state === "open") {
        setTimeout(() => listeners.dispatchEvent(new Event("online")), 50);
      }
    },
  });
  assert.deepEqual(seqs(events), [1, 2]);
  assert.ok(requests[2].at - requests[0].at < 5000);
  assert.deepEqual(states.slice(0, 6), ["connecting", "waiting", "connecting", "open", "connecting", "open"]);
  assert.equal(count, 0, "no listener is left");
});

test("a write is repeated with its key, and a call has a key of its own", async (t) => {
  const execution = json({ id: "e", status: "queued" });
  const { client, requests } = await scripted(t, [(response) => response.destroy(), status(502, "<html>"), execution]);
  await client.trigger({ workflowId: "f", input: { a: 1 } });
  await client.trigger({ workflowId: "f", idempotencyKey: "mine" });
  await client.approve("w", "p", "e");
  const keys = requests.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(keys.slice(0, 3)).size, 1);
  assert.equal(requests[0].body, '{"workflowId":"f","input":{"a":1}}');
  assert.equal(requests[2].body, requests[0].body);
  assert.equal(keys[3], "mine");
  assert.ok(keys[4] && keys[4] !== keys[0]);
  assert.equal(requests[0].headers["content-type"], "application/json");
});

test("a deletion or cancellation that was carried out is one, though its answer was lost", async (t) => {
  const lost = (response) => response.destroy();
  const gone = await scripted(t, [lost, problem(404, "not_found")]);
  await gone.client.schedules.delete("w", "p", "s");
  const unknown = await scripted(t, [problem(404, "not_found")]);
  await assert.rejects(unknown.client.schedules.delete("w", "p", "s"), { statusCode: 404 });

  const cancelled = await scripted(t, [lost, problem(409, "conflict"), json({ id: "e", status: "cancelled" })]);
  await cancelled.client.cancel("w", "p", "e");
  const completed = await scripted(t, [lost, problem(409, "conflict"), json({ id: "e", status: "completed" })]);
  await assert.rejects(completed.client.cancel("w", "p", "e"), { statusCode: 409 });
});

test("requests fail with errors that say what happened", async (t) => {
  const refused = await scripted(t, [problem(422, "invalid_input")]);
  await assert.rejects(refused.client.trigger({ workflowId: "f" }), { name: "SluicegateApiError", statusCode: 422, code: "invalid_input" });
  assert.equal(refused.requests.length, 1);

  const html = await scripted(t, [status(502, "<html>")], { retries: 1 });
  await assert.rejects(html.client.getExecution("w", "p", "e"), { statusCode: 502, code: "http_502", requestId: undefined });
  assert.equal(html.requests.length, 2);

  const noJson = await scripted(t, [status(200, "<html>")], { retries: 0 });
  await assert.rejects(noJson.client.getExecution("w", "p", "e"), SluicegateConnectionError);

  const later = await scripted(t, [status(429, "", { "retry-after": "3600" })]);
  await assert.rejects(later.client.getExecution("w", "p", "e"), { statusCode: 429, retryAfterMs: 3_600_000 });

  const silent = await scripted(t, [() => {}], { retries: 0, requestTimeout: 100 });
  await assert.rejects(silent.client.getExecution("w", "p", "e"), SluicegateTimeoutError);

  const waiting = await scripted(t, [status(503)]);
  await assert.rejects(waiting.client.waitForCompletion("w", "p", "e", { timeout: 300 }), SluicegateTimeoutError);
  await assert.rejects(waiting.client.waitForCompletion("w", "p", "e", { signal: AbortSignal.timeout(100) }), { name: "TimeoutError" });
  await assert.rejects(waiting.client.getExecution("w", "p", "e", { signal: AbortSignal.abort(new Error("mine")) }), { message: "mine" });
});

test("addresses, credentials and defaults", async (t) => {
  const { client, requests, baseUrl } = await scripted(t, [json({ id: "e" })]);
  await client.getExecution("a/b", undefined, "../x?", { include: ["input", "nodes"] });
  await client.getExecution(undefined, undefined, "e");
  assert.deepEqual(requests.map(({ url }) => url), [
    "/v1/workspaces/a%2Fb/pods/p/executions/..%2Fx%3F?include=input%2Cnodes",
    "/v1/workspaces/w/pods/p/executions/e",
  ]);
  assert.equal(requests[0].headers["x-api-key"], "slg_test");

  let count = 0;
  const token = async () => `token-${++count}`;
  for (const url of [baseUrl, `${baseUrl}/`, `${baseUrl}/v1`, `${baseUrl}/v1/`]) {
    await new SluicegateClient({ baseUrl: url, token }).request("GET", "/node-types");
  }
  await new SluicegateClient({ baseUrl: `${baseUrl}/below`, token: "fixed" }).request("GET", "/node-types");
  assert.deepEqual(requests.slice(2).map(({ url, headers }) => [url, headers.authorization]), [
    ["/v1/node-types", "Bearer token-1"],
    ["/v1/node-types", "Bearer token-2"],
    ["/v1/node-types", "Bearer token-3"],
    ["/v1/node-types", "Bearer token-4"],
    ["/below/v1/node-types", "Bearer fixed"],
  ]);

  for (const id of ["", ".", ".."]) {
    await assert.rejects(client.getExecution("w", "p", id), /an id is missing/);
  }
  assert.throws(() => new SluicegateClient({ baseUrl: "localhost:8080", apiKey: "k" }), /baseUrl/);
  assert.throws(() => new SluicegateClient({ baseUrl }), /apiKey and token/);
  assert.throws(() => new SluicegateClient({ baseUrl, apiKey: "k", token: "t" }), SluicegateError);
  const homeless = new SluicegateClient({ baseUrl, apiKey: "k" });
  await assert.rejects(homeless.getExecution(undefined, "p", "e"), /workspaceId is missing/);
  await assert.rejects(homeless.getExecution("w", undefined, "e"), /podId is missing/);
});

test("the pages of a list follow its links", async (t) => {
  const link = (cursor) => ({ link: `</v1/workspaces/w/pods/p/executions?status=failed&cursor=${cursor}>; rel="next"` });
  const pages = [json([{ id: 1 }, { id: 2 }], link("a%2Bb%3D")), json([{ id: 3 }], link("c")), json([])];
  const { client, requests } = await scripted(t, pages);
  const ids = [];
  for await (const { id } of client.listExecutions("w", "p", { status: ["failed", "cancelled"] })) {
    ids.push(id);
  }
  assert.deepEqual(ids, [1, 2, 3]);
  const query = "/v1/workspaces/w/pods/p/executions?status=failed&status=cancelled";
  assert.deepEqual(requests.map(({ url }) => url), [query, `${query}&cursor=a%2Bb%3D`, `${query}&cursor=c`]);
});
