/** Two executions side by side. */
import { expect, expectAccessible, test } from "./support/index.ts";

const TRANSFORM = {
  nodes: [
    { id: "begin", type: "start" },
    { id: "double", type: "transform", name: "Double", data: { expression: "{'value': input.value * 2, 'same': 1}" } },
    { id: "done", type: "end" },
  ],
  edges: [
    { source: "begin", target: "double" },
    { source: "double", target: "done" },
  ],
};

test("what differs is shown by node and by value", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("Compared", TRANSFORM);
  const left = await server.trigger(workflowId, { value: 1 });
  const right = await server.trigger(workflowId, { value: 21 });
  await server.waitFor(left, "completed");
  await server.waitFor(right, "completed");
  await page.goto(server.page(`/executions/${left}`));
  await page.getByRole("button", { name: "Compare" }).click();
  const dialog = page.getByRole("dialog", { name: "Compare with" });
  await expect(dialog.getByText("The last ones of this workflow")).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: new RegExp(right.slice(-8)) }).click();
  await expect(page).toHaveURL(server.page(`/executions/${left}/compare/${right}`));
  await expect(page.getByText("Same definition")).toBeVisible();
  await expect(page.getByText("Another input")).toBeVisible();
  await expect(page.getByText("Another output")).toBeVisible();
  const changes = page.getByRole("table", { name: "What differs in the output" });
  await expect(changes.getByRole("row", { name: /value/ })).toContainText("42");
  const nodes = page.getByRole("table", { name: "Node runs" });
  await nodes.getByRole("button", { name: "double" }).click();
  await expect(page.getByRole("region", { name: "right output of double" })).toContainText("42");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Swap sides" }).click();
  await expect(page).toHaveURL(server.page(`/executions/${right}/compare/${left}`));
});

test("an execution and its replay are the same", async ({ page, server }) => {
  const id = await server.trigger(await server.createWorkflow("Repeated", TRANSFORM), { value: 3 });
  await server.waitFor(id, "completed");
  const { id: next } = await server.call<{ id: string }>("POST", server.pod(`/executions/${id}/replay`), {});
  await server.waitFor(next, "completed");
  await page.goto(server.page(`/executions/${next}`));
  await page.getByRole("tab", { name: "Lineage" }).click();
  await page.getByRole("link", { name: "Compare" }).click();
  // The original is on the left.
  await expect(page).toHaveURL(server.page(`/executions/${id}/compare/${next}`));
  await expect(page.getByText("Same output")).toBeVisible();
  await expect(page.getByText("All node runs ended in the same way")).toBeVisible();
  await page.getByRole("switch", { name: "Also what is the same" }).click();
  await expect(page.getByRole("table", { name: "Node runs" })).toContainText("double");
  await expectAccessible(page);
});
