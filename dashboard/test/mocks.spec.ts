/** Executions with mocks: asked for in the run dialog, and recognised wherever their results are shown. */
import { expect, expectAccessible, test } from "./support/index.ts";

const CHARGE = {
  nodes: [
    { id: "begin", type: "start" },
    { id: "charge", name: "Charge", type: "http", data: { httpUrl: "http://127.0.0.1:1/", mock: { output: { paid: true } } } },
    { id: "ask", name: "Ask", type: "approval-gate", data: { message: "Ship?", mock: { branch: "approved", output: { by: "nobody" } } } },
    { id: "count", name: "Count", type: "transform", data: { expression: "1 + 1" } },
    { id: "finish", type: "end" },
  ],
  edges: [
    { source: "begin", target: "charge" },
    { source: "charge", target: "ask" },
    { source: "ask", sourceHandle: "approved", target: "count" },
    { source: "count", target: "finish" },
  ],
};

test("mocks are asked for in the run dialog, and shown on the execution", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("With mocks", CHARGE);
  await page.goto(server.page(`/workflows/${workflowId}`));
  await page.getByRole("button", { name: "Run", exact: true }).click();
  const dialog = page.getByRole("dialog");
  const mocks = dialog.getByRole("checkbox", { name: "Use mocks" });
  await expect(mocks).not.toBeChecked();
  await expect(dialog.getByText("In place of running: Charge, Ask")).toBeVisible();
  await expectAccessible(page);
  await mocks.check();
  await dialog.getByRole("button", { name: /^Run/ }).click();
  await page.getByRole("link", { name: "Open the execution" }).click();

  await expect(page.getByRole("group", { name: "Mocks" })).toContainText("nodes that have one took it in place of running");
  await expect(page.getByRole("button", { name: /^Charge http mocked Completed/ })).toBeVisible();
  await expect(page.getByRole("button", { name: /^Ask approval-gate mocked Completed/ })).toBeVisible();
  await expect(page.getByRole("button", { name: /^Count transform .*Completed/ })).not.toContainText("mocked");
  await expectAccessible(page);
  await page.getByRole("button", { name: /^Charge/ }).click();
  const panel = page.getByRole("complementary", { name: "Node" });
  await expect(panel.getByText("Mocked", { exact: true })).toBeVisible();
  await expect(panel.getByRole("region", { name: "output" })).toContainText("paid");
  await page.getByRole("button", { name: /^Count/ }).click();
  await expect(panel.getByRole("heading", { name: "Count" })).toBeVisible();
  await expect(panel.getByText("Mocked", { exact: true })).toHaveCount(0);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);
  await page.getByRole("tab", { name: /Events/ }).click();
  await page.getByRole("textbox", { name: "Search the events" }).fill("charge");
  await expect(page.getByRole("table", { name: "Events" })).toContainText("Completed, mocked");
});

test("without mocks nothing speaks of them", async ({ page, server }) => {
  const nodes = CHARGE.nodes.map((node) => ({ ...node, data: node.id === "charge" ? { httpUrl: "http://127.0.0.1:1/" } : node.id === "ask" ? { message: "Ship?" } : node.data }));
  const workflowId = await server.createWorkflow("Ordinary", { ...CHARGE, nodes });
  const id = await server.trigger(workflowId, {});
  await server.waitFor(id, "failed");
  await page.goto(server.page(`/executions/${id}`));
  await expect(page.getByRole("button", { name: /^Charge http .*Failed/ })).toBeVisible();
  await expect(page.getByText(/mock/i)).toHaveCount(0);
  await page.goto(server.page(`/workflows/${workflowId}`));
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await expect(page.getByRole("dialog").getByRole("button", { name: /^Run/ })).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Use mocks" })).toHaveCount(0);
});
