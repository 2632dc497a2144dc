/** Schedules: making one, what is shown of its slots, running it by hand, and what becomes of the slots. */
import { type Schemas } from "@sluicegate/sdk";

import { readCron } from "../src/pages/schedules/cron.ts";
import { comingSlots } from "../src/pages/schedules/cron_slots.ts";
import { cronWords } from "../src/pages/schedules/cron_words.ts";
import { expect, expectAccessible, signedIn, test } from "./support/index.ts";
import type { Server } from "./support/server.ts";

type Schedule = Schemas["Schedule"];
type ComingSlot = Schemas["ComingSlot"];

const HOSTILE = `<img src=x onerror=alert(1)> "'&${"long".repeat(20)}`;

function create(server: Server, more: object = {}): Promise<Schedule> {
  const body = { workflowId: server.workflows["linear"], name: "Nightly", cronExpression: "30 2 * * *", timezone: "Europe/Berlin", ...more };
  return server.call<Schedule>("POST", server.pod("/schedules"), body);
}

async function remove(server: Server, schedule: Schedule): Promise<void> {
  await server.call("DELETE", server.pod(`/schedules/${schedule.id}`));
}

async function preview(server: Server, schedule: Schedule, n: number): Promise<string[]> {
  const slots = await server.call<ComingSlot[]>("GET", server.pod(`/schedules/${schedule.id}/preview?n=${n}`));
  return slots.map(({ slot }) => new Date(slot).toISOString());
}

test("a schedule is made, and the slots shown before and after are those of the server", async ({ page, server }) => {
  await page.goto(server.page("/schedules"));
  await expect(page.getByText("Nothing is scheduled yet")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "New schedule" }).click();
  const dialog = page.getByRole("dialog", { name: "New schedule" });
  await dialog.getByLabel("Name").fill("Morning report");
  await dialog.getByRole("combobox", { name: "Workflow" }).click();
  await page.getByRole("option", { name: "Linear" }).click();
  await dialog.getByRole("combobox", { name: "Repeats" }).click();
  await page.getByRole("option", { name: "On days of the week" }).click();
  await dialog.getByLabel("At", { exact: true }).fill("07:45");
  await dialog.getByText("Sat", { exact: true }).click();
  await dialog.getByRole("combobox", { name: "Time zone" }).fill("Lord_Howe");
  await page.getByRole("option", { name: "Australia/Lord_Howe" }).click();
  await expect(dialog.getByRole("region", { name: "Preview" })).toContainText("Monday to Saturday at 07:45");
  await expectAccessible(page);
  const times = dialog.getByRole("list", { name: "Next slots" }).getByRole("listitem").locator("time");
  await expect(times).toHaveCount(5);
  const foreseen = await times.evaluateAll((all) => all.map((time) => time.getAttribute("datetime")));
  await dialog.getByLabel("Input").fill('{"items":[{"price":3}]}');
  await dialog.getByRole("button", { name: "Create schedule" }).click();

  await expect(page.getByRole("heading", { name: "Morning report" })).toBeVisible();
  const id = new URL(page.url()).pathname.split("/").at(-1);
  const schedule = await server.call<Schedule>("GET", server.pod(`/schedules/${id}`));
  expect(schedule).toMatchObject({ cronExpression: "45 7 * * 1,2,3,4,5,6", timezone: "Australia/Lord_Howe", overlap: "skip", input: { items: [{ price: 3 }] } });
  const coming = await preview(server, schedule, 8);
  expect(foreseen).toEqual(coming.slice(0, 5));
  const shown = page.getByRole("list", { name: "Next slots" }).locator("time");
  await expect(shown).toHaveCount(8);
  expect(await shown.evaluateAll((all) => all.map((time) => time.getAttribute("datetime")))).toEqual(coming);
  await expect(page.getByText("No slot has come yet")).toBeVisible();
  await expectAccessible(page);
  await remove(server, schedule);
});

test("run now starts an execution beside the slots", async ({ page, server }) => {
  const schedule = await create(server);
  await page.goto(server.page(`/schedules/${schedule.id}`));
  await page.getByRole("button", { name: "Run now" }).click();
  const row = page.getByRole("table", { name: "Executions" }).getByRole("row").nth(1);
  await expect(row).toContainText("Completed");
  await expect(row).toContainText("By hand");
  const [execution] = await server.call<Schemas["Execution"][]>("GET", server.pod(`/executions?triggeredBy=schedule&filter=${encodeURIComponent(`triggerId eq '${schedule.id}'`)}`));
  await expect(row.getByRole("link")).toHaveAttribute("href", new RegExp(`/executions/${execution?.id}$`));
  await remove(server, schedule);
});

