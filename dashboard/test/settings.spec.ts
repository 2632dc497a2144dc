/** Settings: the workspace, its pods, people, groups, keys and audit log, and what each role sees of them. */
import { readFile } from "node:fs/promises";
import { type Schemas } from "@sluicegate/sdk";

import { expect, expectAccessible, signedIn, test } from "./support/index.ts";

const HOSTILE = `<svg onload=alert(1)> '"&${"long".repeat(15)}`;

test("a key of a viewer shows no buttons, and ends with its revocation", async ({ page, browser, server }) => {
  test.setTimeout(150_000);
  await page.goto(server.page("/settings/api-keys"));
  await expect(page.getByRole("table", { name: "API keys" })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "New key" }).click();
  const dialog = page.getByRole("dialog", { name: "New API key" });
  await dialog.getByLabel("Name").fill("Wall display");
  await dialog.getByRole("combobox", { name: "Role" }).click();
  await page.getByRole("option", { name: "viewer" }).click();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Create key" }).click();
  const once = page.getByRole("dialog", { name: "The key “Wall display”" });
  const key = await once.getByRole("textbox", { name: "API key" }).inputValue();
  expect(key).toMatch(/^slg_/);
  await expectAccessible(page);
  await once.getByRole("button", { name: "I have copied it" }).click();
  const row = page.getByRole("table", { name: "API keys" }).getByRole("row").filter({ hasText: "Wall display" });
  await expect(row).toContainText(key.slice(0, 12));
  const made = (await server.call<Schemas["ApiKey"][]>("GET", `/workspaces/${server.workspaceId}/api-keys`)).find(({ name }) => name === "Wall display");
  await expect(row.getByRole("time").last()).toHaveAttribute("datetime", made?.expiresAt ?? "");
  await expect(page.getByText(key)).toHaveCount(0);

  const context = await signedIn(browser, server, key);
  const other = await context.newPage();
  await other.goto(server.page("/settings"));
  const sections = other.getByRole("navigation", { name: "Settings" });
  await expect(sections.getByRole("link", { name: "Members" })).toBeVisible({ timeout: 45_000 });
  await expect(sections.getByRole("link", { name: "API keys" })).toHaveCount(0);
  await expect(sections.getByRole("link", { name: "Audit log" })).toHaveCount(0);
  await expect(other.getByRole("button", { name: "Save" })).toHaveCount(0);
  await other.goto(server.page("/settings/api-keys"));
  await expect(other.getByText("API keys: for admins and owners")).toBeVisible();
  await expectAccessible(other);
  for (const [title, button] of [["Pods", "New pod"], ["Members", "Invite"], ["Groups", "New group"]] as const) {
    await sections.getByRole("link", { name: title }).click();
    await expect(other.getByRole("heading", { level: 2, name: title })).toBeVisible();
    await expect(other.getByRole("button", { name: button })).toHaveCount(0);
  }
  await other.getByRole("link", { name: "Schedules", exact: true }).click();
  await expect(other.getByText("Nothing is scheduled yet")).toBeVisible();
  await expect(other.getByRole("button", { name: "New schedule" })).toHaveCount(0);

  await row.getByRole("button", { name: "Revoke Wall display" }).click();
  await page.getByRole("button", { name: "Revoke it" }).click();
  await expect(row).toHaveCount(0);
  // The other page reads its list again, and is told.
  await expect(other.getByRole("button", { name: "Sign in" })).toBeVisible({ timeout: 45_000 });
  await context.close();

  await page.getByRole("link", { name: "Audit log" }).click();
  const records = page.getByRole("table", { name: "Audit log" }).getByRole("row");
  await expect(records.filter({ hasText: "api_key.created" }).filter({ hasText: "Wall display" })).toBeVisible();
  await expect(records.filter({ hasText: "api_key.revoked" }).first()).toBeVisible();
});

