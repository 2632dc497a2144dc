// A reverse proxy that makes a network's faults on demand, for the tests of every SDK: event streams through it are cut,
// held, repeated or dribbled; all other traffic passes.
//
//     node fault-proxy.js --target http://127.0.0.1:PORT
//
// prints one line of JSON, {"url","control"}, and ends when its standard input closes.
//
//     PUT  {control}/fault        sets what the next connections suffer, until it is set again; {} heals
//     PUT  {control}/target       {"url"}: where requests go from now on
//     GET  {control}/connections  {"open","total","streams"}: client sockets that are open, that ever were, streams ever begun
//
// A fault is any of these together; `n` counts bytes of a stream's body as they leave the proxy:
//
//     {"cutAfterBytes": n}             the client's socket is destroyed after n bytes; of an array, each stream takes the
//                                      next value, and streams after the last are not cut
//     {"silentAfterBytes": n}          nothing more comes after n bytes, and the socket stays open; or an array, as above
//     {"bufferAll": true}              the body is held until the server ends it
//     {"duplicate": true}              every message comes twice, and a resumed stream starts with a few from before
//     {"chunkBytes": n, "delayMs": n}  the body comes in pieces of that size, with that pause after each
//     {"refuse": n}                    the next n connections are closed at once
//
// A request may bring a fault of its own in the header `x-fault`, as JSON; it replaces the one that is set.
"use strict";

const http = require("node:http");
const { once } = require("node:events");
const { setTimeout: sleep } = require("node:timers/promises");
const { parseArgs } = require("node:util");

// How many earlier messages a stream of {"duplicate"} starts with.
const REPEATED = 3;
// What belongs to one connection, not to the message that a proxy passes on.
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

let target;
let fault = {};
let total = 0;
let streams = 0;
const sockets = new Set();
// The messages of every stream by its address, each by its id in the order of the stream, for {"duplicate"}.
const seen = new Map();
const toTarget = new http.Agent({ keepAlive: true });

const proxy = http.createServer((request, response) => {
  const { "x-fault": own, ...headers } = request.headers;
  HOP_BY_HOP.forEach((name) => delete headers[name]);
  headers.host = target.host;
  const onward = http.request(
    { agent: toTarget, host: target.hostname, port: target.port, method: request.method, path: request.url, headers },
    (reply) => {
      const replyHeaders = { ...reply.headers };
      HOP_BY_HOP.forEach((name) => delete replyHeaders[name]);
      response.writeHead(reply.statusCode, reply.statusMessage, replyHeaders);
      // What breaks off on one side breaks off on the other.
      reply.on("error", () => response.destroy());
      if (/^text\/event-stream/.test(reply.headers["content-type"] ?? "")) {
        streams += 1;
        response.flushHeaders();
        send(request, reply, response, take(own ? JSON.parse(own) : fault)).catch(() => response.destroy());
      } else {
        reply.pipe(response);
      }
    },
  );
  onward.on("error", (error) => {
    if (response.headersSent) {
      response.destroy();
    } else {
      response.writeHead(502, { "content-type": "text/plain" }).end(`the fault proxy can't reach its target: ${error.message}\n`);
    }
  });
  response.on("close", () => onward.destroy());
  request.pipe(onward);
});

proxy.on("connection", (socket) => {
  total += 1;
  if (fault.refuse > 0) {
    fault.refuse -= 1;
    socket.destroy();
    return;
  }
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("close", () => sockets.delete(socket));
  sockets.add(socket);
});
// A half-open or dribbling stream may be as slow as its test wants.
proxy.requestTimeout = 0;

/** What one stream suffers: of an array, the next value. */
function take(fault) {
  const next = (value) => (Array.isArray(value) ? value.shift() : value) ?? Infinity;
  return { ...fault, cutAfterBytes: next(fault.cutAfterBytes), silentAfterBytes: next(fault.silentAfterBytes) };
}

async function send(request, reply, response, fault) {
  const { cutAfterBytes, silentAfterBytes } = fault;
  const end = Math.min(cutAfterBytes, silentAfterBytes);
  const silent = end < cutAfterBytes;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  let sent = 0;
  for await (const piece of pieces(body(request, reply, fault), fault)) {
    const part = piece.subarray(0, end - sent);
    sent += part.length;
    if (part.length > 0 && !response.write(part)) {
      await once(response, "drain", { signal: gone.signal });
    }
    // A silent stream goes on reading, so that the server notices nothing either.
    if (sent >= end && !silent) {
      // What was written has to leave first: an empty write is done when everything before it is.
      await new Promise((done) => response.socket?.write("", done) ?? done());
      response.destroy();
      return;
    }
    if (fault.delayMs && sent < end) {
      await sleep(fault.delayMs);
    }
  }
  if (sent < end) {
    response.end();
  }
  // Otherwise the socket stays until the client gives it up.
}

/** The stream's bytes, held or with repetitions. */
async function* body(request, reply, fault) {
  if (fault.bufferAll) {
    yield Buffer.concat(await reply.toArray());
    return;
  }
  if (!fault.duplicate) {
    // An end after zero bytes must not wait for the first.
    yield Buffer.alloc(0);
    yield* reply.iterator({ destroyOnReturn: true });
    return;
  }
  const earlier = seen.get(request.url) ?? new Map();
  seen.set(request.url, earlier);
  // Only what its client has had: the messages up to its cursor.
  const cursor = request.headers["last-event-id"] ?? new URL(request.url, target).searchParams.get("after");
  const last = [...earlier.keys()].indexOf(cursor) + 1;
  yield Buffer.concat([...earlier.values()].slice(Math.max(last - REPEATED, 0), last));
  let rest = Buffer.alloc(0);
  for await (const chunk of reply) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const message = rest.subarray(0, end + 2);
      rest = rest.subarray(end + 2);
      const id = /^id: ?(.*)$/m.exec(message)?.[1];
      if (id !== undefined && !earlier.has(id)) {
        earlier.set(id, message);
      }
      yield Buffer.concat([message, message]);
    }
  }
  yield rest;
}

async function* pieces(chunks, { chunkBytes }) {
  for await (const chunk of chunks) {
    const size = chunkBytes || Math.max(chunk.length, 1);
    for (let start = 0; start < chunk.length; start += size) {
      yield chunk.subarray(start, start + size);
    }
    if (chunk.length === 0) {
      yield chunk;
    }
  }
}

const control = http.createServer(async (request, response) => {
  const text = Buffer.concat(await request.toArray()).toString();
  const call = `${request.method} ${request.url}`;
  try {
    let reply = {};
    if (call === "PUT /fault") {
      fault = JSON.parse(text);
      if (fault.refuse) {
        // Otherwise a connection that is kept alive would not notice.
        proxy.closeIdleConnections();
      }
    } else if (call === "PUT /target") {
      target = new URL(JSON.parse(text).url);
    } else if (call === "GET /connections") {
      reply = { open: sockets.size, total, streams };
    } else {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(reply));
  } catch (error) {
    response.writeHead(400, { "content-type": "text/plain" }).end(`${error.message}\n`);
  }
});

async function main() {
  const { values } = parseArgs({ options: { target: { type: "string" } } });
  if (!values.target) {
    throw new Error("--target is missing: the URL of the server, such as http://127.0.0.1:8080");
  }
  target = new URL(values.target);
  const listen = async (server) => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${server.address().port}`;
  };
  console.log(JSON.stringify({ url: await listen(proxy), control: await listen(control) }));
  process.stdin.resume().on("close", () => process.exit(0));
}

main();