test("the ledger shows slots as they come, and why one was skipped or failed", async ({ page, server }) => {
  const waits = await server.createWorkflow("Waits for a person", {
    nodes: [{ id: "start", type: "start" }, { id: "ask", type: "approval-gate", data: { message: "Go on?" } }, { id: "end", type: "end" }],
    edges: [
      { id: "e1", source: "start", target: "ask" },
      { id: "e2", source: "ask", target: "end" },
    ],
  });
  const often = { cronExpression: "*/2 * * * * *", timezone: "UTC" };
  const starts = await create(server, { ...often, name: "Starts" });
  const off = await create(server, { ...often, name: "Off", enabled: false });
  const draft = await server.createWorkflow("Not deployed", { nodes: [{ id: "start", type: "start" }, { id: "end", type: "end" }], edges: [{ source: "start", target: "end" }] });
  const fails = await create(server, { ...often, name: "Fails", workflowId: draft });
  await page.goto(server.page(`/schedules/${starts.id}`));
  const ledger = page.getByRole("table", { name: "Ledger of slots" });
  const row = ledger.getByRole("row").nth(1);
  await expect(row.getByText("Started", { exact: true })).toBeVisible();
  const [slot] = await server.call<Schemas["Slot"][]>("GET", server.pod(`/schedules/${starts.id}/slots`));
  await expect(row.getByRole("link")).toHaveAttribute("href", new RegExp(`/executions/${slot?.executionId}$`));
  await expectAccessible(page);

  // One that waits for a person is in the way of the next slot.
  await server.call("POST", server.pod(`/workflows/${waits}/deploy`));
  const busy = await create(server, { ...often, name: "Busy", workflowId: waits, overlap: "skip" });
  await server.call("POST", server.pod(`/schedules/${busy.id}/run`));
  await page.goto(server.page("/schedules"));
  const list = page.getByRole("table", { name: "Schedules" });
  const of = (name: string) => list.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
  await expect(of("Starts")).toContainText("Every 2 seconds");
  await expect(of("Starts").getByText("Started", { exact: true })).toBeVisible();
  await expect(of("Off")).toContainText("None while it is off");
  await expect(of("Off").getByText("Skipped: disabled")).toBeVisible();
  await expect(of("Fails").getByText("Failed")).toBeVisible();
  await expectAccessible(page);
  await of("Starts").getByRole("switch", { name: "Starts is enabled" }).click({ force: true });
  await expect(of("Starts")).toContainText("None while it is off");
  expect((await server.call<Schedule>("GET", server.pod(`/schedules/${starts.id}`))).enabled).toBe(false);
  await expect(of("Busy").getByText("Skipped: still running")).toBeVisible();
  await of("Fails").getByRole("link", { name: "Fails" }).click();
  await expect(page.getByRole("heading", { name: "Fails" })).toBeVisible();
  await expect(ledger.getByText("Failed").first()).toBeVisible();
  await Promise.all([starts, off, fails, busy].map((schedule) => remove(server, schedule)));
});

test("what the server refuses stands at the field, and a change is saved", async ({ page, server }) => {
  const schedule = await create(server, { name: HOSTILE });
  await page.goto(server.page(`/schedules/${schedule.id}`));
  await expect(page.getByRole("heading", { name: HOSTILE })).toBeVisible();
  await page.getByRole("button", { name: "Edit" }).click();
  const dialog = page.getByRole("dialog", { name: "Edit the schedule" });
  await dialog.getByRole("combobox", { name: "Repeats" }).click();
  await page.getByRole("option", { name: "Cron expression" }).click();
  await dialog.getByLabel("Cron expression", { exact: true }).fill("0 0 30 2 *");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByRole("alert")).toBeVisible();
  await dialog.getByLabel("Cron expression", { exact: true }).fill("0 12 * * MON#2");
  await expect(dialog.getByText("The second Monday of the month at 12:00")).toBeVisible();
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toBeHidden();
  const coming = await preview(server, schedule, 1);
  await expect(page.getByRole("list", { name: "Next slots" }).locator("time").first()).toHaveAttribute("datetime", coming[0] ?? "");

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page).toHaveURL(server.page("/schedules"));
  await expect(page.getByText("Nothing is scheduled yet")).toBeVisible();
});