test("the audit log can be narrowed to a subject, and taken away", async ({ page, server }) => {
  const pod = await server.call<Schemas["Pod"]>("POST", `/workspaces/${server.workspaceId}/pods`, { name: HOSTILE });
  await page.goto(server.page("/settings/audit"));
  const rows = page.getByRole("table", { name: "Audit log" }).getByRole("row");
  const row = rows.filter({ hasText: "pod.created" }).first();
  await expect(row).toContainText(HOSTILE);
  await expectAccessible(page);
  await row.getByTitle(`Only records about ${pod.id}`).click();
  await expect(rows).toHaveCount(2);
  await page.getByLabel("Subject").fill("nothing like that");
  await expect(page.getByText("Nothing is recorded about this subject")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Show all records" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export" }).click()]);
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\n");
  const records = await server.call<Schemas["AuditRecord"][]>("GET", `/workspaces/${server.workspaceId}/audit?limit=1`);
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ seq: records[0]?.seq, hash: records[0]?.hash });
  await server.call("DELETE", `/workspaces/${server.workspaceId}/pods/${pod.id}`);
});

test("the workspace is renamed and bounded, pods are made, changed and deleted", async ({ page, server }) => {
  await page.goto(server.page("/settings"));
  const form = page.getByRole("form", { name: "Change the workspace" });
  await form.getByLabel("Name").fill(`Acme ${HOSTILE}`.slice(0, 100));
  await form.getByLabel("Executions that may run at a time").fill("7");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("definition").filter({ hasText: "Acme" })).toBeVisible();
  expect(await server.call("GET", `/workspaces/${server.workspaceId}`)).toMatchObject({ maxRunning: 7 });
  await expectAccessible(page);
  await form.getByLabel("Executions that may run at a time").fill("");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("definition").filter({ hasText: "No limit" })).toBeVisible();

  await page.getByRole("link", { name: "Pods", exact: true }).click();
  await page.getByRole("button", { name: "New pod" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill(HOSTILE);
  await page.getByRole("dialog").getByLabel("What it is for").fill("Documents");
  await page.getByRole("button", { name: "Create pod" }).click();
  const row = page.getByRole("table", { name: "Pods" }).getByRole("row").filter({ hasText: "Documents" });
  await expect(row).toContainText(HOSTILE);
  await row.getByRole("button", { name: "Edit" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Papers");
  await page.getByRole("dialog").getByLabel("Executions that may run at a time").fill("3");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(row).toContainText("Papers");
  await expect(row.getByRole("cell").nth(1)).toContainText("3");
  await expectAccessible(page);
  await row.getByRole("button", { name: "Delete Papers" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(row).toHaveCount(0);
});

test("the last owner stays; invites show their token once; groups are made of members", async ({ page, server }) => {
  await page.goto(server.page("/settings/members"));
  const member = page.getByRole("table", { name: "Members" }).getByRole("row").filter({ hasText: "operator" });
  await expect(member).toContainText("The last owner stays");
  await expect(member.getByRole("button")).toHaveCount(0);
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  await page.getByLabel("Address").fill("ann@example.com");
  await page.getByRole("combobox", { name: "Role" }).click();
  await page.getByRole("option", { name: "admin" }).click();
  await page.getByRole("button", { name: "Create invite" }).click();
  const once = page.getByRole("dialog", { name: "Invite for ann@example.com" });
  const token = await once.getByRole("textbox", { name: "Token" }).inputValue();
  expect(token.length).toBeGreaterThan(20);
  await once.getByRole("button", { name: "I have copied it" }).click();
  await expect(page.getByText(token)).toHaveCount(0);
  const invite = page.getByRole("table", { name: "Invites" }).getByRole("row").filter({ hasText: "ann@example.com" });
  await expect(invite).toContainText("admin");
  await expectAccessible(page);
  await invite.getByRole("button", { name: "Withdraw" }).click();
  await page.getByRole("button", { name: "Withdraw it" }).click();
  await expect(page.getByText("No invite is open.")).toBeVisible();

  await page.getByRole("link", { name: "Groups" }).click();
  await expect(page.getByText("There is no group yet")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "New group" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("finance");
  await page.getByRole("dialog").getByLabel("What it is for").fill(HOSTILE);
  await page.getByRole("combobox", { name: "Members" }).click();
  await page.getByRole("option", { name: "operator" }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Create group" }).click();
  const group = page.getByRole("table", { name: "Groups" }).getByRole("row").filter({ hasText: "finance" });
  await expect(group).toContainText(HOSTILE);
  expect(await server.call("GET", `/workspaces/${server.workspaceId}/groups/finance`)).toMatchObject({ members: ["operator"] });
  await expectAccessible(page);
  await group.getByRole("button", { name: "Delete finance" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page.getByText("There is no group yet")).toBeVisible();
});

test("appearance is kept, about tells the version, and a phone needs no sideways scrolling", async ({ page, server }) => {
  await page.goto(server.page("/settings/appearance"));
  await page.getByText("Dark", { exact: true }).click();
  await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", "dark");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", "dark");
  await expect(page.getByRole("radio", { name: "Dark" })).toBeChecked();
  await page.setViewportSize({ width: 390, height: 844 });
  for (const section of ["workspace", "pods", "members", "groups", "api-keys", "audit", "appearance", "about"]) {
    await page.goto(server.page(`/settings/${section}`));
    await expect(page.getByRole("heading", { level: 2 }).first()).toBeVisible();
    await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), section).toBeLessThanOrEqual(390);
  }
  const health = (await (await fetch(`${server.url}/healthz`)).json()) as Schemas["Health"];
  await expect(page.getByRole("definition").filter({ hasText: health.version }).first()).toBeVisible();
});

test("a secret is set, replaced and deleted, and its value is shown nowhere", async ({ page, server }) => {
  const path = `/workspaces/${server.workspaceId}/secrets`;
  await page.goto(server.page("/settings/secrets"));
  await expect(page.getByText("There is no secret")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "New secret" }).click();
  const dialog = page.getByRole("dialog", { name: "New secret" });
  const submit = dialog.getByRole("button", { name: "Set secret" });
  await dialog.getByLabel("Name").fill("2fast");
  await dialog.getByLabel("Value").fill("hunter2-hunter2");
  await expect(submit).toBeDisabled();
  await dialog.getByLabel("Name").fill("api_token");
  await expect(dialog.getByLabel("Value")).toHaveAttribute("type", "password");
  await expectAccessible(page);
  await submit.click();
  const row = page.getByRole("table", { name: "Secrets" }).getByRole("row").filter({ hasText: "api_token" });
  await expect(row).toBeVisible();
  const [made] = await server.call<Schemas["Secret"][]>("GET", path);
  await expect(row).toContainText(made?.updatedBy ?? "nobody");
  await expect(row.getByRole("time").first()).toHaveAttribute("datetime", made?.updatedAt ?? "");
  await expectAccessible(page);

  await row.getByRole("button", { name: "Replace api_token" }).click();
  const again = page.getByRole("dialog", { name: "Replace “api_token”" });
  await expect(again.getByLabel("Value")).toHaveValue("");
  await again.getByLabel("Value").fill("hunter3-hunter3");
  await again.getByRole("button", { name: "Replace it" }).click();
  await expect(again).toHaveCount(0);
  const [replaced] = await server.call<Schemas["Secret"][]>("GET", path);
  expect(replaced?.createdAt).toBe(made?.createdAt);
  expect(replaced?.updatedAt).not.toBe(made?.updatedAt);
  expect(await page.content()).not.toContain("hunter");

  await row.getByRole("button", { name: "Delete api_token" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page.getByText("There is no secret")).toBeVisible();
  expect(await server.call<Schemas["Secret"][]>("GET", path)).toEqual([]);
});
