/** Workers and queues: how to start one, what waits, and who works on it. */
import { type Schemas } from "@sluicegate/sdk";

import { expect, expectAccessible, test } from "./support/index.ts";

const QUEUE = `<b>pdf</b> & "parsers"`;

test("without workers the page says how to start one", async ({ page, server }) => {
  await page.goto(server.page("/workers"));
  await expect(page.getByText("No worker has asked for work yet")).toBeVisible();
  await expect(page.getByRole("region", { name: "A worker in Python" })).toContainText(server.podId);
  await expectAccessible(page);
  await page.getByRole("tab", { name: "TypeScript" }).click();
  await expect(page.getByRole("region", { name: "A worker in TypeScript" })).toContainText("@sluicegate/sdk/worker");
  await page.getByRole("tab", { name: "curl" }).click();
  await expect(page.getByRole("region", { name: "A worker by hand" })).toContainText(`/pods/${server.podId}`);
});

test("tasks wait, a worker takes one and ends it", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("Work for a worker", {
    nodes: [
      { id: "start", type: "start" },
      { id: "parse", type: "task", data: { queue: QUEUE, input: { number: 1 }, leaseSeconds: 300 } },
      { id: "end", type: "end" },
    ],
    edges: [
      { id: "e1", source: "start", target: "parse" },
      { id: "e2", source: "parse", target: "end" },
    ],
  });
  await page.goto(server.page("/workers"));
  const executions = [await server.trigger(workflowId), await server.trigger(workflowId)];
  const row = page.getByRole("table", { name: "Queues" }).getByRole("row").filter({ hasText: QUEUE });
  await expect(row).toContainText("No worker");
  await expect(row.getByRole("cell").nth(1)).toContainText("2");
  await expect(page.getByText("No worker was heard of in the last day")).toBeVisible();
  await expectAccessible(page);

  const workerId = `worker "1" <i>${"long".repeat(15)}`;
  const { tasks } = await server.call<Schemas["LeasedTasks"]>("POST", server.pod("/tasks/lease"), { workerId, queues: [QUEUE, "others"], version: "1.2.3" });
  const [task] = tasks;
  expect(executions).toContain(task?.executionId);
  const card = page.getByRole("list", { name: "Workers" }).getByRole("listitem").filter({ hasText: workerId });
  await expect(card.getByText("Connected")).toBeVisible();
  await expect(card).toContainText("others");
  await expect(card).toContainText("version 1.2.3");
  await expect(card).toContainText("parse");
  await expect(card.getByRole("link")).toHaveAttribute("href", new RegExp(`/executions/${task?.executionId}$`));
  await expect(row).toContainText("All busy");
  const [queue] = await server.call<Schemas["TaskQueue"][]>("GET", server.pod("/task-queues"));
  expect(queue).toMatchObject({ queue: QUEUE, queued: 1, leased: 1 });
  await expect(row.getByRole("cell").nth(1)).toContainText("1");
  await expect(row.getByRole("cell").nth(3)).toContainText("1");
  await expectAccessible(page);

  await server.call("POST", server.pod(`/tasks/${task?.taskId}/complete`), { leaseToken: task?.leaseToken, output: { pages: 3 } });
  await server.waitFor(task?.executionId ?? "", "completed");
  await expect(card).toContainText("Runs nothing now");
  await expect(row.getByRole("cell").nth(3)).toContainText("0");

  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(page);
  for (const id of executions) {
    await server.call("POST", server.pod(`/executions/${id}/cancel`)).catch(() => undefined);
  }
});

test("a worker that is not heard of any more has vanished, and the page outlives a server", async ({ page, server }) => {
  await server.call("POST", server.pod("/tasks/lease"), { workerId: "gone", queues: ["quiet"] });
  // The reply of an hour later.
  await page.route("**/workers", async (route) => {
    if (!route.request().url().includes("/v1/")) {
      return route.fallback();
    }
    const response = await route.fetch();
    const workers = (await response.json()) as Schemas["WorkerView"][];
    await route.fulfill({ response, json: workers.map((worker) => (worker.workerId === "gone" ? { ...worker, connected: false } : worker)) });
  });
  await page.goto(server.page("/workers"));
  const card = page.getByRole("list", { name: "Workers" }).getByRole("listitem").filter({ hasText: "gone" });
  await expect(card.getByText("Vanished")).toBeVisible();
  await expectAccessible(page);
  await page.unroute("**/workers");
  await server.kill();
  await server.restart();
  await server.call("POST", server.pod("/tasks/lease"), { workerId: "newcomer", queues: ["quiet"] });
  await expect(page.getByRole("list", { name: "Workers" })).toContainText("newcomer");
});
