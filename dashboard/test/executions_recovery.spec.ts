/** The stream of the list of executions: one per tab, and nothing is missed when servers, networks and tabs go away for a while. */
import { ASKING, expectEqual, isLive, rowOf } from "./support/executions.ts";
import { expect, test } from "./support/index.ts";

test("a tab has one stream, wherever it goes", async ({ page, server }) => {
  const open = new Set<object>();
  let most = 0;
  page.on("request", (request) => {
    if (request.headers()["accept"] === "text/event-stream") {
      open.add(request);
      most = Math.max(most, open.size);
    }
  });
  page.on("requestfailed", (request) => open.delete(request));
  page.on("requestfinished", (request) => open.delete(request));
  await page.goto(server.page("/executions"));
  await isLive(page);
  for (const name of ["Inbox", "Executions", "Workflows", "Executions", "Schedules", "Settings", "Executions"]) {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name }).click();
    await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
    await expect.poll(() => open.size).toBeLessThanOrEqual(1);
  }
  await isLive(page);
  // A filter opens none.
  await page.getByRole("group", { name: "Status" }).getByRole("button", { name: /Failed/ }).click();
  await expect(page).toHaveURL(/status=failed/);
  await expect.poll(() => open.size).toBe(1);
  // While one page hands over to the next, the old stream may take a moment to be seen closed.
  expect(most).toBeLessThanOrEqual(2);
});

test("a server that dies and comes back is caught up with", async ({ page, server }) => {
  const workflow = await server.createWorkflow("Survives", ASKING);
  const first = await server.trigger(workflow);
  await page.goto(server.page("/executions"));
  await expect(rowOf(page, first)).toContainText("Waiting");
  await isLive(page);
  await server.kill();
  await expect(page.locator('[data-live="waiting"], [data-live="connecting"]')).toBeVisible();
  await server.restart();
  // Before the page is back.
  await server.call("PATCH", server.pod(`/executions/${first}/approve`), {});
  const second = await server.trigger(workflow);
  await expect(rowOf(page, second)).toContainText("Waiting", { timeout: 30_000 });
  await expect(rowOf(page, first)).toContainText("Completed");
  await isLive(page);
  await expectEqual(page, server);
});

test("a tab that was offline or frozen is caught up with", async ({ page, server }) => {
  const workflow = await server.createWorkflow("Sleeps", ASKING);
  const first = await server.trigger(workflow);
  await page.goto(server.page("/executions"));
  await expect(rowOf(page, first)).toContainText("Waiting");
  await isLive(page);
  await page.context().setOffline(true);
  await server.call("PATCH", server.pod(`/executions/${first}/approve`), {});
  const second = await server.trigger(workflow);
  await server.waitFor(second, "suspended");
  await page.context().setOffline(false);
  await expect(rowOf(page, second)).toContainText("Waiting", { timeout: 30_000 });
  await expect(rowOf(page, first)).toContainText("Completed");

  const session = await page.context().newCDPSession(page);
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  await server.call("PATCH", server.pod(`/executions/${second}/approve`), {});
  const third = await server.trigger(workflow);
  await server.waitFor(third, "suspended");
  await session.send("Page.setWebLifecycleState", { state: "active" });
  await expect(rowOf(page, third)).toContainText("Waiting", { timeout: 30_000 });
  await expect(rowOf(page, second)).toContainText("Completed");
  await expectEqual(page, server);
});
