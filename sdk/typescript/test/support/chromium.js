// A real browser, and pages from loopback for it.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const dist = new URL("../../dist/", import.meta.url);

/** Serves the built client and an empty page that has it as `sdk`. */
export async function servePages(t) {
  const server = createServer(async (request, response) => {
    if (request.url.startsWith("/dist/") && !request.url.includes("..")) {
      const file = await readFile(new URL(request.url.slice("/dist/".length), dist));
      response.writeHead(200, { "content-type": "text/javascript" }).end(file);
    } else {
      const script = 'import * as sdk from "/dist/index.js"; window.sdk = sdk;';
      response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><script type="module">${script}</script>`);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

export async function launch(t) {
  if (!executablePath) {
    throw new Error("Chromium is missing: apt-get install chromium");
  }
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  t.after(() => browser.close());
  return browser;
}
