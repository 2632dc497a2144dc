/** Forms made from JSON Schemas, and JSON as text: in an approval, against the server that judges them. */
import { expect, expectAccessible, test } from "./support/index.ts";
import { ask, suspensionOf } from "./support/gates.ts";

interface Decided {
  decision?: { action: string; data?: unknown; answer?: unknown };
}

const ORDER = {
  type: "object",
  required: ["amount", "method", "contact", "address", "agreed"],
  properties: {
    amount: { type: "integer", title: "Amount to pay", description: "In euros.", minimum: 1, maximum: 500, default: 900 },
    method: { oneOf: [{ const: "sepa", title: "Bank transfer" }, { const: "card", title: "Credit card" }] },
    contact: { type: "string", format: "email" },
    agreed: { type: "boolean", title: "Terms accepted" },
    payOn: { type: "string", format: "date" },
    callAt: { type: "string", format: "date-time" },
    remarks: { type: "string", maxLength: 2000 },
    country: { enum: ["AT", "BE", "DE", "ES", "FR", "IT", "NL", "PT"] },
    tags: { type: "array", items: { enum: ["urgent", "tax"] } },
    address: { type: "object", required: ["city"], properties: { city: { type: "string", minLength: 2 }, zip: { type: ["string", "null"], pattern: "^\\d+$" } } },
    lines: { type: "array", maxItems: 3, items: { $ref: "#/$defs/line" } },
    extra: { description: "Anything else." },
  },
  $defs: { line: { type: "object", required: ["item"], properties: { item: { type: "string" }, price: { type: "number" } } } },
};

test("the server's errors are shown at the fields; what is right is taken", async ({ page, server }) => {
  const { suspensionId } = await ask(server, { title: "Order", message: "Order it?", form: ORDER });
  await page.goto(server.page(`/inbox/${suspensionId}`));
  const form = page.getByRole("form", { name: "Decide" });
  // The default is there, and above what is allowed.
  await expect(form.getByLabel("Amount to pay")).toHaveValue("900");
  await expect(form.getByText("In euros. From 1 to 500.")).toBeVisible();
  await expectAccessible(page);
  await form.getByRole("button", { name: "Approve" }).click();
  const amount = form.getByLabel("Amount to pay");
  await expect(amount).toHaveAttribute("aria-invalid", "true");
  await expect(amount).toBeFocused();
  await expect(form.getByText("Choose one.")).toBeVisible();
  await expect(form.getByLabel("Contact")).toHaveAccessibleDescription("Fill this in.");
  await expect(form.getByRole("group", { name: "Address" }).getByLabel("City")).toHaveAccessibleDescription(/^Fill this in\./);
  await expectAccessible(page);
  expect((await suspensionOf<Decided>(server, suspensionId)).decision).toBeUndefined();

  await amount.fill("12,5 apples");
  await expect(form.getByText("Write a whole number, such as 12.")).toBeVisible();
  await expect(form.getByRole("button", { name: "Approve" })).toBeDisabled();
  await amount.fill("480");
  await form.getByRole("radio", { name: "Bank transfer" }).check();
  await form.getByLabel("Contact").click();
  // Letter by letter: the errors that are still shown do not take the focus away.
  await page.keyboard.type("ann@example.com");
  await expect(form.getByLabel("Contact")).toHaveValue("ann@example.com");
  await form.getByRole("checkbox", { name: "Terms accepted" }).check();
  await form.getByLabel("Pay on").fill("2026-12-04");
  await form.getByLabel("Call at").fill("2026-12-04T10:30");
  await form.getByLabel("Remarks").fill("two\nlines");
  await form.getByLabel("Country").click();
  await page.getByRole("option", { name: "FR" }).click();
  await form.getByRole("checkbox", { name: "urgent" }).check();
  await form.getByLabel("City").fill("Lyon");
  await form.getByRole("button", { name: "Add to Lines" }).click();
  await form.getByLabel("Item").fill("Desk");
  await form.getByLabel("Price").fill("12.5");
  await form.getByRole("button", { name: "Add to Lines" }).click();
  await form.getByRole("button", { name: "Remove Lines 2" }).click();
  await form.getByRole("textbox", { name: "Extra" }).fill('{"a": [1, 2]}');
  await form.getByRole("button", { name: "Approve" }).click();
  await expect(page.getByRole("article").getByRole("status")).toHaveText("Approved by you");
  const { decision } = await suspensionOf<Decided>(server, suspensionId);
  expect(decision?.data).toEqual({
    amount: 480,
    method: "sepa",
    contact: "ann@example.com",
    agreed: true,
    payOn: "2026-12-04",
    callAt: new Date("2026-12-04T10:30").toISOString().replace(".000Z", "Z"),
    remarks: "two\nlines",
    country: "FR",
    tags: ["urgent"],
    address: { city: "Lyon" },
    lines: [{ item: "Desk", price: 12.5 }],
    extra: { a: [1, 2] },
  });
});

