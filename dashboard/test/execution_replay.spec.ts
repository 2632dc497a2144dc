/** Replays: from a node that is picked, by a plan that is seen before anything starts. */
import { expect, expectAccessible, test } from "./support/index.ts";
import { expectTheSame, ORDER, ORDER_INPUT } from "./support/order.ts";
import type { Server } from "./support/server.ts";

async function completed(server: Server, name: string): Promise<string> {
  const id = await server.trigger(await server.createWorkflow(name, ORDER), ORDER_INPUT);
  for (let isAnswered = false; !isAnswered; ) {
    const { suspensions } = await server.call<{ suspensions: { state: string }[] }>("GET", server.pod(`/executions/${id}`));
    isAnswered = suspensions.some(({ state }) => state === "open");
    if (isAnswered) {
      await server.call("PATCH", server.pod(`/executions/${id}/respond`), { approved: true });
    } else {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  await server.waitFor(id, "completed");
  return id;
}

interface Replay {
  replayOf: string;
  fromNodeId: string;
  output: unknown;
  nodes: { nodeId: string; reused?: boolean; output: unknown }[];
}

test("from a node on the graph, with another result for one of them", async ({ page, server }) => {
  const id = await completed(server, "Replayed");
  await page.goto(server.page(`/executions/${id}`));
  await page.getByRole("button", { name: /^Ask finance approval-gate/ }).click();
  await page.getByRole("button", { name: "Replay from here" }).click();
  const dialog = page.getByRole("dialog", { name: "Replay" });
  await expect(dialog.getByRole("status")).toContainText(/nodes run again/);
  const plan = dialog.getByRole("list", { name: "Plan" });
  await expect(plan.getByRole("listitem").filter({ hasText: "Each line" })).toContainText("Reused");
  await expect(plan.getByRole("listitem").filter({ hasText: "Ask finance" })).toContainText("the replay begins here");
  await expectAccessible(page);
  // Another node, picked on the graph of the plan.
  await dialog.getByRole("button", { name: /fit view/i }).click();
  await dialog.locator("[data-node=ship]").click();
  await expect(plan.getByRole("listitem").filter({ hasText: "Ship it" })).toContainText("the replay begins here");
  await expect(plan.getByRole("listitem").filter({ hasText: "Ask finance" })).toContainText("Reused");
  await plan.getByRole("combobox", { name: "What to do with Ship it" }).selectOption("Pin a value …");
  const value = plan.getByRole("textbox", { name: "The output of Ship it" });
  await value.fill('{"parcel": "pinned"}');
  await expect(plan.getByRole("listitem").filter({ hasText: "Ship it" })).toContainText("its value is given");
  await dialog.getByRole("button", { name: "Start the replay" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(page).not.toHaveURL(new RegExp(id));
  const next = page.url().split("/").at(-1)?.split("?")[0] ?? "";
  await server.waitFor(next, "completed");
  const replay = await server.call<Replay>("GET", server.pod(`/executions/${next}`));
  expect(replay).toMatchObject({ replayOf: id, fromNodeId: "ship", output: { parcel: "pinned" } });
  await expect(page.getByRole("button", { name: /^Ship it transform pinned/ })).toBeVisible();
  await expect(page.getByRole("button", { name: /^Ask finance approval-gate reused/ })).toBeVisible();
  await expectTheSame(page, server, next);
  await page.getByRole("tab", { name: "Lineage" }).click();
  await expect(page.getByRole("table", { name: "Replays" })).toContainText("ship");
});

test("by the keyboard alone", async ({ page, server }) => {
  const id = await completed(server, "By keys");
  await page.goto(server.page(`/executions/${id}`));
  const replay = page.getByRole("button", { name: "Replay", exact: true });
  await replay.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Replay" });
  const from = dialog.getByRole("combobox", { name: "From" });
  await expect(from).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("Ship it");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(from).toHaveValue("Ship it");
  await expect(dialog.getByRole("listitem").filter({ hasText: "Ship it" })).toContainText("the replay begins here");
  const start = dialog.getByRole("button", { name: "Start the replay" });
  await expect(start).toBeEnabled();
  for (let tabs = 0; tabs < 60 && !(await start.evaluate((button) => button === document.activeElement)); tabs++) {
    await page.keyboard.press("Tab");
  }
  await expect(start).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).not.toHaveURL(new RegExp(id));
  const next = page.url().split("/").at(-1) ?? "";
  await server.waitFor(next, "completed");
  expect(await server.call("GET", server.pod(`/executions/${next}`))).toMatchObject({ replayOf: id, fromNodeId: "ship" });
});

const LOOP = {
  nodes: [
    { id: "start", type: "start", data: {} },
    { id: "each", type: "loop", name: "Each one", data: { items: "{{ ['a', 'b', 'c'] }}" } },
    { id: "say", type: "transform", name: "Say it", parentId: "each", data: { transformScript: "'said ' + item" } },
    { id: "end", type: "end", data: {} },
  ],
  edges: [
    { id: "1", source: "start", target: "each" },
    { id: "2", source: "each", target: "end" },
  ],
};

test("from a node inside one iteration of a loop", async ({ page, server }) => {
  const id = await server.trigger(await server.createWorkflow("Looped", LOOP), null);
  await server.waitFor(id, "completed");
  await page.goto(server.page(`/executions/${id}?node=say&run=${encodeURIComponent("each[1]/say")}`));
  await page.getByRole("button", { name: "Replay from here" }).click();
  const dialog = page.getByRole("dialog", { name: "Replay" });
  const plan = dialog.getByRole("list", { name: "Plan" });
  await expect(plan.getByRole("listitem").filter({ hasText: "Each one" })).toContainText("the replay begins inside it");
  await expect(plan.getByRole("listitem").filter({ hasText: "each[1]/say" })).toContainText("the replay begins here");
  await expect(dialog.getByRole("combobox", { name: "From" })).toHaveValue("each[1]/say");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Start the replay" }).click();
  await expect(dialog).toHaveCount(0);
  const next = page.url().split("/").at(-1)?.split("?")[0] ?? "";
  await server.waitFor(next, "completed");
  const replay = await server.call<Replay>("GET", server.pod(`/executions/${next}`));
  expect(replay).toMatchObject({ replayOf: id, fromNodeId: "each[1]/say" });
});
