/** The list of workflows, and their versions. */
import type { Page } from "@playwright/test";

import { expect, expectAccessible, type Server, test } from "./support/index.ts";

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
const HOSTILE = `<img src=x onerror="globalThis.broken=1">{{ 7 * 7 }}</script>`;

interface Saved {
  id: string;
  name: string;
  state: string;
  starred: boolean;
  version: number;
  deployedVersion: number | null;
  definition: { nodes: { id: string; type: string; name?: string; data: Record<string, unknown> }[]; edges: object[] };
}

const read = (server: Server, id: string) => server.call<Saved>("GET", server.pod(`/workflows/${id}`));
const row = (page: Page, name: string) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const more = (page: Page, name: string) => page.getByRole("button", { name: `More about ${name}`, exact: true });

test("workflows are found, starred, duplicated, deployed and thrown away", async ({ page, server }) => {
  const id = await server.createWorkflow("Nightly report", SMALL);
  const execution = await server.trigger(id);
  await server.waitFor(execution, "completed");
  await page.goto(server.page("/workflows"));
  await expect(row(page, "Nightly report")).toContainText("Draft");
  // Its last run, with a way there.
  await expect(row(page, "Nightly report").getByRole("link", { name: "Completed" }).first()).toHaveAttribute("href", new RegExp(`${execution}$`));
  await expectAccessible(page);

  await page.getByLabel("Search workflows").fill("nightly rep");
  await expect(page).toHaveURL(/q=nightly/);
  await expect(page.getByRole("row")).toHaveCount(2);
  await page.reload();
  await expect(page.getByLabel("Search workflows")).toHaveValue("nightly rep");
  await expect(page.getByRole("row")).toHaveCount(2);

  await page.getByRole("button", { name: "Star Nightly report" }).click();
  await expect(page.getByRole("button", { name: "Star Nightly report" })).toHaveAttribute("aria-pressed", "true");
  expect((await read(server, id)).starred).toBe(true);
  await page.getByText("Starred").click();
  await expect(page).toHaveURL(/show=starred/);
  await expect(row(page, "Nightly report")).toBeVisible();

  await more(page, "Nightly report").click();
  await page.getByRole("menuitem", { name: "Deploy version 1" }).click();
  await expect(row(page, "Nightly report")).toContainText("Deployed");
  expect((await read(server, id)).deployedVersion).toBe(1);
  await more(page, "Nightly report").click();
  await page.getByRole("menuitem", { name: "Undeploy" }).click();
  await expect(row(page, "Nightly report")).toContainText("Draft");

  await page.getByText("All", { exact: true }).click();
  await more(page, "Nightly report").click();
  await page.getByRole("menuitem", { name: "Duplicate" }).click();
  await expect(row(page, "Nightly report (copy)")).toBeVisible();

  await more(page, "Nightly report (copy)").click();
  await page.getByRole("menuitem", { name: "Move to the trash" }).click();
  await expect(row(page, "Nightly report (copy)")).toHaveCount(0);
  await page.getByText("Trash", { exact: true }).click();
  await more(page, "Nightly report (copy)").click();
  await page.getByRole("menuitem", { name: "Take out of the trash" }).click();
  await expect(page.getByText("Nothing is called or described so")).toBeVisible();
  await page.getByLabel("Search workflows").fill("");
  await expect(page.getByText("The trash is empty")).toBeVisible();
  await expectAccessible(page);
});

test("a workflow is made from an example, or from JSON", async ({ page, server }) => {
  await page.goto(server.page("/workflows"));
  await page.getByRole("button", { name: "New workflow" }).click();
  const dialog = page.getByRole("dialog", { name: "New workflow" });
  await expect(dialog.getByLabel("Name")).toBeFocused();
  await expectAccessible(page);
  await dialog.getByLabel("Name").fill("From an example");
  await dialog.getByRole("radio", { name: /^Approval/ }).click();
  await dialog.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "From an example" })).toBeVisible();
  await expect(page.locator(".react-flow__node").getByText("Ask finance")).toBeVisible();
  await expect(page.getByRole("button", { name: "No problems" })).toBeVisible();

  await page.goto(server.page("/workflows"));
  await page.getByRole("button", { name: "New workflow" }).click();
  await dialog.getByRole("tab", { name: "Import JSON" }).click();
  const text = dialog.getByLabel("Definition as JSON");
  await text.fill("nodes:\n  - id: start");
  await expect(dialog.getByText("This looks like YAML")).toBeVisible();
  await text.fill(JSON.stringify({ name: "Imported", description: "From a file", definition: { ...SMALL, edges: [] } }));
  await expect(dialog.getByLabel("Name")).toHaveValue("Imported");
  await text.fill(JSON.stringify({ ...SMALL, nodes: [...SMALL.nodes, { id: "x", type: "http" }] }));
  await dialog.getByRole("button", { name: "Create" }).click();
  // The server's own words.
  await expect(dialog.getByRole("alert")).toContainText("httpUrl");
  await text.fill(JSON.stringify(SMALL));
  await dialog.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Imported" })).toBeVisible();
  const id = page.url().split("/").pop() ?? "";
  expect((await read(server, id)).definition.nodes.map(({ id }) => id)).toEqual(["start", "sum", "end"]);
});

