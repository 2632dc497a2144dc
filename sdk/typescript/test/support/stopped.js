// Begins a stream, stops it in a certain state, and prints what is left of it: `stopped.js CASE CLIENT-OPTIONS EXECUTION`.
import { getEventListeners } from "node:events";
import { SluicegateClient } from "@sluicegate/sdk";

const [, , name, options, id] = process.argv;
const client = new SluicegateClient(JSON.parse(options));
// The process's own pipes are made when they are first looked at.
void [process.stdout, process.stderr];
const before = process.getActiveResourcesInfo();
const controller = new AbortController();
const { signal } = controller;
const uncaught = [];
process.on("uncaughtException", (error) => uncaught.push(error.statusCode ? `${error.name} ${error.statusCode}` : error.message));

let lateEvents = 0;
let stopped = false;
const count = () => {
  lateEvents += stopped ? 1 : 0;
};

// The longest pauses.
Math.random = () => 0.999;

/** Follows with callbacks until `wanted` is the state for the n-th time, and `more` events have come. */
async function until(wanted, more, times = 1) {
  await new Promise((done, fail) => {
    let state;
    let events = 0;
    let left = times;
    const check = () => {
      if (state === wanted && left <= 0 && events >= more && !stopped) {
        stopped = true;
        stop();
        done();
      }
    };
    const onState = (next) => {
      state = next;
      left -= next === wanted ? 1 : 0;
      // The stream is being made when it tells its first state.
      queueMicrotask(check);
    };
    const onEvent = () => {
      count();
      events += 1;
      check();
    };
    const stop = client.streamEvents(undefined, undefined, id, onEvent, fail, { heartbeat: 150, signal, onState });
  });
}

const cases = {
  open: () => until("open", 5),
  // By then a pause is longer than what is left of it is waited for below.
  waiting: () => until("waiting", 0, 4),
  connecting: () => until("connecting", 0),
  polling: () => until("polling", 3),
  async iterator() {
    for await (const event of client.events(undefined, undefined, id, { signal })) {
      if (event.seq > 5) {
        break;
      }
    }
    // An iterator that is left while it waits for an event.
    const events = client.events(undefined, undefined, id, { signal, types: ["execution_complete"] });
    const next = events.next();
    setTimeout(() => events.return(), 50);
    await next;
  },
  async signal() {
    for await (const event of client.events(undefined, undefined, id, { signal })) {
      if (event.seq === 5) {
        controller.abort();
      }
    }
  },
  async wait() {
    await client.waitForCompletion(undefined, undefined, id, { timeout: 200, signal }).catch(() => {});
    await client.listExecutions(undefined, undefined, {}, { signal });
  },
  async taker() {
    // Stopped while a callback holds an event.
    await new Promise((done, fail) => {
      const stop = client.streamEvents(undefined, undefined, id, async () => {
        count();
        stopped = true;
        stop();
        await new Promise(setImmediate);
        done();
      }, fail, { signal });
    });
  },
  async mistake() {
    let seen = 0;
    await new Promise((done, fail) => {
      client.streamEvents(undefined, undefined, id, (event) => {
        seen += 1;
        throw new Error(`mistake ${event.seq}`);
      }, fail, { signal, onState: (state) => state === "closed" && done() });
    });
    return { seen };
  },
  async unheard() {
    await new Promise((done) => {
      client.streamEvents(undefined, undefined, id, () => {}, undefined, { onState: (state) => state === "closed" && done() });
    });
  },
};

const result = await cases[name]();
// What closes needs some time to be closed: a socket that is being connected is connected first.
const left = () => {
  const rest = [...before];
  return process.getActiveResourcesInfo().filter((resource) => {
    const known = rest.indexOf(resource);
    return known < 0 || rest.splice(known, 1).length === 0;
  });
};
for (let tries = 0; tries < 50 && left().length > 0; tries += 1) {
  await new Promise((done) => setTimeout(done, 10));
}
const resources = left();
const listeners = getEventListeners(signal, "abort").length;
process.on("exit", () => {
  console.log(JSON.stringify({ ...result, resources, listeners, lateEvents, uncaught }));
});
