/** The list of executions: what it shows is what the API says, at every moment that a reader could look. */
import { ASKING, expectEqual, FAILING, grid, isLive, type Listed, rowOf, shown, TINY } from "./support/executions.ts";
import { expect, expectAccessible, signedIn, test } from "./support/index.ts";

const WITH_FORM = {
  ...TINY,
  nodes: [
    {
      id: "begin",
      type: "start",
      data: { inputSchema: { type: "object", required: ["order"], properties: { order: { type: "string", title: "Order", minLength: 3 }, total: { type: "integer", title: "Total" } } } },
    },
    { id: "finish", type: "end" },
  ],
};

test("a pod without executions says what to do, and the first one is seen at once", async ({ page, server }) => {
  const pod = await server.call<{ id: string }>("POST", `/workspaces/${server.workspaceId}/pods`, { name: "Quiet" });
  await page.goto(`${server.url}/w/${server.workspaceId}/p/${pod.id}/executions`);
  await expect(page.getByText("No executions yet")).toBeVisible();
  await isLive(page);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Run the first one" }).click();
  await expect(page.getByText("There is no workflow in this pod yet.")).toBeVisible();
  await page.keyboard.press("Escape");
  const path = `/workspaces/${server.workspaceId}/pods/${pod.id}`;
  const workflow = await server.call<{ id: string }>("POST", `${path}/workflows`, { name: "First", definition: TINY });
  const { id } = await server.call<Listed>("POST", `${path}/executions`, { workflowId: workflow.id });
  await expect(rowOf(page, id)).toContainText("Completed");
  // It was made after the page had read the names.
  await expect(rowOf(page, id)).toContainText("First");
});

test("an execution appears live, its status follows, and it ends as the API says", async ({ page, server }) => {
  const workflow = await server.createWorkflow("Asks", ASKING);
  await page.goto(server.page("/executions"));
  await isLive(page);
  const id = await server.trigger(workflow, {}, { subject: "live one" });
  await expect(rowOf(page, id)).toContainText("Waiting");
  await expect(rowOf(page, id)).toContainText("live one");
  await expect(grid(page).locator("[data-row='0']")).toHaveAttribute("data-id", id);
  const chip = page.getByRole("button", { name: /^Waiting \d/ });
  // The counts follow the rows a moment later.
  const showsTheWaiting = async () => {
    const waiting = await server.call<Listed[]>("GET", server.pod("/executions?status=suspended&limit=200"));
    await expect(chip).toHaveText(new RegExp(`(\\b|Waiting)${waiting.length}$`));
  };
  await showsTheWaiting();
  await server.call("PATCH", server.pod(`/executions/${id}/approve`), {});
  await expect(rowOf(page, id)).toContainText("Completed");
  await showsTheWaiting();
  await expectEqual(page, server);
  await expectAccessible(page);
});

test("filters are in the address, and the list follows them live", async ({ page, server }) => {
  test.slow();
  const asks = await server.createWorkflow("Filter asks", ASKING);
  const fails = await server.createWorkflow("Filter fails", FAILING);
  const failed = await server.trigger(fails, { by: 1 }, { subject: "f-1" });
  const waiting = await server.trigger(asks, {}, { subject: "f-2" });
  await server.waitFor(failed, "failed");
  await server.waitFor(waiting, "suspended");
  await page.goto(server.page("/executions"));
  await expect(rowOf(page, waiting)).toBeVisible();

  await page.getByRole("group", { name: "Status" }).getByRole("button", { name: /Failed/ }).click();
  await expect(page).toHaveURL(/\?status=failed$/);
  await expect(rowOf(page, failed)).toContainText("division");
  await expect(rowOf(page, waiting)).toHaveCount(0);
  await page.getByRole("group", { name: "Status" }).getByRole("button", { name: /Waiting/ }).click();
  await expect(page).toHaveURL(/\?status=suspended&status=failed$/);
  await expect(rowOf(page, waiting)).toBeVisible();
  await page.goBack();
  await expect(rowOf(page, waiting)).toHaveCount(0);
  await page.goForward();
  await expect(rowOf(page, waiting)).toBeVisible();
  await expectEqual(page, server, "&status=suspended&status=failed");

  // What no longer fits goes; what does comes.
  await server.call("PATCH", server.pod(`/executions/${waiting}/approve`), {});
  await expect(rowOf(page, waiting)).toHaveCount(0);
  const another = await server.trigger(fails, { by: 2 }, { subject: "f-3" });
  await expect(rowOf(page, another)).toContainText("Failed");

  // A link has everything.
  await page.goto(server.page(`/executions?workflowId=${fails}&triggeredBy=sdk&subject=f-1&createdAfter=2026-01-01T00:00:00Z`));
  await expect(rowOf(page, failed)).toBeVisible();
  expect(await shown(page)).toHaveLength(1);
  await page.getByRole("button", { name: "Remove: Subject f-1" }).click();
  await expect(rowOf(page, another)).toBeVisible();
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect(page).toHaveURL(/\/executions$/);

  // By keyboard: `/`, an expression, Enter.
  await page.locator("body").press("/");
  await expect(page.getByLabel("Filter", { exact: true })).toBeFocused();
  await page.keyboard.type("subject like 'f-*' and status eq 'completed'");
  await page.keyboard.press("Enter");
  await expect(rowOf(page, waiting)).toBeVisible();
  await expect(rowOf(page, failed)).toHaveCount(0);
  await page.getByRole("button", { name: "Clear Filter" }).click();

  await page.getByRole("button", { name: "More" }).click();
  await page.getByLabel("Subject", { exact: true }).fill("f-none");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Nothing matches")).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await expect(rowOf(page, another)).toBeVisible();
});