test("who rejects need not fill in the form", async ({ page, server }) => {
  const { suspensionId } = await ask(server, { title: "No order", message: "Order it?", form: ORDER });
  await page.goto(server.page(`/inbox/${suspensionId}`));
  await page.getByRole("button", { name: "Reject" }).click();
  await expect(page.getByRole("article").getByRole("status")).toHaveText("Rejected by you");
  expect((await suspensionOf<Decided>(server, suspensionId)).decision).toMatchObject({ action: "rejected" });
});

test("a question with a form of one value", async ({ page, server }) => {
  const { suspensionId } = await ask(server, { question: "How many?", form: { type: "integer", title: "Pieces", minimum: 3 } }, "ask-human");
  await page.goto(server.page(`/inbox/${suspensionId}`));
  await page.getByLabel("Pieces").fill("2");
  await page.getByRole("button", { name: "Send answer" }).click();
  await expect(page.getByLabel("Pieces")).toHaveAttribute("aria-invalid", "true");
  await page.getByLabel("Pieces").fill("4");
  await page.getByRole("button", { name: "Send answer" }).click();
  await expect(page.getByRole("region", { name: "Outcome" })).toBeVisible();
  expect((await suspensionOf<Decided>(server, suspensionId)).decision?.data).toBe(4);
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`JSON is written in an editor that obeys the policy, ${colorScheme}`, async ({ page, server }) => {
    // As the server sends it; `vite preview` in front of it sends none.
    const nonce = "__STYLE_NONCE__";
    await page.route(`${server.url}/w/**`, async (route) => {
      const response = await route.fetch();
      const headers = { ...response.headers() };
      headers["content-security-policy"] ??= `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self'; connect-src 'self'; font-src 'self'`;
      await route.fulfill({ response, headers });
    });
    await page.emulateMedia({ colorScheme });
    const { suspensionId } = await ask(server, { message: `The result, ${colorScheme}` }, "callback");
    await page.goto(server.page(`/inbox/${suspensionId}`));
    const editor = page.getByRole("textbox", { name: "JSON to answer with" });
    await expect(page.locator(".cm-editor")).toBeVisible();
    // Its styles have come through: numbers of lines stand beside the text.
    await expect(page.locator(".cm-gutters")).toHaveCSS("display", "flex");
    await page.keyboard.press("a");
    await expect(editor).toBeFocused();
    await page.keyboard.type('{\n"a": 1,\n"b": oops');
    await expect(page.getByText("Line 3: this is no JSON value")).toBeVisible();
    await expect(page.getByRole("button", { name: "Send answer" })).toBeDisabled();
    await expect(page.locator(".cm-wrong")).toHaveText('"b": oops');
    await expectAccessible(page);
    // Tab goes on: nobody is caught in the editor.
    await page.keyboard.press("Shift+Tab");
    await expect(editor).not.toBeFocused();
    await editor.fill('{"a": 1, "b": [true, null, "x"]}');
    await page.getByRole("button", { name: "Send answer" }).click();
    await expect(page.getByRole("region", { name: "Outcome" })).toBeVisible();
    expect((await suspensionOf<Decided>(server, suspensionId)).decision?.answer).toEqual({ a: 1, b: [true, null, "x"] });
  });
}

test("JSON can be written before the editor has come, and where it never comes", async ({ page, server }) => {
  await page.route("**/code_editor*.js", (route) => route.abort());
  const { suspensionId } = await ask(server, { message: "The result without an editor" }, "callback");
  await page.goto(server.page(`/inbox/${suspensionId}`));
  const field = page.getByRole("textbox", { name: "JSON to answer with" });
  await field.fill('{"a": 1,}');
  await expect(page.getByText("Line 1: one comma too many")).toBeVisible();
  await field.fill('{"a": 1}');
  await page.getByRole("button", { name: "Send answer" }).click();
  await expect(page.getByRole("region", { name: "Outcome" })).toBeVisible();
  expect((await suspensionOf<Decided>(server, suspensionId)).decision?.answer).toEqual({ a: 1 });
});
