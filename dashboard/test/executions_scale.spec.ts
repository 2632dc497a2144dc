/** The list of executions where there are many: what is loaded first, ten thousand rows, a storm of new ones. */
import { availableParallelism, loadavg } from "node:os";
import { gzipSync } from "node:zlib";
import type { Page } from "@playwright/test";
import { grid, TINY } from "./support/executions.ts";
import { expect, type Server, test } from "./support/index.ts";

const MANY = 10_000;
const AT_ONCE = 64;

// What records a test takes frames of its own.
test.use({ trace: "off" });

async function triggerMany(server: Server, workflowId: string, count: number): Promise<void> {
  let begun = 0;
  const lane = async () => {
    while (begun < count) {
      begun += 1;
      await server.trigger(workflowId, {}, { subject: `number ${begun}` });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

const idsInSight = (page: Page) =>
  grid(page)
    .locator("[data-id]")
    .evaluateAll((rows) => rows.map((row) => [Number((row as HTMLElement).dataset["row"]), (row as HTMLElement).dataset["id"]] as const).sort(([a], [b]) => a - b));

async function expectHead(page: Page, server: Server): Promise<void> {
  await expect(async () => {
    const wanted = (await server.call<{ id: string; status: string }[]>("GET", server.pod("/executions?limit=30"))).map(({ id }) => id);
    const rows = await idsInSight(page);
    expect(rows[0]?.[0]).toBe(0);
    expect(rows.map(([, id]) => id)).toEqual(wanted.slice(0, rows.length));
    expect(wanted.length).toBeGreaterThanOrEqual(rows.length);
    const statuses = await grid(page).locator("[data-id] [data-status]").evaluateAll((badges) => badges.map(({ textContent }) => textContent));
    expect(new Set(statuses)).toEqual(new Set(["Completed"]));
  }).toPass({ timeout: 30_000 });
}

/** Goes through the list from frame to frame as fast as a wheel does, and tells how long frames took. */
async function scrollThrough(page: Page, pixelsPerFrame: number, untilLoaded: number) {
  const session = await page.context().newCDPSession(page);
  // The time that the page's thread had, whatever else the machine does.
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const taken = async () => (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration")!.value * 1000;
  const before = await taken();
  const result = await grid(page).evaluate(
    async (scroller, [step, wanted]) => {
      const frames: number[] = [];
      let mostRows = 0;
      let last = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
      for (let still = 0; still < 600; ) {
        scroller.scrollTop += step!;
        const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
        frames.push(now - last);
        last = now;
        mostRows = Math.max(mostRows, scroller.querySelectorAll("[data-id]").length);
        const isAtEnd = scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2;
        still = isAtEnd ? still + 1 : 0;
        if (isAtEnd && Number((scroller as HTMLElement).dataset["loaded"]) >= wanted!) {
          break;
        }
      }
      frames.sort((a, b) => a - b);
      const at = (part: number) => Math.round((frames[Math.floor(frames.length * part)] ?? 0) * 10) / 10;
      const memory = (performance as unknown as { memory?: { usedJSHeapSize: number } }).memory;
      return { frames: frames.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), worst: at(0.999999), mostRows, loaded: Number((scroller as HTMLElement).dataset["loaded"]), heapMiB: Math.round((memory?.usedJSHeapSize ?? 0) / 2 ** 20) };
    },
    [pixelsPerFrame, untilLoaded] as const,
  );
  return { ...result, threadMsPerFrame: Math.round(((await taken()) - before) / result.frames) };
}

test("the first load of the page is small", async ({ page, server }) => {
  const sizes: Promise<[string, number]>[] = [];
  page.on("response", (response) => {
    if (response.request().resourceType() === "script") {
      sizes.push(response.body().then((body) => [new URL(response.url()).pathname, gzipSync(body).length]));
    }
  });
  await page.goto(server.page("/executions"));
  await expect(page.locator('[data-live="open"]')).toBeVisible();
  await expect(page.getByText("No executions yet").or(grid(page))).toBeVisible();
  await page.waitForLoadState("load");
  const all = await Promise.all(sizes);
  const sum = all.reduce((total, [, size]) => total + size, 0);
  console.log(`script of the first load: ${(sum / 1024).toFixed(1)} KiB gzipped in ${all.length} files`);
  expect(sum).toBeGreaterThan(50 * 1024);
  expect(sum).toBeLessThan(300 * 1024);
});

test("ten thousand executions come while the page is open, and are scrolled through fluidly", async ({ page, server }) => {
  test.setTimeout(480_000);
  const workflow = await server.createWorkflow("Tiny", TINY);
  await server.waitFor(await server.trigger(workflow), "completed");
  await page.goto(server.page("/executions"));
  await expect(page.locator('[data-live="open"]')).toBeVisible();
  let asked = 0;
  page.on("request", (request) => (asked += request.url().includes("/executions") ? 1 : 0));
  const begin = Date.now();
  await triggerMany(server, workflow, MANY);
  const seconds = (Date.now() - begin) / 1000;
  console.log(`${MANY} executions triggered in ${seconds.toFixed(1)} s; the page asked ${asked} times meanwhile`);
  // A storm costs the server a few requests per second and page, however many events it has.
  expect(asked / seconds).toBeLessThan(8);
  await expectHead(page, server);

  const result = await scrollThrough(page, 240, MANY + 1);
  console.log(`scrolling: ${JSON.stringify(result)}; load ${loadavg()[0]?.toFixed(1)}`);
  expect(result.loaded).toBeGreaterThanOrEqual(MANY);
  expect(result.mostRows).toBeLessThan(60);
  // What the page itself needs for a frame, painted without a graphics card.
  expect(result.threadMsPerFrame).toBeLessThan(33);
  // On a machine that much else wants, the wait for a processor is no matter of the page.
  if ((loadavg()[0] ?? 0) < 2.5 * availableParallelism()) {
    expect(result.p95).toBeLessThan(100);
  }

  // Everything is there, and once.
  await grid(page).press("End").catch(() => undefined);
  const oldest = await idsInSight(page);
  expect(oldest.at(-1)?.[0]).toBe(result.loaded - 1);

  // In the middle: what comes does not move what is looked at.
  await grid(page).evaluate((scroller) => (scroller.scrollTop = scroller.scrollHeight / 2));
  await expect.poll(async () => (await idsInSight(page))[0]?.[0]).toBeGreaterThan(MANY / 3);
  const inSight = () =>
    grid(page).evaluate((scroller) => {
      const top = scroller.getBoundingClientRect().top;
      const row = [...scroller.querySelectorAll<HTMLElement>("[data-id]")].find((each) => each.getBoundingClientRect().top >= top + 60);
      return [row?.dataset["id"], Math.round(row?.getBoundingClientRect().top ?? 0)];
    });
  const before = await inSight();
  await triggerMany(server, workflow, 12);
  await expect(page.getByRole("button", { name: "12 new" })).toBeVisible();
  expect(await inSight()).toEqual(before);
  await triggerMany(server, workflow, 1_000);
  await expect(page.getByRole("button", { name: /new$/ })).not.toHaveText("12 new");
  expect(await inSight()).toEqual(before);
  await page.getByRole("button", { name: /new$/ }).click();
  await expectHead(page, server);
  await expect(page.getByRole("button", { name: /new$/ })).toHaveCount(0);
});
