/** Webhooks: making one, what is shown once, deliveries in the ledger, delivering again, another secret. */
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { promisify } from "node:util";
import { type Schemas } from "@sluicegate/sdk";

import { curlOf } from "../src/pages/webhooks/curl.ts";
import { expect, expectAccessible, signedIn, test } from "./support/index.ts";
import type { Server } from "./support/server.ts";

type Webhook = Schemas["WebhookAndSecret"];
type Delivery = Schemas["WebhookDelivery"];

const HOSTILE = `"><script>alert(1)</script>${"long".repeat(20)}`;
const BODY = JSON.stringify({ items: [{ price: 3 }, { price: 4 }], note: HOSTILE });

function create(server: Server, more: object = {}): Promise<Webhook> {
  return server.call<Webhook>("POST", server.pod("/webhooks"), { workflowId: server.workflows["linear"], name: "Orders", ...more });
}

function deliver(webhook: { url: string }, secret: string, headers: Record<string, string> = {}): Promise<Response> {
  const signature = `sha256=${createHmac("sha256", secret).update(BODY).digest("hex")}`;
  return fetch(webhook.url, { method: "POST", body: BODY, headers: { "content-type": "application/json", "x-webhook-signature": signature, ...headers } });
}

test("a webhook is made, takes what is signed, and tells of what is not", async ({ page, server }) => {
  await page.goto(server.page("/webhooks"));
  await expect(page.getByText("There is no webhook yet")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "New webhook" }).click();
  const dialog = page.getByRole("dialog", { name: "New webhook" });
  await dialog.getByLabel("Name").fill("Orders");
  await dialog.getByRole("combobox", { name: "Workflow" }).click();
  await page.getByRole("option", { name: "Linear" }).click();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Create webhook" }).click();

  const once = page.getByRole("dialog", { name: "The webhook is ready" });
  const url = await once.getByRole("textbox", { name: "Address" }).inputValue();
  const secret = await once.getByRole("textbox", { name: "Secret" }).inputValue();
  expect(secret).toMatch(/^whsec_/);
  await expectAccessible(page);
  await once.getByRole("button", { name: "I have copied it" }).click();
  await expect(page.getByRole("heading", { name: "Orders" })).toBeVisible();
  await expect(page.getByText("Nothing has come yet")).toBeVisible();
  await expect(page.getByText(secret)).toHaveCount(0);

  expect((await deliver({ url }, secret, { "x-hostile": HOSTILE.slice(0, 60) })).status).toBe(201);
  const ledger = page.getByRole("table", { name: "Deliveries" });
  await expect(ledger.getByText("Started", { exact: true })).toBeVisible();
  expect((await deliver({ url }, "wrong")).status).toBe(401);
  await expect(ledger.getByRole("row").nth(1)).toContainText("Not verified");
  await expect(ledger.getByRole("row").nth(1)).toContainText("401");
  const id = new URL(page.url()).pathname.split("/").at(-1);
  const deliveries = await server.call<Delivery[]>("GET", server.pod(`/webhooks/${id}/deliveries`));
  expect(deliveries.map(({ verdict }) => verdict)).toEqual(["unverified", "started"]);
  await expect(ledger.getByRole("row").nth(1)).toContainText(deliveries[0]?.reason ?? "no reason");
  await expectAccessible(page);

  // What did not prove who sent it is not delivered again.
  await ledger.getByRole("row").nth(1).getByRole("button", { name: "Details" }).click();
  const details = page.getByRole("dialog", { name: "Delivery" });
  await expect(details.getByText("Did not prove who sent it")).toBeVisible();
  await expect(details.getByRole("button", { name: "Deliver again" })).toHaveCount(0);
  await page.keyboard.press("Escape");
  await expect(details).toBeHidden();

  await ledger.getByRole("row").nth(2).getByRole("button", { name: "Details" }).click();
  await expect(details.getByText("Verified", { exact: true })).toBeVisible();
  await expect(details.getByRole("region", { name: "Body", exact: true }).last()).toContainText(HOSTILE.slice(2));
  await expect(details.getByRole("region", { name: "Headers", exact: true }).last()).toContainText("x-hostile");
  await expect(details).not.toContainText("x-webhook-signature");
  await expectAccessible(page);
  await details.getByRole("button", { name: "Deliver again" }).click();
  await expect(ledger.getByRole("row").nth(1)).toContainText("by hand");
  const [again] = await server.call<Delivery[]>("GET", server.pod(`/webhooks/${id}/deliveries`));
  expect(again).toMatchObject({ verdict: "started", redeliveryOf: deliveries[1]?.id });
  await expect(ledger.getByRole("row").nth(1).getByRole("link")).toHaveAttribute("href", new RegExp(`/executions/${again?.executionId}$`));
  await server.call("DELETE", server.pod(`/webhooks/${id}`));
});

