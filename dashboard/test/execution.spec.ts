/** The page of an execution: what happens is seen as it happens. */
import { expect, expectAccessible, signedIn, test } from "./support/index.ts";
import { expectTheSame, ORDER, ORDER_INPUT, slow } from "./support/order.ts";

test("node states change while it runs, and end as the API has them", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("Live order", ORDER);
  const id = await server.trigger(workflowId, ORDER_INPUT, { subject: "order-A-1", priority: 7 });
  await page.goto(server.page(`/executions/${id}`));
  await expect(page.getByRole("heading", { name: "Live order", level: 1 })).toBeVisible();
  await expect(page.getByText("order-A-1")).toBeVisible();
  const ask = page.getByRole("button", { name: /^Ask finance approval-gate .*Waiting/ });
  await expect(ask).toBeVisible();
  await expect(page.getByRole("button", { name: /^Take it transform Skipped/ })).toBeVisible();
  await expect(page.getByRole("button", { name: /^Ship it transform Not begun/ })).toBeVisible();
  await expect(page.getByRole("button", { name: /^Price a line transform 3 runs Completed/ })).toBeVisible();
  await expect(page.getByRole("group", { name: "It waits for an answer" })).toContainText("Ship order A-1?");
  await expectAccessible(page);
  await server.call("PATCH", server.pod(`/executions/${id}/respond`), { approved: true, comment: "Fine" });
  await expect(page.getByRole("button", { name: /^Ship it transform .*Completed/ })).toBeVisible();
  await expect(page.getByRole("main").getByText("Completed", { exact: true }).first()).toBeVisible();
  await expect(page.getByRole("group", { name: "It waits for an answer" })).toHaveCount(0);
  await expectTheSame(page, server, id);
});

test("all of an execution is in its tabs, also for the keyboard", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("Tabs", ORDER);
  const id = await server.trigger(workflowId, ORDER_INPUT);
  await server.waitFor(id, "suspended");
  await page.goto(server.page(`/executions/${id}`));
  await expect(page.getByRole("button", { name: /^Ask finance .*Waiting/ })).toBeVisible();

  // From node to node by the arrow keys, and into its panel.
  await page.getByRole("button", { name: /^begin/ }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("button", { name: /^Each line/ })).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("button", { name: /^Pause/ })).toBeFocused();
  await page.keyboard.press("Enter");
  const panel = page.getByRole("complementary", { name: "Node" });
  await expect(panel.getByRole("heading", { name: "Pause" })).toBeVisible();
  await expect(page).toHaveURL(/node=pause/);
  await panel.getByRole("button", { name: "Close the node's panel" }).click();
  await page.getByRole("button", { name: /^Price a line/ }).click();
  await expect(panel.getByText("3 completed")).toBeVisible();
  await panel.getByRole("textbox", { name: "Which run" }).fill("2");
  await expect(panel.getByText("lines[1]/price")).toBeVisible();
  await expect(panel.getByRole("region", { name: "output" })).toContainText("4");

  await page.getByRole("tab", { name: "Timeline" }).click();
  await expect(page.getByRole("button", { name: /^Ask finance Waiting/ })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("tab", { name: /Events/ }).click();
  const { lastSeq } = await server.call<{ lastSeq: number }>("GET", server.pod(`/executions/${id}`));
  await expect(page.getByRole("table", { name: "Events" })).toHaveAttribute("aria-rowcount", String(lastSeq + 1));
  await page.getByRole("textbox", { name: "Search the events" }).fill("ask");
  await page.getByRole("button", { name: /^Event / }).first().click();
  await expect(page.getByRole("region", { name: /^event / })).toContainText("nodeId");
  await expectAccessible(page);
  await page.getByRole("tab", { name: /Logs/ }).click();
  await expect(page.getByText("Nothing was logged")).toBeVisible();
  await page.getByRole("tab", { name: "Data" }).click();
  await expect(page.getByRole("region", { name: "input" })).toContainText("A-1");
  await expectAccessible(page);
  await page.getByRole("tab", { name: /Suspensions/ }).click();
  await expect(page.getByRole("article").getByText("Ship order A-1?")).toBeVisible();
  await expect(page.getByRole("link", { name: "Decide in the inbox" })).toHaveAttribute("href", /\/inbox\//);
  await expectAccessible(page);
  await page.getByRole("tab", { name: /Artifacts/ }).click();
  await expect(page.getByText("There are no files")).toBeVisible();
  await page.getByRole("tab", { name: "Lineage" }).click();
  await expect(page.getByText("It stands alone")).toBeVisible();
  await expectAccessible(page);

  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Cancel the execution" }).click();
  await expect(page.getByText("Cancelled", { exact: true }).first()).toBeVisible();
  expect((await server.waitFor(id, "cancelled")).status).toBe("cancelled");
});

test("a failure says what, where and how often", async ({ page, server }) => {
  const workflowId = await server.createWorkflow("Broken", {
    nodes: [
      { id: "begin", type: "start" },
      { id: "fetch", type: "http", name: "Fetch", data: { httpUrl: "http://127.0.0.1:1/", retry: { maxAttempts: 2, initialMs: 50 } } },
      { id: "done", type: "end" },
    ],
    edges: [
      { source: "begin", target: "fetch" },
      { source: "fetch", target: "done" },
    ],
  });
  const id = await server.trigger(workflowId);
  const { error } = (await server.waitFor(id, "failed")) as unknown as { error: { message: string; code: string } };
  await page.goto(server.page(`/executions/${id}`));
  const failure = page.getByRole("group", { name: "Failure" }).first();
  await expect(failure).toContainText(error.message);
  await expect(failure).toContainText(error.code);
  await failure.getByRole("button", { name: "Show the node" }).click();
  const panel = page.getByRole("complementary", { name: "Node" });
  await expect(panel.getByText("Attempt 2, failed")).toBeVisible();
  await expect(page.getByRole("button", { name: /^done end Skipped/ })).toBeVisible();
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);
});

