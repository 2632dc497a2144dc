/** The editor of workflows. */
import type { Page } from "@playwright/test";

import { expect, expectAccessible, type Server, signedIn, test } from "./support/index.ts";

interface Saved {
  id: string;
  version: number;
  deployedVersion: number | null;
  definition: {
    nodes: { id: string; type: string; name?: string; parentId?: string; data: Record<string, unknown>; position?: { x: number; y: number } }[];
    edges: { source: string; target: string; sourceHandle?: string }[];
  };
}

const EMPTY = { nodes: [{ id: "start", type: "start" }], edges: [] };
const SMALL = {
  nodes: [
    { id: "start", type: "start" },
    { id: "sum", name: "Add up", type: "transform", data: { transformScript: "1 + 1" } },
    { id: "end", type: "end" },
  ],
  edges: [
    { source: "start", target: "sum" },
    { source: "sum", target: "end" },
  ],
};

const read = (server: Server, id: string) => server.call<Saved>("GET", server.pod(`/workflows/${id}`));
const node = (page: Page, id: string) => page.locator(`.react-flow__node[data-id="${id}"]`);
const handle = (page: Page, id: string, port: string) => page.locator(`.react-flow__handle[data-nodeid="${id}"][data-handleid="${port}"]`);
const details = (page: Page) => page.getByRole("complementary", { name: "Details" });

async function open(page: Page, server: Server, id: string): Promise<void> {
  await page.goto(server.page(`/workflows/${id}`));
  // The editor is a file of its own: on a busy machine it takes its time.
  await expect(page.locator(".react-flow__node").first()).toBeVisible({ timeout: 30_000 });
}

async function drag(page: Page, from: { x: number; y: number }, to: { x: number; y: number }): Promise<void> {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2, { steps: 5 });
  await page.mouse.move(to.x, to.y, { steps: 5 });
  await page.mouse.up();
}

