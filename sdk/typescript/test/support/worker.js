// A worker as a program of its own: it stops on SIGTERM, and says what is left of it.
import { setTimeout as sleep } from "node:timers/promises";
import { SluicegateClient } from "@sluicegate/sdk";
import { Worker } from "@sluicegate/sdk/worker";

const client = new SluicegateClient({ baseUrl: process.argv[2], apiKey: "slg_test", workspaceId: "w", podId: "p" });
const logger = { info() {}, warn() {}, error() {} };

const worker = new Worker(client, {
  queue: "q",
  concurrency: 2,
  logger,
  stopGrace: 30_000,
  async handler(task) {
    task.progress(1, 2, "works");
    if (task.input === "until aborted") {
      await new Promise((done) => task.signal.addEventListener("abort", done));
      console.log(`aborted: ${task.signal.reason.reason}`);
    } else {
      await sleep(2000);
    }
  },
});
await worker.run({ stopOn: ["SIGTERM"] });
console.log("stopped");
console.log(`timers: ${process.getActiveResourcesInfo().filter((name) => name === "Timeout").length}`);