test("every example can be made and has no problems", async ({ server }) => {
  const { EXAMPLES } = await import("../src/pages/workflows/examples.ts");
  for (const { definition } of EXAMPLES) {
    expect(await server.call("POST", server.pod("/workflows/validate"), definition)).toEqual([]);
  }
});

test("hostile names are texts", async ({ page, server }) => {
  const id = await server.createWorkflow(HOSTILE, { ...SMALL, nodes: SMALL.nodes.map((node) => ({ ...node, name: HOSTILE })) });
  await page.goto(server.page("/workflows"));
  await expect(page.getByRole("link", { name: HOSTILE })).toBeVisible();
  await page.getByRole("link", { name: HOSTILE }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(HOSTILE);
  await expect(page.locator(".react-flow__node")).toHaveCount(3);
  await page.goto(server.page(`/workflows/${id}/versions`));
  await expect(page.getByRole("heading", { level: 1 })).toContainText(HOSTILE);
  expect(await page.evaluate(() => "broken" in globalThis || document.querySelector("img[src=x]") !== null)).toBe(false);
});

test("versions are compared, restored and deployed", async ({ page, server }) => {
  const id = await server.createWorkflow("Versions", SMALL);
  const changed = {
    nodes: [
      { id: "start", type: "start" },
      { id: "sum", name: "Add up", type: "transform", data: { transformScript: "2 + 2" } },
      { id: "call", type: "wait", data: { duration: "1s" } },
      { id: "end", type: "end" },
    ],
    edges: [
      { source: "start", target: "sum" },
      { source: "sum", target: "call" },
      { source: "call", target: "end" },
    ],
    settings: { timeoutMs: 5000 },
  };
  await server.call("PATCH", server.pod(`/workflows/${id}`), { definition: changed });
  await page.goto(server.page(`/workflows/${id}/versions`));
  const nodes = page.getByRole("region", { name: "Nodes" });
  await expect(nodes.getByRole("listitem").filter({ hasText: "Add up" })).toContainText("data.transformScript");
  await expect(nodes.getByRole("listitem").filter({ hasText: "Add up" })).toContainText("1 + 1");
  await expect(nodes.getByRole("listitem").filter({ hasText: "Add up" })).toContainText("2 + 2");
  await expect(nodes.getByRole("listitem").filter({ hasText: "call" })).toContainText("Added");
  const edges = page.getByRole("region", { name: "Edges" });
  await expect(edges.getByRole("listitem")).toHaveCount(3);
  await expect(edges.getByRole("listitem").filter({ hasText: "sum → end" })).toContainText("Removed");
  await expect(page.getByRole("region", { name: "Settings" })).toContainText("timeoutMs");
  // The same on the graph.
  await expect(page.locator('.react-flow__node [data-mark="added"]')).toHaveCount(1);
  await expect(page.locator('.react-flow__node [data-mark="changed"]')).toHaveCount(1);
  await expectAccessible(page);

  await page.getByRole("button", { name: "Restore version 1" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Restore" }).click();
  await expect(page.getByRole("region", { name: "Versions" }).getByText("Version 3", { exact: true })).toBeVisible();
  expect((await read(server, id)).version).toBe(3);
  expect((await read(server, id)).definition.nodes.map(({ id }) => id)).toEqual(["start", "sum", "end"]);

  await page.getByRole("button", { name: "More about version 2" }).click();
  await page.getByRole("menuitem", { name: "Deploy version 2" }).click();
  await expect(page.getByText("Version 2 is deployed")).toBeVisible();
  expect((await read(server, id)).deployedVersion).toBe(2);

  await page.goto(server.page(`/workflows/${id}/versions?from=1&to=3`));
  await expect(page.getByText("Both are the same.")).toBeVisible();
});