async function middle(locator: ReturnType<Page["locator"]>): Promise<{ x: number; y: number }> {
  const box = await locator.boundingBox();
  if (!box) {
    throw new Error(`not drawn: ${locator}`);
  }
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

test("a workflow is built from nothing, checked, saved, and run on the canvas", async ({ page, server }) => {
  const id = await server.createWorkflow("Built by hand", EMPTY);
  await open(page, server, id);
  await expect(page.getByRole("button", { name: "Save", exact: true })).toBeDisabled();

  // A click adds after what is selected.
  await node(page, "start").click();
  await page.getByRole("button", { name: "Add Transform" }).click();
  await expect(node(page, "transform")).toBeVisible();
  await expect(page.locator(".react-flow__edge")).toHaveCount(1);
  await details(page).getByLabel("Name").fill("Double it");
  await details(page).getByLabel("Transform script").fill("default(input.n, 21) *");
  await expect(page.getByRole("button", { name: "1 problem" })).toBeVisible();
  await expect(node(page, "transform")).toContainText("1 problem");
  // At the field, too.
  await expect(details(page).getByText(/at byte/)).toBeVisible();
  await details(page).getByLabel("Transform script").fill("default(input.n, 21) * 2");
  await expect(page.getByRole("button", { name: "No problems" })).toBeVisible();

  // A drag adds where it is dropped, and a drag between handles connects.
  const canvas = page.getByRole("region", { name: "Canvas" });
  await page.getByRole("button", { name: "Add End" }).dragTo(canvas, { targetPosition: { x: 330, y: 420 } });
  await expect(node(page, "end")).toBeVisible();
  await expect(page.locator(".react-flow__edge")).toHaveCount(1);
  await drag(page, await middle(handle(page, "transform", "default")), await middle(handle(page, "end", "in")));
  await expect(page.locator(".react-flow__edge")).toHaveCount(2);
  await expect(page.getByRole("button", { name: "No problems" })).toBeVisible();
  await expectAccessible(page);

  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("Saved as version 2")).toBeVisible();
  const { definition, version } = await read(server, id);
  expect(version).toBe(2);
  expect(definition.nodes.map(({ id, type, name, data }) => ({ id, type, name, data }))).toEqual([
    { id: "start", type: "start", name: undefined, data: {} },
    { id: "transform", type: "transform", name: "Double it", data: { transformScript: "default(input.n, 21) * 2" } },
    { id: "end", type: "end", name: undefined, data: {} },
  ]);
  expect(definition.edges.map(({ source, target }) => `${source} ${target}`)).toEqual(["start transform", "transform end"]);

  await page.getByRole("button", { name: "Run", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: /^Run/ }).click();
  await expect(page.getByRole("status", { name: "Run" })).toContainText("Completed");
  for (const each of ["start", "transform", "end"]) {
    await expect(node(page, each).getByRole("img", { name: "Completed" })).toBeVisible();
  }
  await expectAccessible(page);
  await page.getByRole("link", { name: "Open the execution" }).click();
  await expect(page).toHaveURL(/\/executions\//);
});

test("problems are listed, and lead to their nodes and edges", async ({ page, server }) => {
  const id = await server.createWorkflow("To break", SMALL);
  await open(page, server, id);
  await page.getByRole("button", { name: "The definition as JSON" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.locator(".cm-content")).toBeVisible();
  await expectAccessible(page);
  await dialog.locator(".cm-content").fill(JSON.stringify({ nodes: [...SMALL.nodes, { id: "pick", name: "Choose", type: "if-else", data: { condition: "1 +" } }], edges: [...SMALL.edges, { source: "sum", target: "pick" }] }));
  await dialog.getByRole("button", { name: "Apply to the draft" }).click();
  await expect(node(page, "pick")).toContainText(/problem/);
  const found = await server.call<{ message: string }[]>("POST", server.pod("/workflows/validate"), {
    nodes: [...SMALL.nodes, { id: "pick", type: "if-else", data: { condition: "1 +" } }],
    edges: [...SMALL.edges, { source: "sum", target: "pick" }],
  });
  await page.getByRole("button", { name: `${found.length} problem` }).click();
  await expect(details(page).getByRole("listitem")).toHaveCount(found.length);
  for (const { message } of found) {
    await expect(details(page).getByText(message)).toBeVisible();
  }
  await expectAccessible(page);
  await details(page).getByRole("button", { name: /pick/ }).first().click();
  await expect(details(page).getByRole("textbox", { name: "Id" })).toHaveValue("pick");
  // What can't be saved says why, and keeps the draft.
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("It was not saved")).toBeVisible();
  await expect(page.getByText("Not saved", { exact: true })).toBeVisible();
});

test("nothing is needed but a keyboard", async ({ page, server }) => {
  const id = await server.createWorkflow("By keys", EMPTY);
  await open(page, server, id);
  await node(page, "start").focus();
  await page.keyboard.press("Enter");
  await expect(details(page).getByRole("textbox", { name: "Id" })).toHaveValue("start");
  await node(page, "start").focus();
  await page.keyboard.press("n");
  await expect(page.getByLabel("Search node types")).toBeFocused();
  await page.keyboard.type("if / else");
  await page.keyboard.press("Enter");
  // On to its fields.
  await expect(details(page).getByRole("textbox", { name: "Id" })).toHaveValue("if-else");
  await expect(details(page).getByLabel("Name")).toBeFocused();
  await page.keyboard.type("Is it large?");
  await details(page).getByLabel("Condition").focus();
  await page.keyboard.type("input.total > 5");
  // The next one follows by the first port that is free.
  await node(page, "if-else").focus();
  await page.keyboard.press("n");
  await expect(page.getByLabel("Search node types")).toBeFocused();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("end");
  await page.keyboard.press("Enter");
  await expect(node(page, "end")).toBeVisible();
  // And another edge from the lists.
  await node(page, "if-else").focus();
  await page.keyboard.press("Enter");
  await expect(details(page).getByRole("textbox", { name: "Id" })).toHaveValue("if-else");
  await details(page).getByRole("button", { name: "Connections" }).focus();
  await page.keyboard.press("Enter");
  await details(page).getByRole("combobox", { name: "Connect else to" }).focus();
  await page.keyboard.type("end");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page.locator(".react-flow__edge")).toHaveCount(3);
  await expect(page.getByRole("button", { name: "No problems" })).toBeVisible();
  await page.keyboard.press("ControlOrMeta+s");
  await expect(page.getByText("Saved as version 2")).toBeVisible();
  const { definition } = await read(server, id);
  expect(definition.nodes.find(({ id }) => id === "if-else")).toMatchObject({ name: "Is it large?", data: { condition: "input.total > 5" } });
  expect(definition.edges).toMatchObject([
    { source: "start", target: "if-else" },
    { source: "if-else", sourceHandle: "if", target: "end" },
    { source: "if-else", sourceHandle: "else", target: "end" },
  ]);
});

