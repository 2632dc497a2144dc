/** Signing in and out, and what a page may and may not do. */
import { expect, expectAccessible, test } from "./support/index.ts";

test("a key is exchanged for a cookie that no script sees", async ({ browser, server }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(server.page("/workflows"));
  await expectAccessible(page);
  await page.getByLabel("API key or token").first().fill("slg_wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("not an API key");
  await page.getByLabel("API key or token").first().fill(server.apiKey);
  await page.getByRole("button", { name: "Sign in" }).click();
  // Where the person wanted to go.
  await expect(page).toHaveURL(server.page("/workflows"));
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ name: "sluicegate_session", httpOnly: true, sameSite: "Strict" });
  expect(cookie?.value).not.toContain(server.apiKey.slice(4));
  expect(await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }))).not.toContain("slg_");

  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
  expect(await context.cookies()).toEqual([]);
  await context.close();
});

test("the link of dev signs in and leaves no key in the address", async ({ browser, server }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.url}/sign-in#${server.apiKey}`);
  await expect(page).toHaveURL(server.page("/executions"));
  await context.close();
});
