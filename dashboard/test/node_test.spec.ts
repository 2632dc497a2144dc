/** Testing one node in the editor: with values of one's own, those of mocks, and those of an execution. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";

import { expect, expectAccessible, type Server, signedIn, test } from "./support/index.ts";

const ORDER = {
  nodes: [
    { id: "start", type: "start" },
    { id: "fetch", name: "Fetch", type: "transform", data: { expression: "{'price': input.n * 2}", mock: { output: { price: 5 } } } },
    { id: "large", name: "Large?", type: "if-else", data: { condition: "fetch.price > 10" } },
    { id: "ask", name: "Ask", type: "approval-gate", data: { title: "Pay {{ fetch.price }}?", message: "It is a lot.", approvers: { roles: ["admin"] }, expiresIn: "1h" } },
    { id: "small", name: "Small", type: "transform", data: { expression: "1 / (input.n - input.n)" } },
    { id: "each", name: "Each", type: "loop", data: { items: "[1, 2]" } },
    { id: "double", name: "Double", type: "code", parentId: "each", data: { source: "export default (input, ctx) => { console.log('item', ctx.item, { at: ctx.index }); return ctx.item * 2 }" } },
    { id: "end", type: "end" },
  ],
  edges: [
    { source: "start", target: "fetch" },
    { source: "fetch", target: "large" },
    { source: "large", sourceHandle: "if", target: "ask" },
    { source: "large", sourceHandle: "else", target: "small" },
    { source: "ask", sourceHandle: "approved", target: "each" },
    { source: "small", target: "each" },
    { source: "each", target: "end" },
  ],
};

const node = (page: Page, id: string) => page.locator(`.react-flow__node[data-id="${id}"]`);
const details = (page: Page) => page.getByRole("complementary", { name: "Details" });
const field = (page: Page, name: string) => details(page).getByRole("textbox", { name, exact: true });
const result = (page: Page) => details(page).getByRole("region", { name: "Result of the test" });
const button = (page: Page) => details(page).getByRole("button", { name: "Test this node" });

/** Opens the editor with a node and its test. */
async function open(page: Page, server: Server, id: string, nodeId: string): Promise<void> {
  await page.goto(server.page(`/workflows/${id}`));
  await expect(page.locator(".react-flow__node").first()).toBeVisible({ timeout: 30_000 });
  await choose(page, nodeId);
}

async function choose(page: Page, nodeId: string): Promise<void> {
  await page.getByRole("combobox", { name: "Find a node" }).fill(`(${nodeId})`);
  await page.getByRole("option").click();
  await expect(details(page).getByRole("textbox", { name: "Id" })).toHaveValue(nodeId);
  const test = details(page).getByRole("button", { name: /^Test( and mock)?$/ });
  if ((await test.getAttribute("aria-expanded")) === "false") {
    await test.click();
  }
  await expect(button(page)).toBeVisible();
}

test("a node is tested with values of one's own, and its result becomes a mock", async ({ page, server }) => {
  const id = await server.createWorkflow("To test", ORDER);
  await open(page, server, id, "fetch");
  // What the workflow reads of its input is there to be filled in.
  await expect(field(page, "Input")).toContainText('"n"');
  await field(page, "Input").fill('{"n": 21');
  await expect(details(page).getByText(/^Line 1: the text ends too early/)).toBeVisible();
  await expect(button(page)).toBeDisabled();
  await field(page, "Outputs of other nodes").fill("[1]");
  await expect(details(page).getByText(/Write an object with an output for each node/)).toBeVisible();
  await field(page, "Outputs of other nodes").fill("{}");
  await field(page, "Input").fill('{"n": 21}');
  await button(page).click();
  await expect(result(page)).toContainText("Completed");
  await expect(result(page).getByRole("region", { name: "output of the test" })).toContainText("42");
  await expectAccessible(page);

  await result(page).getByRole("button", { name: "Use as mock" }).click();
  await expect(page.getByText("Not saved", { exact: true })).toBeVisible();
  await expect(details(page).getByRole("group", { name: "mock" }).getByRole("textbox", { name: "Output" })).toHaveValue(/42/);
  // A test is about the node as it was; its mock is no part of that.
  await expect(details(page).getByText(/The node was changed since/)).toHaveCount(0);
  await details(page).getByLabel("Name").fill("Fetch it");
  await expect(details(page).getByText(/The node was changed since/)).toHaveCount(0);

  // The next node begins with what this one gave, and its port goes into the mock.
  await choose(page, "large");
  await expect(field(page, "Outputs of other nodes")).toContainText("42");
  await expect(field(page, "Last output")).toContainText("42");
  await button(page).click();
  await expect(result(page)).toContainText("Goes on by");
  await result(page).getByRole("button", { name: "Use as mock" }).click();
  await expect(details(page).getByRole("combobox", { name: /Branch/ })).toHaveValue("if");
  await expect(page.getByRole("button", { name: "No problems" })).toBeVisible();

  // Who comes back finds what was typed and what came of it.
  await choose(page, "fetch");
  await expect(field(page, "Input")).toContainText("21");
  await expect(result(page)).toContainText("42");
  await page.keyboard.press("ControlOrMeta+s");
  await expect(page.getByText("Saved as version 2")).toBeVisible();
  const { definition } = await server.call<{ definition: { nodes: { id: string; data: Record<string, unknown> }[] } }>("GET", server.pod(`/workflows/${id}`));
  const dataOf = (id: string) => definition.nodes.find((node) => node.id === id)?.data;
  expect(dataOf("fetch")?.["mock"]).toEqual({ output: { price: 42 } });
  expect(dataOf("large")?.["mock"]).toMatchObject({ branch: "if" });
});