test("steps are undone and redone, nodes copied, removed, arranged", async ({ page, server }) => {
  const id = await server.createWorkflow("Steps", SMALL);
  await open(page, server, id);
  await node(page, "sum").click();
  await expect(details(page).getByRole("textbox", { name: "Id" })).toHaveValue("sum");
  await node(page, "sum").focus();
  await page.keyboard.press("ControlOrMeta+d");
  await expect(node(page, "sum-2")).toBeVisible();
  await node(page, "sum-2").focus();
  await page.keyboard.press("Delete");
  await expect(node(page, "sum-2")).toHaveCount(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(node(page, "sum-2")).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(node(page, "sum-2")).toHaveCount(0);
  await expect(page.getByText("Not saved", { exact: true })).toHaveCount(0);
  await page.getByRole("button", { name: "Redo" }).click();
  await expect(node(page, "sum-2")).toBeVisible();

  // A node is dragged; one step back and it is where it was.
  const before = await middle(node(page, "end"));
  await drag(page, before, { x: before.x, y: before.y + 120 });
  await expect.poll(async () => (await middle(node(page, "end"))).y).toBeGreaterThan(before.y + 80);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(async () => Math.abs((await middle(node(page, "end"))).y - before.y)).toBeLessThan(3);
  await page.getByRole("button", { name: "Arrange all nodes" }).click();
  await expect(page.getByText("Not saved", { exact: true })).toBeVisible();

  // Another id goes into the edges as well.
  await node(page, "sum-2").click();
  await details(page).getByRole("button", { name: "Delete this node" }).click();
  await node(page, "sum").click();
  await details(page).getByRole("textbox", { name: "Id" }).fill("total");
  await details(page).getByRole("textbox", { name: "Id" }).press("Enter");
  await expect(node(page, "total")).toBeVisible();
  await page.keyboard.press("ControlOrMeta+s");
  await expect(page.getByText("Saved as version 2")).toBeVisible();
  const { definition } = await read(server, id);
  expect(definition.edges.map(({ source, target }) => `${source} ${target}`)).toEqual(["start total", "total end"]);
  expect(definition.nodes.every(({ position }) => position)).toBe(true);
});

test("the body of a loop is built inside of it", async ({ page, server }) => {
  const id = await server.createWorkflow("Loop", EMPTY);
  await open(page, server, id);
  await node(page, "start").click();
  await page.getByRole("button", { name: "Add Loop" }).click();
  await details(page).getByLabel("Array path").fill("[1, 2, 3]");
  await details(page).getByRole("combobox", { name: "Add to the body" }).click();
  await page.getByRole("option", { name: "Transform" }).click();
  await expect(details(page).getByRole("textbox", { name: "Id" })).toHaveValue("transform");
  await details(page).getByLabel("Transform script").fill("item * 2");
  await expect(page.getByRole("button", { name: "No problems" })).toBeVisible();
  await page.keyboard.press("ControlOrMeta+s");
  await expect(page.getByText("Saved as version 2")).toBeVisible();
  expect((await read(server, id)).definition.nodes.find(({ id }) => id === "transform")).toMatchObject({ parentId: "loop" });
  const execution = await server.trigger(id);
  expect(await server.waitFor(execution, "completed")).toBeTruthy();
});

test("nobody saves over somebody else without knowing", async ({ page, server }) => {
  const id = await server.createWorkflow("Two people", SMALL);
  await open(page, server, id);
  await node(page, "sum").click();
  await details(page).getByLabel("Transform script").fill("40 + 2");
  const theirs = { ...SMALL, nodes: SMALL.nodes.map((node) => (node.id === "sum" ? { ...node, data: { transformScript: "7 * 6" } } : node)) };
  await server.call("PATCH", server.pod(`/workflows/${id}`), { definition: theirs });
  await page.keyboard.press("ControlOrMeta+s");
  const dialog = page.getByRole("dialog", { name: "Somebody else has saved this workflow" });
  await expect(dialog).toContainText("7 * 6");
  await expect(dialog).toContainText("40 + 2");
  await expectAccessible(page);
  expect((await read(server, id)).version).toBe(2);
  await dialog.getByRole("button", { name: "Keep editing" }).click();
  await page.keyboard.press("ControlOrMeta+s");
  await dialog.getByRole("button", { name: "Save mine over it" }).click();
  await expect(page.getByText("Saved as version 3")).toBeVisible();
  expect((await read(server, id)).definition.nodes[1]?.data).toEqual({ transformScript: "40 + 2" });

  // And the other way: theirs in place of mine.
  await details(page).getByLabel("Transform script").fill("0");
  await server.call("PATCH", server.pod(`/workflows/${id}`), { definition: theirs });
  await page.keyboard.press("ControlOrMeta+s");
  await dialog.getByRole("button", { name: "Take theirs, drop mine" }).click();
  await expect(page.getByText("Not saved", { exact: true })).toHaveCount(0);
  await node(page, "sum").click();
  await expect(details(page).getByLabel("Transform script")).toHaveValue("7 * 6");
});

test("changes are not lost by leaving", async ({ page, server }) => {
  const id = await server.createWorkflow("Leaving", SMALL);
  await page.goto(server.page("/workflows"));
  await page.getByRole("link", { name: "Leaving" }).click();
  await node(page, "sum").click();
  await details(page).getByLabel("Name").fill("Changed");
  const dialog = page.getByRole("dialog", { name: "Leave without saving?" });
  await page.getByRole("link", { name: "Inbox" }).click();
  await dialog.getByRole("button", { name: "Stay" }).click();
  await expect(page).toHaveURL(new RegExp(`/workflows/${id}$`));
  await page.goBack();
  await expect(dialog).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`/workflows/${id}$`));
  await dialog.getByRole("button", { name: "Stay" }).click();
  await expect(details(page).getByLabel("Name")).toHaveValue("Changed");
  await page.getByRole("link", { name: "Inbox" }).click();
  await dialog.getByRole("button", { name: "Leave" }).click();
  await expect(page).toHaveURL(/\/inbox$/);
  // Nothing is in the way any more.
  await page.getByRole("link", { name: "Workers and queues" }).click();
  await expect(page).toHaveURL(/\/workers$/);
});

