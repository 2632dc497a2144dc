/** Whatever happens to servers, networks and tabs: the page ends with what the API says, without anybody reloading it. */
import type { Page } from "@playwright/test";

import { expect, type Server, test } from "./support/index.ts";
import { expectTheSame, ORDER, ORDER_INPUT } from "./support/order.ts";

/** The page of an execution that waits for an answer. */
async function open(page: Page, server: Server, name: string): Promise<string> {
  const id = await server.trigger(await server.createWorkflow(name, ORDER), ORDER_INPUT);
  await page.goto(server.page(`/executions/${id}`));
  await expect(page.getByRole("button", { name: /^Ask finance approval-gate .*Waiting/ })).toBeVisible();
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  return id;
}

async function answer(server: Server, id: string): Promise<void> {
  await server.call("PATCH", server.pod(`/executions/${id}/respond`), { approved: true });
  await server.waitFor(id, "completed");
}

async function expectCompleted(page: Page, server: Server, id: string): Promise<void> {
  // What lies between may keep a dead connection open: then the page finds out by itself, at its next look at the execution.
  await expect(page.getByRole("main").getByText("Completed", { exact: true }).first()).toBeVisible({ timeout: 40_000 });
  await expectTheSame(page, server, id);
}

test("a server that is killed and comes back", async ({ page, server }) => {
  const id = await open(page, server, "Killed");
  await server.kill();
  await server.restart();
  await answer(server, id);
  await expectCompleted(page, server, id);
});

test("a network that is gone while it goes on", async ({ page, server }) => {
  const id = await open(page, server, "Offline");
  await page.context().setOffline(true);
  await answer(server, id);
  await page.context().setOffline(false);
  await expectCompleted(page, server, id);
});

test("a tab that is frozen while the server is killed", async ({ page, server }) => {
  const id = await open(page, server, "Frozen");
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  await server.kill();
  await server.restart();
  await answer(server, id);
  await session.send("Page.setWebLifecycleState", { state: "active" });
  await expectCompleted(page, server, id);
});
