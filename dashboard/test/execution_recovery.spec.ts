/** Whatever happens to servers, networks and tabs: the page ends with what the API says, without anybody reloading it. */
import { expect, test } from "./support/index.ts";
import { expectTheSame, slow } from "./support/executions.ts";

test("a server that is killed and comes back", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("Killed", slow(6));
  const id = await server.trigger(workflowId);
  await page.goto(server.page(`/executions/${id}`));
  await expect(page.getByRole("button", { name: /^wait1 wait .*Waiting/ })).toBeVisible();
  await server.kill();
  await expect(page.getByText("Reconnecting")).toBeVisible();
  await server.restart();
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await server.waitFor(id, "completed");
  await expect(page.getByRole("main").getByText("Completed", { exact: true }).first()).toBeVisible();
  await expectTheSame(page, server, id);
});

test("a network that is gone for a while", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("Offline", slow(3));
  const id = await server.trigger(workflowId);
  await page.goto(server.page(`/executions/${id}`));
  await expect(page.getByRole("button", { name: /^wait0 wait .*Waiting/ })).toBeVisible();
  await page.context().setOffline(true);
  await server.waitFor(id, "completed");
  await page.context().setOffline(false);
  await expect(page.getByRole("main").getByText("Completed", { exact: true }).first()).toBeVisible();
  await expectTheSame(page, server, id);
});

test("a tab that is frozen while the server is killed", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("Frozen", slow(4));
  const id = await server.trigger(workflowId);
  await page.goto(server.page(`/executions/${id}`));
  await expect(page.getByRole("button", { name: /^wait0 wait .*Waiting/ })).toBeVisible();
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  await server.kill();
  await server.restart();
  await server.waitFor(id, "completed");
  await session.send("Page.setWebLifecycleState", { state: "active" });
  await expect(page.getByRole("main").getByText("Completed", { exact: true }).first()).toBeVisible();
  await expectTheSame(page, server, id);
});