test("a viewer looks and changes nothing", async ({ browser, server }) => {
  const id = await server.createWorkflow("For viewers", SMALL);
  const { key } = await server.call<{ key: string }>("POST", `/workspaces/${server.workspaceId}/api-keys`, { name: "viewer", role: "viewer" });
  const context = await signedIn(browser, server, key);
  const page = await context.newPage();
  await open(page, server, id);
  await node(page, "sum").click();
  await expect(details(page).getByLabel("Transform script")).toBeDisabled();
  for (const name of ["Save", "Run", "Deploy", "Undo", "Add Transform"]) {
    await expect(page.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  await expectAccessible(page);
  await context.close();
});

test("three hundred nodes open quickly, and move smoothly", async ({ page, server }) => {
  test.setTimeout(120_000);
  const nodes = [{ id: "start", type: "start", data: {} }, ...Array.from({ length: 299 }, (_, index) => ({ id: `n${index}`, type: "transform", data: { transformScript: `${index}` } }))];
  const edges = Array.from({ length: 299 }, (_, index) => ({ source: index < 10 ? "start" : `n${index - 10}`, target: `n${index}` }));
  const id = await server.createWorkflow("Large", { nodes, edges });
  await page.goto(server.page("/executions"));
  const begin = Date.now();
  await page.goto(server.page(`/workflows/${id}`));
  await expect(page.locator(".react-flow__node")).toHaveCount(300, { timeout: 45_000 });
  const opened = Date.now() - begin;
  // Frames while the canvas is moved by hand.
  await page.evaluate(() => {
    const times: number[] = [];
    Object.assign(globalThis, { times });
    const frame = (at: number) => {
      times.push(at);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const canvas = await page.locator(".react-flow__pane").boundingBox();
  const at = { x: (canvas?.x ?? 0) + 400, y: (canvas?.y ?? 0) + 20 };
  await page.mouse.move(at.x, at.y);
  await page.mouse.down();
  for (let step = 1; step <= 40; step++) {
    await page.mouse.move(at.x - step * 6, at.y + (step % 7) * 8);
  }
  await page.mouse.up();
  const gaps = await page.evaluate(() => (globalThis as unknown as { times: number[] }).times.map((at, index, all) => at - (all[index - 1] ?? at)).slice(1));
  const typical = [...gaps].sort((left, right) => left - right)[Math.floor(gaps.length / 2)] ?? 0;
  console.log(`300 nodes: opened in ${opened} ms, ${gaps.length} frames while moved, ${typical.toFixed(0)} ms typically`);
  // Far above what it takes: a machine that is shared by many is no measure.
  expect(opened).toBeLessThan(40_000);
  expect(typical).toBeLessThan(150);
});

test("on a phone the graph comes first, and the fields from below", async ({ browser, server }) => {
  const id = await server.createWorkflow("In a pocket", SMALL);
  const context = await signedIn(browser, server, server.apiKey, { viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  await open(page, server, id);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(page);
  await node(page, "sum").click();
  const drawer = page.getByRole("dialog", { name: "Details" });
  await drawer.getByLabel("Name").fill("Renamed");
  await expectAccessible(page);
  await drawer.getByRole("button", { name: "Close the panel" }).click();
  await expect(drawer).toHaveCount(0);
  await expect(node(page, "sum")).toContainText("Renamed");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("dialog", { name: "Add a node" }).getByRole("button", { name: "Add Wait" }).click();
  await expect(page.getByRole("dialog", { name: "Details" }).getByRole("textbox", { name: "Id" })).toHaveValue("wait");
  await context.close();
});
