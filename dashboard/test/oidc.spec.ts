/** Signing in at a real OpenID Connect provider, and being a member of nothing. */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { expect, expectAccessible, Server, test } from "./support/index.ts";

/** A port that was free a moment ago: the provider has to know the server's address before there is a server. */
async function freePort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}

async function startProvider(redirect: string): Promise<{ child: ChildProcess; issuer: string }> {
  const settings = { clients: [{ client_id: "gate", client_secret: "a secret of this test", redirect_uris: [redirect] }] };
  const child = spawn("node", ["../tests/oidc/provider.mjs", JSON.stringify(settings)], { stdio: ["pipe", "pipe", "ignore"] });
  const issuer = await new Promise<string>((resolve, reject) => {
    child.stdout?.once("data", (bytes: Buffer) => resolve(bytes.toString().trim()));
    child.once("exit", (code) => reject(new Error(`the provider ended with ${code}: scripts/install-test-tools.sh installs it`)));
  });
  return { child, issuer };
}

test("somebody signs in at the provider, and joins by an invite", async ({ browser }) => {
  test.skip(Boolean(process.env["SLUICEGATE_TEST_VITE"]), "the provider sends browsers back to the server itself");
  const port = await freePort();
  const { child, issuer } = await startProvider(`http://127.0.0.1:${port}/v1/session/oidc/callback`);
  const server = await Server.start({
    listen: `127.0.0.1:${port}`,
    environment: {
      SLUICEGATE_OIDC_ISSUER: issuer,
      SLUICEGATE_OIDC_CLIENT_ID: "gate",
      SLUICEGATE_OIDC_CLIENT_SECRET: "a secret of this test",
      SLUICEGATE_OIDC_LABEL: "Sign in with Home",
    },
  });
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${server.url}/sign-in?failure=denied`);
    await expect(page.getByRole("alert")).toContainText("did not let you in");
    await expect(page.getByRole("link", { name: "Sign in with Home" })).toBeVisible();
    await expectAccessible(page);

    await page.goto(server.page("/workflows"));
    await page.getByRole("link", { name: "Sign in with Home" }).click();
    await page.getByPlaceholder("Enter any login").fill("ann");
    await page.getByPlaceholder("and password").fill("any");
    await page.getByRole("button", { name: "Sign-in" }).click();
    await page.getByRole("button", { name: "Continue" }).click();
    // Where they wanted to go, which is not theirs to see yet.
    await expect(page).toHaveURL(server.page("/workflows"));
    await expect(page.getByText("There is no such workspace")).toBeVisible();
    await page.goto(server.url);
    await expect(page.getByRole("heading", { name: "You are in no workspace" })).toBeVisible();
    await expect(page.getByText("ann", { exact: true })).toBeVisible();
    await expectAccessible(page);

    await page.getByLabel("Invite").fill("wrong");
    await page.getByRole("button", { name: "Join" }).click();
    await expect(page.getByText("not found")).toBeVisible();
    const invites = `/workspaces/${server.workspaceId}/invites`;
    const { token } = await server.call<{ token: string }>("POST", invites, { email: "ann@example.com", role: "viewer" });
    await page.getByLabel("Invite").fill(token);
    await page.getByRole("button", { name: "Join" }).click();
    await expect(page).toHaveURL(server.page("/executions"));

    await page.getByRole("button", { name: "Account" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await expect(page.getByRole("link", { name: "Sign in with Home" })).toBeVisible();
    expect((await context.cookies(server.url)).filter(({ name }) => name.startsWith("sluicegate"))).toEqual([]);
  } finally {
    await context.close();
    await server.stop();
    child.kill();
  }
});
