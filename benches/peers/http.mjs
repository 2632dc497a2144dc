// The client of the servers that are compared: HTTP/1.1 on a socket that is kept, as plain as it can be. It runs on the same
// processors as what it measures, so whatever it does itself is missing from the result, for every server alike.
import net from "node:net";

const END = Buffer.from("\r\n\r\n");

/** One connection: one request at a time, or one event stream. */
export class Connection {
  #socket;
  #headers;
  #buffer = Buffer.alloc(0);
  #waiting = null;
  #stream = null;

  static async open(url, headers = {}) {
    const { hostname, port } = new URL(url);
    const connection = new Connection();
    const lines = Object.entries({ host: `${hostname}:${port}`, "content-type": "application/json", ...headers });
    connection.#headers = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
    connection.#socket = socket;
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    socket.on("data", (bytes) => connection.#take(bytes));
    const over = (error) => {
      connection.#waiting?.reject(error ?? new Error("the server closed a connection"));
      connection.#waiting = null;
    };
    socket.on("error", over).on("close", () => over());
    return connection;
  }

  close() {
    this.#socket.destroy();
  }

  /** Sends a request; gives the body of the reply, which has to be a success. */
  call(method, path, body = "") {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, path };
      this.#send(method, path, "application/json", body);
    });
  }

  /** Opens an event stream on this connection; `each` gets the text of every frame, and the first one is waited for. */
  follow(path, each) {
    return new Promise((resolve, reject) => {
      this.#waiting = { reject, path };
      this.#stream = { each, resolve, open: false, chunked: false, text: "", ended: () => {} };
      this.#send("GET", path, "text/event-stream", "");
    });
  }

  #send(method, path, accept, body) {
    const length = Buffer.byteLength(body);
    this.#socket.write(`${method} ${path} HTTP/1.1\r\n${this.#headers}accept: ${accept}\r\ncontent-length: ${length}\r\n\r\n${body}`);
  }

  #take(bytes) {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
    if (this.#stream?.open) return this.#frames();
    const end = this.#buffer.indexOf(END);
    if (end < 0) return;
    const head = this.#buffer.toString("latin1", 0, end).toLowerCase();
    const status = Number(head.slice(9, 12));
    const chunked = head.includes("\r\ntransfer-encoding: chunked");
    if (this.#stream && status === 200) {
      this.#stream.open = true;
      this.#stream.chunked = chunked;
      this.#buffer = this.#buffer.subarray(end + END.length);
      return this.#frames();
    }
    let body;
    if (chunked) {
      const parts = [];
      let at = end + END.length;
      for (;;) {
        const line = this.#buffer.indexOf("\r\n", at);
        if (line < 0) return;
        const size = Number.parseInt(this.#buffer.toString("latin1", at, line), 16);
        if (this.#buffer.length < line + 2 + size + 2) return;
        parts.push(this.#buffer.subarray(line + 2, line + 2 + size));
        at = line + 2 + size + 2;
        if (size === 0) break;
      }
      body = Buffer.concat(parts).toString();
    } else {
      const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
      if (this.#buffer.length < end + END.length + length) return;
      body = this.#buffer.toString("utf8", end + END.length, end + END.length + length);
    }
    this.#buffer = Buffer.alloc(0);
    const { resolve, reject, path } = this.#waiting;
    this.#waiting = null;
    if (status >= 200 && status < 300 && resolve) resolve(body);
    else reject(new Error(`${path} was answered ${status}: ${body}`));
  }

  #frames() {
    const stream = this.#stream;
    if (stream.chunked) {
      let at = 0;
      for (;;) {
        const line = this.#buffer.indexOf("\r\n", at);
        if (line < 0) break;
        const size = Number.parseInt(this.#buffer.toString("latin1", at, line), 16);
        if (this.#buffer.length < line + 2 + size + 2) break;
        stream.text += this.#buffer.toString("utf8", line + 2, line + 2 + size);
        at = line + 2 + size + 2;
        if (size === 0) break;
      }
      this.#buffer = this.#buffer.subarray(at);
    } else {
      stream.text += this.#buffer.toString();
      this.#buffer = Buffer.alloc(0);
    }
    for (;;) {
      const end = stream.text.indexOf("\n\n");
      if (end < 0) return;
      const frame = stream.text.slice(0, end);
      stream.text = stream.text.slice(end + 2);
      if (stream.resolve) {
        stream.resolve();
        stream.resolve = null;
      }
      stream.each(frame);
    }
  }
}

/** A quantile of numbers: one that was measured. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))];
}

/** As many callers at once for so many seconds; `call(caller)` is one execution from trigger to end. Gives executions per second. */
export async function rate(callers, seconds, call) {
  const begun = performance.now();
  let completed = 0;
  await Promise.all(
    callers.map(async (caller) => {
      while (performance.now() - begun < seconds * 1000) {
        await call(caller);
        completed += 1;
      }
    }),
  );
  return completed / ((performance.now() - begun) / 1000);
}

/** One caller for so many seconds; `call()` gives milliseconds. */
export async function latency(seconds, call) {
  for (let n = 0; n < 20; n += 1) await call();
  const begun = performance.now();
  const taken = [];
  while (performance.now() - begun < seconds * 1000) taken.push(await call());
  return { p50_ms: quantile(taken, 0.5), p95_ms: quantile(taken, 0.95), samples: taken.length };
}

/** Prints a result as one line. */
export function tell(workload, result) {
  console.log(JSON.stringify({ workload, ...result }));
}