test("what a node would do is told, and what goes wrong", async ({ page, server }) => {
  const id = await server.createWorkflow("Would do", ORDER);
  await open(page, server, id, "ask");
  // The mock of the node before is what there is to begin with.
  await expect(field(page, "Outputs of other nodes")).toContainText("5");
  await button(page).click();
  const question = result(page).getByRole("group", { name: "What it would ask" });
  await expect(result(page)).toContainText("Would ask");
  await expect(question).toContainText("Pay 5?");
  await expect(question).toContainText("It is a lot.");
  await expect(question).toContainText("admins and higher");
  await expect(question).toContainText("Expires");
  await expect(result(page).getByRole("button", { name: "Use as mock" })).toHaveCount(0);
  await expectAccessible(page);
  expect(await server.call("GET", server.pod(`/executions?filter=${encodeURIComponent(`workflowId eq '${id}'`)}`))).toEqual([]);

  await choose(page, "small");
  await field(page, "Input").fill('{"n": 1}');
  await button(page).click();
  const failure = result(page).getByRole("group", { name: "Failure" });
  await expect(failure).toContainText("expression_failed");
  await result(page).getByRole("button", { name: "Use as mock" }).click();
  await expect(details(page).getByRole("group", { name: "error" }).getByRole("textbox", { name: /^Message/ })).not.toHaveValue("");
  await details(page).getByRole("textbox", { name: /^Expression/ }).fill("1");
  await expect(details(page).getByText(/The node was changed since/)).toBeVisible();

  await choose(page, "double");
  await field(page, "Item").fill("4");
  await field(page, "Index").fill("-1");
  await expect(details(page).getByText("Write a whole number from 0")).toBeVisible();
  await field(page, "Index").fill("3");
  await button(page).click();
  await expect(result(page).getByRole("region", { name: "output of the test" })).toContainText("8");
  await expect(result(page).getByRole("listitem")).toContainText("item 4");
  await expectAccessible(page);

  // What is not valid is not run, and says so at the field.
  await page.emulateMedia({ colorScheme: "dark" });
  await choose(page, "large");
  await details(page).getByRole("textbox", { name: /^Condition/ }).fill("1 +");
  await button(page).click();
  await expect(details(page).getByText(/Nothing was run/)).toBeVisible();
  await expect(details(page).getByRole("textbox", { name: /^Condition/ })).toHaveAttribute("aria-invalid", "true");
  await details(page).getByRole("textbox", { name: /^Condition/ }).fill("true");
  await button(page).click();
  await expect(result(page)).toContainText("if");
  await expectAccessible(page);
});

test("a test is given up, and the values of an execution are taken over", async ({ page, server }) => {
  // Answers nobody.
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const httpUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
  const call = { id: "call", name: "Call", type: "http", data: { httpUrl, mock: { output: { called: true } } } };
  const id = await server.createWorkflow("Slow", {
    nodes: [...ORDER.nodes.slice(0, 2), call, { id: "end", type: "end" }],
    edges: [{ source: "start", target: "fetch" }, { source: "fetch", target: "call" }, { source: "call", target: "end" }],
  });
  const executionId = await server.trigger(id, { n: 4 }, { mocks: true });
  await server.waitFor(executionId, "completed");
  await open(page, server, id, "call");
  await details(page).getByRole("combobox", { name: "Fill in" }).click();
  await page.getByRole("option", { name: /^Completed/ }).click();
  await expect(field(page, "Input")).toContainText('"n": 4');
  await expect(field(page, "Last output")).toContainText('"price": 5');
  await button(page).click();
  await expect(details(page).getByText("At work")).toBeVisible();
  await expectAccessible(page);
  await details(page).getByRole("button", { name: "Cancel", exact: true }).click();
  await expect(details(page).getByText("At work")).toHaveCount(0);
  await expect(button(page)).toBeEnabled();
  await expect(result(page)).toHaveCount(0);
  silent.closeAllConnections();
  silent.close();
});

test("who may only look has no test", async ({ browser, server }) => {
  const id = await server.createWorkflow("To look at", ORDER);
  const { key } = await server.call<{ key: string }>("POST", `/workspaces/${server.workspaceId}/api-keys`, { name: "looks", role: "viewer" });
  const context = await signedIn(browser, server, key);
  const page = await context.newPage();
  await page.goto(server.page(`/workflows/${id}`));
  await node(page, "fetch").click();
  await details(page).getByRole("button", { name: "Test and mock" }).click({ force: true });
  await expect(details(page).getByText("5")).toBeVisible();
  await expect(button(page)).toHaveCount(0);
  await context.close();
});

test("a test has room on a phone", async ({ browser, server }) => {
  const id = await server.createWorkflow("Pocket test", ORDER);
  const context = await signedIn(browser, server, server.apiKey, { viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  await page.goto(server.page(`/workflows/${id}`));
  await node(page, "fetch").click();
  const drawer = page.getByRole("dialog", { name: "Details" });
  await drawer.getByRole("button", { name: "Test this node" }).click();
  await expect(drawer.getByRole("region", { name: "Result of the test" })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(page);
  await context.close();
});
