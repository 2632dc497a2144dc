/** The inbox: what waits, deciding it, and staying right while others do the same. */
import { expect, expectAccessible, Server, signedIn, test } from "./support/index.ts";
import { ask, makeKey, suspensionOf } from "./support/gates.ts";
import type { Page } from "@playwright/test";

interface Suspension {
  state: string;
  claim: { by: string } | null;
  decision?: { action: string; by?: string; reason?: string; comment?: string; answer?: unknown; data?: unknown };
  votes: { by: string; action: string }[];
}

const list = (page: Page) => page.getByRole("list", { name: /For me|All open|Answered lately/ });
const row = (page: Page, title: string) => list(page).getByRole("link", { name: title });
const detail = (page: Page, title: string) => page.getByRole("article", { name: title });

/** The inbox, once it is live. */
async function open(page: Page, server: Server, path = ""): Promise<void> {
  await page.goto(server.page(`/inbox${path}`));
  await expect(page.getByRole("status").filter({ hasText: "Live" })).toBeVisible();
}

test("an empty inbox says what will appear", async ({ browser }) => {
  // Of its own: other tests leave questions and answers.
  const server = await Server.start();
  try {
    const context = await signedIn(browser, server);
    const page = await context.newPage();
    await open(page, server);
    await expect(page.getByText("Nothing waits", { exact: true })).toBeVisible();
    await expectAccessible(page);
    await page.getByRole("link", { name: "Answered lately" }).click();
    await expect(page).toHaveURL(server.page("/inbox?show=closed"));
    await expect(page.getByText("Nothing was answered yet")).toBeVisible();
    await context.close();
  } finally {
    await server.stop();
  }
});

test("what one person approves vanishes for the other, with a word about who decided", async ({ page, browser, server }) => {
  const bo = await makeKey(server, "Bo");
  const context = await signedIn(browser, server, bo.key);
  const other = await context.newPage();
  await open(page, server);
  await open(other, server);
  const { executionId, suspensionId } = await ask(server, {
    title: "Ship the crane",
    message: "Ship it to {{ input.city }}?",
    context: { city: "{{ input.city }}", parts: [{ name: "arm", kg: 40 }] },
    expiresIn: "2d",
    onExpiry: "reject",
    reminders: [{ after: "4h" }],
    escalation: [{ after: "1d", to: { roles: ["admin"] } }],
  }, "approval-gate", { city: "Lyon" });
  // Both see it without asking again.
  await expect(row(page, "Ship the crane")).toContainText("Ship it to Lyon?");
  await row(other, "Ship the crane").click();
  await row(page, "Ship the crane").click();
  await expect(page).toHaveURL(server.page(`/inbox/${suspensionId}`));
  const here = detail(page, "Ship the crane");
  await expect(here.getByRole("definition").filter({ hasText: "Lyon" })).toBeVisible();
  await expect(here.getByRole("cell", { name: "40" })).toBeVisible();
  await expect(here).toContainText("It is also put to admins and higher");
  await expect(here).toContainText("Nobody has answered: it is rejected");
  await expect(here.getByRole("link", { name: "Execution" })).toHaveAttribute("href", new RegExp(executionId));
  await expectAccessible(page);

  await here.getByLabel("Comment or reason").fill("Weighed twice");
  await here.getByRole("button", { name: "Approve" }).click();
  await expect(here.getByRole("status")).toHaveText("Approved by you");
  await expect(row(page, "Ship the crane")).toHaveCount(0);

  // The other one had it open.
  await expect(row(other, "Ship the crane")).toHaveCount(0);
  await expect(detail(other, "Ship the crane").getByRole("status")).toContainText("Approved by");
  await expect(detail(other, "Ship the crane").getByRole("button", { name: "Approve" })).toHaveCount(0);
  await expect(other.getByRole("alert").filter({ hasText: "Ship the crane" })).toContainText("Approved by");
  const { decision } = await suspensionOf<Suspension>(server, suspensionId);
  expect(decision).toMatchObject({ action: "approved", comment: "Weighed twice" });
  await server.waitFor(executionId, "completed");

  await expect(here.getByRole("link", { name: "Receipt" })).toHaveAttribute("href", new RegExp(`${suspensionId}/receipt$`));
  await page.getByRole("link", { name: "Answered lately" }).click();
  await expect(row(page, "Ship the crane")).toContainText("Approved by you");
  await expectAccessible(page);
  await context.close();
});

