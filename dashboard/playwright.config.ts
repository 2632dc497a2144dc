/** Tests in the system's Chromium against the real binary; each worker has a server and a database of its own. */
import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const chromium = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));
if (!chromium) {
  throw new Error("Chromium is missing: install it (apt-get install chromium), or name it by CHROMIUM");
}

export default defineConfig({
  testDir: "test",
  outputDir: "../target/dashboard-tests",
  workers: 2,
  fullyParallel: false,
  // Machines of others are shared and noisy; what passes at the second try is told as flaky.
  retries: process.env["CI"] ? 1 : 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list", { printSteps: false }]],
  use: {
    // Root has no user namespaces for Chromium's own sandbox.
    launchOptions: { executablePath: chromium, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] },
    viewport: { width: 1280, height: 800 },
    // Recording all of it takes longer than the tests: SLUICEGATE_TEST_TRACE=1 does.
    trace: process.env["SLUICEGATE_TEST_TRACE"] ? "retain-on-failure" : "off",
    screenshot: "only-on-failure",
  },
});