const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

test("names, outputs and questions are text whatever they hold", async ({ page, server }) => {
  const workflowId = await server.createWorkflow(HOSTILE, {
    nodes: [
      { id: "begin", type: "start", name: HOSTILE },
      { id: "ask", type: "approval-gate", name: `"><b>${HOSTILE}`, data: { title: HOSTILE, message: `${HOSTILE}{{ input.text }}`, context: { x: "{{ input.text }}" } } },
      { id: "note", type: "note", data: { text: HOSTILE } },
      { id: "done", type: "end", data: { output: { "<i>key</i>": "{{ input.text }}" } } },
    ],
    edges: [
      { source: "begin", target: "ask", label: HOSTILE },
      { source: "ask", target: "done", sourceHandle: "approved" },
    ],
  });
  const id = await server.trigger(workflowId, { text: HOSTILE, [HOSTILE]: HOSTILE }, { subject: HOSTILE });
  await server.waitFor(id, "suspended");
  for (const tab of ["graph&node=ask", "timeline", "events", "data", "suspensions", "lineage"]) {
    await page.goto(server.page(`/executions/${id}?tab=${tab}`));
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(HOSTILE);
    await expect(page.getByRole("tabpanel")).toContainText(/begin|onerror|stands alone/);
    expect(await page.locator("img[src=x], main script, main b b, main i").count()).toBe(0);
  }
  await server.call("PATCH", server.pod(`/executions/${id}/respond`), { approved: true, comment: HOSTILE });
  await server.waitFor(id, "completed");
  await page.goto(server.page(`/executions/${id}?tab=suspensions`));
  await expect(page.getByRole("article")).toContainText("onerror");
  expect(await page.locator("img[src=x], main script, main i").count()).toBe(0);
  await expect(page).toHaveTitle(/onerror/);
});

test("who may only look is offered no changes", async ({ browser, server }) => {
  const workflowId = await server.createWorkflow("To look at", slow(1, "50ms"));
  const id = await server.trigger(workflowId);
  await server.waitFor(id, "completed");
  const { key } = await server.call<{ key: string }>("POST", `/workspaces/${server.workspaceId}/api-keys`, { name: "viewer", role: "viewer" });
  const context = await signedIn(browser, server, key);
  const page = await context.newPage();
  await page.goto(server.page(`/executions/${id}`));
  await expect(page.getByRole("button", { name: "Compare" })).toBeVisible();
  await expect(page.getByRole("button", { name: /Replay|Retry|Cancel/ })).toHaveCount(0);
  await page.goto(server.page("/executions/01900000-0000-7000-8000-000000000000"));
  await expect(page.getByText("There is no such execution")).toBeVisible();
  await context.close();
});

test("what the browser brings into view stays there", async ({ page, server }) => {
  const ids = ["begin", ...Array.from({ length: 12 }, (_, index) => `step${index}`), "last"];
  const nodes = ids.map((id) => (id === "begin" ? { id, type: "start" } : { id, type: "transform", data: { expression: "1" } }));
  const edges = ids.slice(1).map((target, index) => ({ source: ids[index] ?? "", target }));
  const id = await server.trigger(await server.createWorkflow("Wide", { nodes, edges }));
  await server.waitFor(id, "completed");
  await page.goto(server.page(`/executions/${id}`));
  const frame = page.getByRole("group", { name: "Graph of the execution" });
  const last = frame.locator("[data-node=last]");
  await expect(last).toHaveAccessibleName(/Completed/);
  const isInside = async () => {
    const [inner, outer] = [await last.boundingBox(), await frame.boundingBox()];
    return !!inner && !!outer && inner.x >= outer.x && inner.x + inner.width <= outer.x + outer.width;
  };
  expect(await isInside()).toBe(false);
  // As a search in the page does.
  await last.evaluate((button) => {
    button.scrollIntoView({ block: "nearest", inline: "center" });
  });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  expect(await isInside()).toBe(true);
  await expect.poll(() => frame.locator(".react-flow, .react-flow__renderer").evaluateAll((parts) => parts.some((part) => part.scrollLeft > 0))).toBe(false);
  await last.click();
  await expect(page.getByRole("complementary", { name: "Node" }).getByRole("heading", { name: "last" })).toBeVisible();
});

test("a phone shows a node's panel from below, and nothing sticks out", async ({ browser, server }) => {
  const workflowId = await server.createWorkflow("Phone", ORDER);
  const id = await server.trigger(workflowId, ORDER_INPUT);
  await server.waitFor(id, "suspended");
  const context = await signedIn(browser, server, server.apiKey, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const page = await context.newPage();
  for (const tab of ["graph", "timeline", "events", "data", "suspensions", "lineage"]) {
    await page.goto(server.page(`/executions/${id}?tab=${tab}`));
    await expect(page.getByRole("heading", { name: "Phone" })).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  }
  await page.goto(server.page(`/executions/${id}`));
  await page.getByRole("button", { name: /^Ask finance approval-gate/ }).tap();
  await expect(page.getByRole("dialog").getByRole("heading", { name: "Ask finance" })).toBeVisible();
  await expectAccessible(page);
  await context.close();
});