test("what is foreseen of any expression is what the server does", async ({ server }) => {
  const cases: [expression: string, zone: string, words: string][] = [
    ["*/15 * * * *", "Europe/Berlin", "Every 15 minutes"],
    ["0 9 * * 1-5", "America/New_York", "Monday to Friday at 09:00"],
    ["30 2 * * *", "Europe/Berlin", "Every day at 02:30"],
    ["15 */6 * * *", "Australia/Lord_Howe", "Every 6 hours at minute 15"],
    ["0 0 L * *", "Asia/Kolkata", "On the last day at 00:00"],
    ["0 6 15W * *", "UTC", "On the weekday nearest to the 15th at 06:00"],
    ["0 12 * * FRI#L", "UTC", "The last Friday of the month at 12:00"],
    ["0 12 * JAN,MAR-MAY SUN", "UTC", "Sunday in January and March to May at 12:00"],
    ["5 4 13 * FRI", "UTC", "On the 13th and on Friday at 04:05"],
    ["5 4 13 * +FRI", "UTC", "On the 13th if it is Friday at 04:05"],
    ["10,40 8-17/3 * * *", "Pacific/Chatham", "Every 30 minutes in the hours 08, 11, 14 and 17"],
    ["30 5 10 * * *", "UTC", "Every day at 10:05:30"],
    ["0 0 29 2 *", "UTC", "On the 29th in February at 00:00"],
  ];
  for (const [expression, timezone, words] of cases) {
    const schedule = await create(server, { cronExpression: expression, timezone, enabled: false });
    const coming = await preview(server, schedule, 8);
    const cron = readCron(expression);
    const after = Date.parse(coming[0] ?? "") - 1;
    const foreseen = cron && comingSlots(cron, timezone, after, 8).map((slot) => new Date(slot).toISOString());
    expect(foreseen, expression).toEqual(coming);
    expect(cronWords(expression)).toBe(words);
    await remove(server, schedule);
  }
  // When clocks change: skipped times come after the gap, repeated ones once, and what runs each hour never pauses.
  const at = (expression: string, zone: string, after: string, count: number) => {
    const cron = readCron(expression);
    return cron && comingSlots(cron, zone, Date.parse(after), count).map((slot) => new Date(slot).toISOString().slice(5, 16));
  };
  expect(at("30 2 * * *", "Europe/Berlin", "2027-03-27T00:00:00Z", 3)).toEqual(["03-27T01:30", "03-28T01:00", "03-29T00:30"]);
  expect(at("30 2 * * *", "Europe/Berlin", "2027-10-30T00:00:00Z", 3)).toEqual(["10-30T00:30", "10-31T00:30", "11-01T01:30"]);
  expect(at("*/30 * * * *", "Europe/Berlin", "2027-10-30T23:30:00Z", 5)).toEqual(["10-31T00:00", "10-31T00:30", "10-31T01:00", "10-31T01:30", "10-31T02:00"]);
  expect(at("*/20 2,3 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", 3)).toEqual(["03-28T01:00", "03-28T01:20", "03-28T01:40"]);
});

test("a viewer reads and changes nothing; a phone needs no sideways scrolling", async ({ browser, server }) => {
  const schedule = await create(server, { name: HOSTILE });
  const { key } = await server.call<{ key: string }>("POST", `/workspaces/${server.workspaceId}/api-keys`, { name: "reads", role: "viewer" });
  const context = await signedIn(browser, server, key, { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  const page = await context.newPage();
  for (const path of ["/schedules", `/schedules/${schedule.id}`]) {
    await page.goto(server.page(path));
    await expect(page.getByText(HOSTILE).first()).toBeVisible();
    for (const name of ["New schedule", "Run now", "Edit", "Delete"]) {
      await expect(page.getByRole("button", { name })).toHaveCount(0);
    }
    await expect(page.getByRole("switch")).toHaveCount(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await expectAccessible(page);
  }
  await context.close();
  await remove(server, schedule);
});