test("a filter that can't be read is refused at its field, with the place", async ({ page, server }) => {
  await server.waitFor(await server.trigger(await server.createWorkflow("Any", TINY)), "completed");
  await page.goto(server.page("/executions"));
  await expect(grid(page)).toBeVisible();
  const field = page.getByLabel("Filter", { exact: true });
  await field.fill("status eq 'done'");
  await field.press("Enter");
  await expect(page.getByText(/at character 10: `status` takes one of/)).toBeVisible();
  await expect(page.locator("mark")).toHaveText("'done'");
  await expect(field).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByText("This filter can't be read")).toBeVisible();
  await expectAccessible(page);
  await field.fill("status eq 'completed'");
  await field.press("Enter");
  await expect(grid(page)).toBeVisible();
  await expectEqual(page, server, "&status=completed");
});

test("waiting executions are cancelled together", async ({ page, server }) => {
  const workflow = await server.createWorkflow("Many ask", ASKING);
  const ids: string[] = [];
  for (let count = 0; count < 12; count++) {
    ids.push(await server.trigger(workflow, {}, { subject: `many-${count}` }));
  }
  await Promise.all(ids.map((id) => server.waitFor(id, "suspended")));
  await server.call("DELETE", server.pod(`/executions/${ids[11]}?wait=10`));
  await page.goto(server.page(`/executions?workflowId=${workflow}`));
  await expect(rowOf(page, ids[0]!)).toContainText("Waiting");
  await rowOf(page, ids[11]!).getByRole("checkbox").click();
  await rowOf(page, ids[7]!).getByRole("checkbox").click({ modifiers: ["Shift"] });
  await expect(page.getByText("5 selected")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("region", { name: "Selected executions" }).getByRole("button", { name: "Cancel", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("Cancel 4 executions?");
  await expect(dialog).toContainText("The other 1 have ended already");
  await dialog.getByRole("button", { name: "Cancel 4" }).click();
  const job = page.getByRole("region", { name: "Bulk job" });
  await expect(job).toHaveAttribute("data-state", "finished");
  await expect(job).toContainText("4 of 4 done");
  for (const id of ids.slice(7, 11)) {
    await expect(rowOf(page, id)).toContainText("Cancelled");
  }
  await job.getByRole("button", { name: "Close" }).click();

  // All that match, loaded or not.
  await page.goto(server.page(`/executions?workflowId=${workflow}&status=suspended`));
  await expect(rowOf(page, ids[0]!)).toBeVisible();
  await page.getByLabel("Select all that are loaded").click();
  await page.getByRole("region", { name: "Selected executions" }).getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Cancel 7" }).click();
  await expect(page.getByText("7 of 7 done")).toBeVisible();
  await expect(page.getByText("Nothing matches")).toBeVisible();
  const left = await server.call<Listed[]>("GET", server.pod(`/executions?workflowId=${workflow}&status=suspended`));
  expect(left).toEqual([]);
});

test("keys move, select and open", async ({ page, server }) => {
  const workflow = await server.createWorkflow("Keys", TINY);
  const ids: string[] = [];
  for (let count = 0; count < 5; count++) {
    ids.unshift(await server.trigger(workflow));
  }
  await page.goto(server.page(`/executions?workflowId=${workflow}`));
  await expect(rowOf(page, ids[4]!)).toContainText("Completed");
  await rowOf(page, ids[0]!).focus();
  await page.keyboard.press("j");
  await expect(rowOf(page, ids[1]!)).toBeFocused();
  await page.keyboard.press("x");
  await page.keyboard.press("Shift+ArrowDown");
  await expect(rowOf(page, ids[2]!)).toBeFocused();
  await expect(page.getByText("2 selected")).toBeVisible();
  await page.keyboard.press("End");
  await expect(rowOf(page, ids[4]!)).toBeFocused();
  await page.keyboard.press("k");
  await expect(rowOf(page, ids[3]!)).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByText("2 selected")).toHaveCount(0);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(server.page(`/executions/${ids[3]}`));
  await page.goBack();
  await rowOf(page, ids[2]!).click();
  await expect(page).toHaveURL(server.page(`/executions/${ids[2]}`));
});

test("a workflow is run by its form, and what is refused is said at the field", async ({ page, server }) => {
  const workflow = await server.createWorkflow("Takes a form", WITH_FORM);
  await page.goto(server.page("/executions"));
  await page.getByRole("button", { name: "Run workflow" }).click();
  await page.getByLabel("Find a workflow").fill("takes a");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Run Takes a form" });
  await dialog.getByLabel("Order").fill("x");
  await dialog.getByRole("button", { name: "Run", exact: true }).click();
  await expect(dialog.getByRole("alert").first()).toBeVisible();
  await expect(dialog.getByLabel("Order")).toHaveAttribute("aria-invalid", "true");
  await expectAccessible(page);
  await dialog.getByLabel("Order").fill("A-100");
  await dialog.getByRole("button", { name: "Options" }).click();
  await dialog.getByLabel("Subject").fill("by hand");
  await dialog.getByLabel("Priority").fill("7");
  await dialog.getByRole("button", { name: "Run", exact: true }).click();
  await expect(page).toHaveURL(/\/executions\/[0-9a-f-]{36}$/);
  const id = page.url().slice(-36);
  expect(await server.waitFor(id, "completed")).toMatchObject({ workflowId: workflow, input: { order: "A-100" }, subject: "by hand", priority: 7 });

  // It remembers what was sent, also as JSON.
  await page.goto(server.page(`/executions?workflowId=${workflow}`));
  await page.getByRole("button", { name: "Run workflow" }).click();
  await expect(dialog.getByLabel("Order")).toHaveValue("A-100");
  await dialog.getByText("JSON", { exact: true }).click();
  await expect(dialog.getByRole("textbox", { name: "Input" })).toContainText("A-100");
});

test("names and subjects are text, whatever they hold", async ({ page, server }) => {
  const name = `<img src=x onerror=alert(1)> "'\`{{7*7}} \u202Eevil ${"long".repeat(20)}`.slice(0, 110);
  const workflow = await server.createWorkflow(name, TINY);
  const subject = `</script><svg onload=alert(2)>${"y".repeat(180)}`;
  const id = await server.trigger(workflow, {}, { subject });
  await page.goto(server.page("/executions"));
  await expect(rowOf(page, id)).toContainText("<img src=x onerror=alert(1)>");
  await expect(rowOf(page, id)).toContainText("</script><svg onload=alert(2)>");
  expect(await page.locator("main img, main svg[onload]").count()).toBe(0);
  await page.getByRole("button", { name: "Run workflow" }).click();
  await expect(page.getByRole("dialog")).toContainText("<img src=x onerror=alert(1)>");
  const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  expect(isWide).toBe(false);
});

test("on a phone rows have two lines and nothing runs off the side", async ({ browser, server }) => {
  const workflow = await server.createWorkflow("A workflow with a rather long name for a phone", ASKING);
  const id = await server.trigger(workflow, {}, { subject: "a subject that is long enough to be cut off" });
  const context = await signedIn(browser, server, server.apiKey, { viewport: { width: 390, height: 844 }, hasTouch: true });
  const page = await context.newPage();
  await page.goto(server.page("/executions"));
  await expect(rowOf(page, id)).toContainText("Waiting");
  expect((await rowOf(page, id).boundingBox())?.height).toBeGreaterThan(60);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.getByRole("button", { name: "Filters" }).click();
  await expect(page.getByLabel("Created after")).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await rowOf(page, id).tap();
  await expect(page).toHaveURL(server.page(`/executions/${id}`));
  await context.close();
});

test("who may only look gets no buttons that change something", async ({ browser, server }) => {
  const { key } = await server.call<{ key: string }>("POST", `/workspaces/${server.workspaceId}/api-keys`, { name: "Looks", role: "viewer" });
  const context = await signedIn(browser, server, key);
  const page = await context.newPage();
  await server.trigger(await server.createWorkflow("Seen", TINY));
  await page.goto(server.page("/executions"));
  await expect(grid(page).locator("[data-id]").first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Run workflow" })).toHaveCount(0);
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  await expectAccessible(page);
  await context.close();
});