test("the secret is rotated, and the webhook is changed and deleted", async ({ page, server }) => {
  const webhook = await create(server, { name: HOSTILE });
  await page.goto(server.page(`/webhooks/${webhook.id}`));
  await expect(page.getByRole("heading", { name: HOSTILE })).toBeVisible();
  await page.getByRole("button", { name: "Rotate secret" }).click();
  await page.getByRole("combobox", { name: "The secret of before holds for" }).click();
  await page.getByRole("option", { name: "Not at all" }).click();
  await page.getByRole("button", { name: "Rotate", exact: true }).click();
  const once = page.getByRole("dialog", { name: "The secret was rotated" });
  const secret = await once.getByRole("textbox", { name: "Secret" }).inputValue();
  await once.getByRole("button", { name: "I have copied it" }).click();
  expect((await deliver(webhook, webhook.secret ?? "")).status).toBe(401);
  expect((await deliver(webhook, secret)).status).toBe(201);

  await page.getByRole("button", { name: "Edit" }).click();
  const dialog = page.getByRole("dialog", { name: "Edit the webhook" });
  await dialog.getByLabel("Name").fill("Renamed");
  await dialog.getByRole("button", { name: "Telling deliveries apart" }).click();
  await dialog.getByLabel("Header that tells deliveries apart").fill("not a header");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByText(/header/i).last()).toBeVisible();
  await dialog.getByLabel("Header that tells deliveries apart").fill("X-Order");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { name: "Renamed" })).toBeVisible();
  await expect(page.getByText("x-order", { exact: true })).toBeVisible();

  await page.getByRole("switch", { name: "Renamed is enabled" }).click({ force: true });
  await expect.poll(async () => (await server.call<Webhook>("GET", server.pod(`/webhooks/${webhook.id}`))).enabled).toBe(false);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page.getByText("There is no webhook yet")).toBeVisible();
});

test("the command that is shown delivers, whatever has to be proved", async ({ server }) => {
  const kinds = ["hmac-sha256", "standard", "github", "stripe", "slack", "header", "none"] as const;
  for (const verification of kinds) {
    const webhook = await create(server, { verification, dedupeHeader: "X-Order" });
    const { stdout } = await promisify(execFile)("bash", ["-c", curlOf(webhook, webhook.secret)]);
    expect(stdout, verification).toContain("201 Created");
    await server.call("DELETE", server.pod(`/webhooks/${webhook.id}`));
  }
});

test("a long ledger is shown page by page; a viewer changes nothing; a phone needs no sideways scrolling", async ({ browser, server }) => {
  const webhook = await create(server, { name: HOSTILE });
  for (let count = 0; count < 60; count++) {
    await deliver(webhook, webhook.secret ?? "", { "idempotency-key": `order-${count % 55}` });
  }
  const { key } = await server.call<{ key: string }>("POST", `/workspaces/${server.workspaceId}/api-keys`, { name: "reads", role: "viewer" });
  const context = await signedIn(browser, server, key, { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  const page = await context.newPage();
  await page.goto(server.page("/webhooks"));
  await expect(page.getByRole("link", { name: HOSTILE })).toBeVisible();
  await expect(page.getByRole("button", { name: "New webhook" })).toHaveCount(0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(page);
  await page.getByRole("link", { name: HOSTILE }).click();
  const rows = page.getByRole("table", { name: "Deliveries" }).getByRole("row");
  await expect(rows).toHaveCount(51);
  await page.getByRole("button", { name: "Show older deliveries" }).click();
  await expect(rows).toHaveCount(61);
  await expect(page.getByText("Repeated", { exact: true })).toHaveCount(5);
  for (const name of ["Rotate secret", "Edit", "Delete"]) {
    await expect(page.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  await rows.nth(1).getByRole("button", { name: "Details" }).click();
  await expect(page.getByRole("dialog", { name: "Delivery" }).getByText("Signature")).toBeVisible();
  await expect(page.getByRole("button", { name: "Deliver again" })).toHaveCount(0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(page);
  await context.close();
  await server.call("DELETE", server.pod(`/webhooks/${webhook.id}`));
});