test("a rejection needs its reason, and goes by the keyboard alone", async ({ page, server }) => {
  const first = await ask(server, { title: "First of two", message: "Pay?", requireReason: true });
  const second = await ask(server, { title: "Second of two", message: "Pay as well?" });
  await open(page, server);
  await expect(row(page, "First of two")).toBeVisible();
  // Newest first.
  await page.keyboard.press("j");
  await expect(row(page, "Second of two")).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(row(page, "First of two")).toBeFocused();
  await page.keyboard.press("k");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "First of two" })).toBeFocused();
  await page.keyboard.press("r");
  const reason = page.getByLabel("Comment or reason");
  await expect(reason).toBeFocused();
  await expect(page.getByText("Say why: a rejection needs a reason.")).toBeVisible();
  await page.keyboard.type("already paid, ask a rabbit");
  await page.keyboard.press("Control+Enter");
  await expect(detail(page, "First of two").getByRole("status")).toHaveText("Rejected by you");
  expect((await suspensionOf<Suspension>(server, first.suspensionId)).decision).toMatchObject({ action: "rejected", reason: "already paid, ask a rabbit" });

  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Second of two" })).toBeFocused();
  await page.keyboard.press("a");
  await expect(page.getByRole("button", { name: "Approve" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(detail(page, "Second of two").getByRole("status")).toHaveText("Approved by you");
  expect((await suspensionOf<Suspension>(server, second.suspensionId)).decision?.action).toBe("approved");

  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await expect(help).toContainText("Next one in the list");
  await expectAccessible(page);
  // Letters can be switched off.
  await help.getByRole("switch", { name: "Keys that are letters" }).press("Space");
  await page.keyboard.press("Escape");
  await expect(help).toHaveCount(0);
  await page.keyboard.press("?");
  await expect(help).toHaveCount(0);
  await page.evaluate(() => localStorage.clear());
});

test("questions are answered by a choice and by a text", async ({ page, server }) => {
  // The older one follows the newer one, whatever else waits below them.
  const text = await ask(server, { question: "What shall we write?" }, "ask-human");
  const choice = await ask(server, { question: "Which warehouse?", choices: ["Hamburg", "Lyon"] }, "ask-human");
  await open(page, server, `/${choice.suspensionId}`);
  const which = detail(page, "Which warehouse?");
  await which.getByRole("button", { name: "Send answer" }).click();
  await expect(which.getByText("Choose or write an answer.")).toBeVisible();
  await which.getByRole("radio", { name: "Lyon" }).check();
  await which.getByRole("button", { name: "Send answer" }).click();
  await expect(which.getByRole("region", { name: "Outcome" })).toContainText("Lyon");
  expect((await suspensionOf<Suspension>(server, choice.suspensionId)).decision?.answer).toBe("Lyon");

  await which.getByRole("link", { name: "Next: What shall we write?" }).click();
  const what = detail(page, "What shall we write?");
  await page.keyboard.press("a");
  await expect(what.getByLabel("Your answer")).toBeFocused();
  await page.keyboard.type("Dear customer");
  await page.keyboard.press("Control+Enter");
  await expect(what.getByRole("region", { name: "Outcome" })).toContainText("Dear customer");
  expect((await suspensionOf<Suspension>(server, text.suspensionId)).decision?.answer).toBe("Dear customer");
});

test("who takes care of it keeps others from answering", async ({ page, browser, server }) => {
  const bo = await makeKey(server, "Bo the second");
  const { suspensionId } = await ask(server, { title: "Claim me", message: "Take care?" });
  const context = await signedIn(browser, server, bo.key);
  const other = await context.newPage();
  await open(other, server, `/${suspensionId}`);
  await open(page, server, `/${suspensionId}?show=open`);
  await expect(detail(page, "Claim me").getByRole("button", { name: "Approve" })).toBeVisible();
  await detail(other, "Claim me").getByRole("button", { name: "Claim", exact: true }).click();
  await expect(row(other, "Claim me")).toContainText("Yours");
  // At once for the other, who is told why.
  await expect(detail(page, "Claim me")).toContainText("Bo the second (API key) takes care of this");
  await expect(detail(page, "Claim me").getByRole("button", { name: "Approve" })).toHaveCount(0);
  await expect(row(page, "Claim me")).toContainText("Claimed by Bo the second");
  await page.getByRole("link", { name: "For me" }).click();
  await expect(row(page, "Claim me")).toHaveCount(0);
  await other.getByRole("button", { name: "Release" }).click();
  await expect(row(page, "Claim me")).toBeVisible();
  expect((await suspensionOf<Suspension>(server, suspensionId)).claim ?? null).toBeNull();
  await server.call("POST", `/workspaces/${server.workspaceId}/suspensions/${suspensionId}/answer`, { approved: true });
  await context.close();
});

test("votes are counted, and may be changed until they decide", async ({ page, server }) => {
  const [ann, bo] = [await makeKey(server, "Ann"), await makeKey(server, "Bo the third")];
  const session = await server.call<{ principalId: string }>("GET", "/session");
  const { suspensionId } = await ask(server, {
    title: "Two of three",
    message: "Together?",
    approvers: { users: [ann.id, bo.id, session.principalId] },
    quorum: { required: 2, vetoOnReject: false },
  });
  await open(page, server, `/${suspensionId}`);
  const here = detail(page, "Two of three");
  await expect(here).toContainText("It takes 2 votes");
  await here.getByRole("button", { name: "Reject" }).click();
  await expect(here.getByRole("region", { name: "Votes" })).toContainText("you: Rejected");
  await here.getByRole("button", { name: "Approve" }).click();
  await expect(here.getByRole("region", { name: "Votes" })).toContainText("you: Approved");
  await expect(row(page, "Two of three")).toContainText("1 of 2 votes, yours too");
  await expectAccessible(page);
  await server.call("POST", `/workspaces/${server.workspaceId}/suspensions/${suspensionId}/answer`, { approved: true }, ann.key);
  await expect(here.getByRole("status")).toContainText("Approved by Ann (API key)");
  expect((await suspensionOf<Suspension>(server, suspensionId)).state).toBe("answered");
});

test("who comes too late is told who was faster", async ({ page, server }) => {
  const bo = await makeKey(server, "Bo the fast");
  const { suspensionId } = await ask(server, { title: "Too late", message: "Still?" });
  // A page that hears of nothing.
  await page.route("**/suspensions/events**", (route) => route.abort());
  await page.goto(server.page(`/inbox/${suspensionId}`));
  await expect(detail(page, "Too late").getByRole("button", { name: "Approve" })).toBeVisible();
  await server.call("POST", `/workspaces/${server.workspaceId}/suspensions/${suspensionId}/answer`, { approved: false }, bo.key);
  await detail(page, "Too late").getByRole("button", { name: "Approve" }).click();
  await expect(detail(page, "Too late").getByRole("status")).toHaveText("Rejected by Bo the fast (API key)");
  await expect(row(page, "Too late")).toHaveCount(0);
});

test("what expires while it is open says so", async ({ page, server }) => {
  const { suspensionId } = await ask(server, { title: "Soon over", message: "Quick?", expiresIn: "6s", onExpiry: "reject" });
  await page.goto(server.page(`/inbox/${suspensionId}`));
  await expect(detail(page, "Soon over").getByText(/Expires in|Expiring now/)).toBeVisible();
  await expect(detail(page, "Soon over").getByRole("status")).toHaveText("Nobody answered in time: Rejected");
  await expect(row(page, "Soon over")).toHaveCount(0);
});

test("a page outlives its server", async ({ page, server }) => {
  const { suspensionId } = await ask(server, { title: "Before the cut", message: "Still there?" });
  await open(page, server, `/${suspensionId}`);
  await expect(row(page, "Before the cut")).toBeVisible();
  await server.kill();
  await expect(page.getByRole("status").filter({ hasText: /Reconnecting|Connecting/ })).toBeVisible();
  await detail(page, "Before the cut").getByLabel("Comment or reason").fill("written in between");
  await server.restart();
  // Nobody has told the page: it finds out by itself.
  await ask(server, { title: "After the cut", message: "New?" });
  await expect(row(page, "After the cut")).toBeVisible();
  await detail(page, "Before the cut").getByRole("button", { name: "Approve" }).click();
  await expect(detail(page, "Before the cut").getByRole("status")).toHaveText("Approved by you");
  expect((await suspensionOf<Suspension>(server, suspensionId)).decision?.comment).toBe("written in between");
});

test("hostile texts stay texts", async ({ page, server }) => {
  const evil = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
  const { suspensionId } = await ask(server, {
    title: `T ${evil}`,
    message: `M ${evil}\n[link](javascript:alert(1))`,
    context: { [`<b>${"k"}</b>`]: evil, nested: { deep: [evil] }, __proto__: "x", long: "x".repeat(3_000) },
    actions: [{ id: "yes", label: "<i>Yes</i>" }],
    form: { type: "object", title: evil, properties: { name: { type: "string", title: evil, description: evil } } },
  });
  await open(page, server, `/${suspensionId}`);
  await expect(page.getByRole("heading", { level: 2 })).toContainText("<img src=x onerror=");
  await expect(page.getByRole("button", { name: "<i>Yes</i>" })).toBeVisible();
  await expect(page.locator("article img, article script, article b, article i")).toHaveCount(0);
  expect(await page.title()).not.toContain("taken");
  // Nothing is so long that the page has to be moved sideways.
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await page.getByRole("button", { name: "<i>Yes</i>" }).click();
  await expect(page.getByRole("region", { name: "Outcome" })).toContainText("<i>Yes</i>");
});

test("on a phone it is done in three touches", async ({ browser, server }) => {
  const { suspensionId } = await ask(server, { title: "On the go", message: "Release the goods?", context: { order: 7 } });
  const context = await signedIn(browser, server, server.apiKey, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  const page = await context.newPage();
  await open(page, server);
  await expectAccessible(page);
  await row(page, "On the go").tap();
  const approve = page.getByRole("button", { name: "Approve" });
  await expect(approve).toBeInViewport();
  expect((await approve.boundingBox())?.height).toBeGreaterThanOrEqual(44);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await expectAccessible(page);
  await approve.tap();
  await expect(page.getByRole("heading", { name: "Approved by you" })).toBeVisible();
  expect((await suspensionOf<Suspension>(server, suspensionId)).decision?.action).toBe("approved");
  await page.getByRole("link", { name: "Back to the inbox" }).tap();
  await expect(page.getByRole("heading", { name: "Inbox" })).toBeVisible();
  await expect(row(page, "On the go")).toHaveCount(0);
  await context.close();
});
