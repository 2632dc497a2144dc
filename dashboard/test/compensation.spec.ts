/** Compensation: nodes that undo others where an execution fails or is cancelled, drawn, edited, and told of. */
import type { Page } from "@playwright/test";

import { expect, expectAccessible, type Server, test } from "./support/index.ts";

interface Saved {
  definition: { nodes: { id: string; data: Record<string, unknown>; position?: { x: number; y: number } }[]; edges: { source: string; target: string }[] };
}

const edge = (source: string, target: string) => ({ source, target });
const FAILING = { transformScript: "1 / (input.n - input.n)" };
/** Books, pays, and then fails if it is to; the release is done and the refund is not. */
const trip = (last: { type: string; data: object }) => ({
  nodes: [
    { id: "begin", type: "start" },
    { id: "book", name: "Book a car", type: "transform", data: { transformScript: "{'car': 7}" } },
    { id: "release", name: "Release it", type: "transform", data: { transformScript: "lastOutput.car", compensates: "book" } },
    { id: "pay", name: "Pay", type: "transform", data: { transformScript: "{'paid': 9}" } },
    { id: "refund", name: "Refund", type: "transform", data: { ...FAILING, compensates: "pay" } },
    { id: "drive", name: "Drive", ...last },
    { id: "return", name: "Return it", type: "transform", data: { transformScript: "1", compensates: "drive" } },
    { id: "finish", type: "end" },
  ],
  edges: [edge("begin", "book"), edge("book", "pay"), edge("pay", "drive"), edge("drive", "finish")],
});

const node = (page: Page, id: string) => page.locator(`.react-flow__node[data-id="${id}"]`);
const details = (page: Page) => page.getByRole("complementary", { name: "Details" });
const line = (page: Page, name: string) => page.getByRole("img", { name, exact: true });
const read = (server: Server, id: string) => server.call<Saved>("GET", server.pod(`/workflows/${id}`));

test("what undoes a node is chosen in the editor, and drawn below it", async ({ page, server }) => {
  const id = await server.createWorkflow("To undo", {
    nodes: [
      { id: "start", type: "start" },
      { id: "book", name: "Book a car", type: "transform", data: { transformScript: "{'car': 7}" } },
      { id: "release", name: "Release it", type: "transform", data: { transformScript: "lastOutput.car" } },
      { id: "end", type: "end" },
    ],
    edges: [edge("start", "book"), edge("book", "release"), edge("release", "end"), edge("book", "end")],
  });
  await page.goto(server.page(`/workflows/${id}`));
  await expect(node(page, "release")).toBeVisible({ timeout: 30_000 });
  await node(page, "release").click();
  await details(page).getByRole("combobox", { name: "Undoes" }).click();
  // Neither itself nor what begins and ends.
  await expect(page.getByRole("option")).toHaveText(["Book a car (book)"]);
  await page.getByRole("option").click();
  await expect(line(page, "release undoes book")).toBeVisible();
  await expect(line(page, "release undoes book")).toContainText("undo");
  await expect(page.locator(".react-flow__edge")).toHaveCount(3);
  await expect(details(page).getByRole("button", { name: "Connections" })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "No problems" })).toBeVisible();
  await page.getByRole("button", { name: "Arrange all nodes" }).click();
  const [above, below] = await Promise.all([node(page, "book").boundingBox(), node(page, "release").boundingBox()]);
  expect(below?.x).toBeCloseTo(above?.x ?? 0, 0);
  expect(below?.y ?? 0).toBeGreaterThan((above?.y ?? 0) + (above?.height ?? 0));
  await expectAccessible(page);

  // The line can't be taken away: it is no edge.
  await page.keyboard.press("Escape");
  await page.locator(".react-flow__edge").filter({ hasText: "undo" }).locator("text").click({ force: true });
  await page.getByRole("region", { name: "Canvas" }).press("Delete");
  await expect(line(page, "release undoes book")).toBeVisible();

  // Another id goes into what undoes it as well.
  await node(page, "book").click();
  await details(page).getByRole("textbox", { name: "Id" }).fill("reserve");
  await details(page).getByRole("textbox", { name: "Id" }).press("Enter");
  await expect(line(page, "release undoes reserve")).toBeVisible();
  await page.keyboard.press("ControlOrMeta+s");
  await expect(page.getByText("Saved as version 2")).toBeVisible();
  const { definition } = await read(server, id);
  expect(definition.nodes.find(({ id }) => id === "release")?.data["compensates"]).toBe("reserve");
  expect(definition.edges.map(({ source, target }) => `${source} ${target}`)).toEqual(["start reserve", "reserve end"]);

  await node(page, "release").click();
  // Choosing it once more takes it back.
  await details(page).getByRole("combobox", { name: "Undoes" }).click();
  await page.getByRole("option", { name: "Book a car" }).click();
  await expect(page.locator(".react-flow__edge").filter({ hasText: "undo" })).toHaveCount(0);
  await details(page).getByRole("button", { name: "Connections" }).click();
  await details(page).getByRole("combobox", { name: "Connect done to" }).click();
  await page.getByRole("option", { name: "End" }).click();
  await expect(page.getByRole("group", { name: "From release to end" })).toBeVisible();
});

test("an execution that failed says what was undone and what was not", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("Undone", trip({ type: "transform", data: FAILING }));
  const id = await server.trigger(workflowId, { n: 1 });
  await server.waitFor(id, "failed");
  await page.goto(server.page(`/executions/${id}`));
  const undone = page.getByRole("group", { name: "What was undone" });
  await expect(undone).toHaveText("Undone: Release it. Not undone: Refund.");
  const graph = page.getByRole("group", { name: "Graph of the execution" });
  await expect(graph.getByRole("button", { name: /^Release it transform .*Completed/ })).toBeVisible();
  await expect(graph.getByRole("button", { name: /^Refund transform .*Failed/ })).toBeVisible();
  await expect(line(page, "Release it undoes Book a car")).toBeVisible();
  await expectAccessible(page);
  await undone.getByRole("button", { name: "Release it" }).click();
  const panel = page.getByRole("complementary", { name: "Node" });
  await expect(panel.getByRole("region", { name: "output" })).toContainText("7");
  // What was never done is not undone.
  await graph.getByRole("button", { name: /^Return it/ }).click();
  await expect(panel.getByText(/^It undoes Drive/)).toBeVisible();
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);
});

test("what is cancelled is undone, and what has completed is not", async ({ page, server }) => {
  const waiting = trip({ type: "approval-gate", data: { message: "Drive?" } });
  const workflowId = await server.createWorkflow("Cancelled", { ...waiting, edges: waiting.edges.map((each) => (each.source === "drive" ? { ...each, sourceHandle: "approved" } : each)) });
  const id = await server.trigger(workflowId, { n: 1 });
  await server.waitFor(id, "suspended");
  await server.call("DELETE", server.pod(`/executions/${id}`));
  await server.waitFor(id, "cancelled");
  await page.goto(server.page(`/executions/${id}`));
  await expect(page.getByRole("group", { name: "What was undone" })).toHaveText("Undone: Release it. Not undone: Refund.");

  const fine = await server.trigger(await server.createWorkflow("Fine", trip({ type: "transform", data: { transformScript: "1" } } )), { n: 1 });
  await server.waitFor(fine, "completed");
  await page.goto(server.page(`/executions/${fine}`));
  await expect(page.getByRole("button", { name: /^Drive transform .*Completed/ })).toBeVisible();
  await expect(page.getByRole("group", { name: "What was undone" })).toHaveCount(0);
});
