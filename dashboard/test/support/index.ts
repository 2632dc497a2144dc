/** What every test begins with: a server, and a page that is signed in to it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test as base, type Browser, type BrowserContext, expect, type Page } from "@playwright/test";

import { Server } from "./server.ts";

/** A browser of its own, signed in with a key. */
export async function signedIn(browser: Browser, server: Server, key = server.apiKey, options: object = {}): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  const response = await context.request.post(`${server.url}/v1/session`, { data: { credential: key }, headers: { origin: server.url } });
  expect(response.status()).toBe(201);
  return context;
}

export const test = base.extend<{ page: Page }, { server: Server }>({
  server: [
    // biome-ignore lint: Playwright asks for the pattern
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  page: async ({ browser, server }, use) => {
    const context = await signedIn(browser, server);
    const page = await context.newPage();
    const mistakes: string[] = [];
    page.on("pageerror", (error) => mistakes.push(String(error)));
    page.on("console", (message) => {
      const text = message.text();
      // The browser's own lines about requests that fail are the network's; what a policy stops is ours.
      if (message.type() === "error" && (!text.startsWith("Failed to load resource") || text.includes("Content Security"))) {
        mistakes.push(text);
      }
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(server.url) && !request.url().startsWith("data:") && !request.url().startsWith("blob:")) {
        mistakes.push(`left the origin: ${request.url()}`);
      }
    });
    await use(page);
    await context.close();
    expect(mistakes).toEqual([]);
  },
});

export { expect, Server };

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Findings of axe on the page as it is: none that is serious. */
export async function expectAccessible(page: Page): Promise<void> {
  // What fades in has other colours than those that it comes to.
  await page.evaluate(() => {
    const passing = document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity);
    return Promise.allSettled(passing.map(({ finished }) => finished));
  });
  // Evaluated by the debugger: the page's policy lets no foreign script in.
  await page.evaluate(AXE);
  const findings = await page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run: (what: Document, options: object) => Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe;
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n")}`);
  });
  expect(findings).toEqual([]);
}
