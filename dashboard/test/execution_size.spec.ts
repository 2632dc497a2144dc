/** Large executions: how long they take to be shown, and how fluid they are. The numbers are printed. */
import { expect, test } from "./support/index.ts";
import { slow } from "./support/order.ts";

test("ten thousand events are there within a second", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("Ten thousand", {
    nodes: [
      { id: "begin", type: "start" },
      { id: "each", type: "loop", data: { items: "input.items", maxIterations: 10_000, concurrency: 50 } },
      { id: "body", type: "transform", parentId: "each", data: { expression: "item * 2" } },
      { id: "done", type: "end" },
    ],
    edges: [
      { source: "begin", target: "each" },
      { source: "each", target: "done" },
    ],
  });
  const id = await server.trigger(workflowId, { items: Array.from({ length: 5_000 }, (_, index) => index) });
  const { lastSeq } = await server.waitFor(id, "completed");
  expect(lastSeq).toBeGreaterThan(10_000);
  // Another execution is open: from there it is a click's work, as from any page.
  const otherId = await server.trigger(await server.createWorkflow("Small", slow(1, "10ms")));
  await server.waitFor(otherId, "completed");
  await page.goto(server.page(`/executions/${otherId}?tab=events`));
  await expect(page.getByRole("table", { name: "Events" })).toBeVisible();
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    const ms = await page.evaluate(
      async ({ path, rows }) => {
        const begin = performance.now();
        history.pushState(null, "", path);
        for (;;) {
          await new Promise((resolve) => requestAnimationFrame(resolve));
          if (document.querySelector('[role="table"][aria-label="Events"]')?.getAttribute("aria-rowcount") === rows) {
            return performance.now() - begin;
          }
          if (performance.now() - begin > 30_000) {
            return Number.POSITIVE_INFINITY;
          }
        }
      },
      { path: new URL(server.page(`/executions/${id}?tab=events`)).pathname + "?tab=events", rows: String(lastSeq + 1) },
    );
    times.push(Math.round(ms));
    await page.evaluate((path) => history.pushState(null, "", path), new URL(server.page(`/executions/${otherId}`)).pathname + "?tab=events");
    await expect(page.getByRole("table", { name: "Events" })).not.toHaveAttribute("aria-rowcount", String(lastSeq + 1));
  }
  console.log(`${lastSeq} events shown after ${times.join(", ")} ms`);
  expect(Math.min(...times)).toBeLessThan(1_000);
});

test("a graph of three hundred nodes stays fluid", async ({ page, server }) => {
  const lanes = 20;
  const steps = 15;
  const name = (lane: number, step: number) => `n${lane}-${step}`;
  const nodes: object[] = [{ id: "begin", type: "start" }];
  const edges: object[] = [];
  for (let lane = 0; lane < lanes; lane++) {
    for (let step = 0; step < steps; step++) {
      nodes.push({ id: name(lane, step), type: "transform", data: { expression: "1" } });
      edges.push({ source: step === 0 ? "begin" : name(lane, step - 1), target: name(lane, step) });
    }
  }
  nodes.push({ id: "done", type: "end" });
  for (let lane = 0; lane < lanes; lane++) {
    edges.push({ source: name(lane, steps - 1), target: "done" });
  }
  const id = await server.trigger(await server.createWorkflow("Three hundred", { nodes, edges }));
  await server.waitFor(id, "completed");
  await page.goto(server.page(`/executions/${id}`));
  await expect(page.locator('[data-node]:visible').first()).toBeVisible();
  await page.getByRole("button", { name: /fit view/i }).click();
  await expect.poll(() => page.locator("[data-node]").count()).toBeGreaterThan(300);
  await expect(page.getByRole("button", { name: /^n19-14 transform .*Completed/ })).toBeVisible();
  await page.evaluate(() => {
    const deltas: number[] = [];
    (globalThis as unknown as { deltas: number[] }).deltas = deltas;
    let last = performance.now();
    const tick = () => {
      const now = performance.now();
      deltas.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  const box = (await page.getByRole("group", { name: "Graph of the execution" }).boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height - 20);
  await page.mouse.down();
  for (let turn = 0; turn < 4; turn++) {
    await page.mouse.move(box.x + box.width / 2 + (turn % 2 ? 200 : -200), box.y + box.height - 60, { steps: 40 });
  }
  await page.mouse.up();
  await page.mouse.wheel(0, -300);
  const deltas = (await page.evaluate(() => (globalThis as unknown as { deltas: number[] }).deltas)).sort((a, b) => a - b);
  const at = (share: number) => Math.round(deltas[Math.floor(deltas.length * share)] ?? 0);
  console.log(`${deltas.length} frames while panning 302 nodes: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(0.999)} ms`);
  expect(at(0.5)).toBeLessThan(100);
});
