/** A worker for the queue of examples/task.yaml: adds up invoices. Ctrl-C stops it. */
import { SluicegateClient } from "@sluicegate/sdk";
import { TaskError, Worker } from "@sluicegate/sdk/worker";

const { SLUICEGATE_URL: baseUrl = "", SLUICEGATE_API_KEY: apiKey, SLUICEGATE_WORKSPACE: workspaceId, SLUICEGATE_POD: podId } = process.env;
const client = new SluicegateClient({ baseUrl, apiKey, workspaceId, podId });

const worker = new Worker<{ lines: { text: string; price: number }[] }>(client, {
  queue: "invoices",
  concurrency: 4,
  handler(task) {
    const { lines } = task.input;
    if (lines.length === 0) {
      throw new TaskError("the invoice has no lines", { code: "empty", retryable: false });
    }
    lines.forEach(({ text, price }, index) => {
      task.action("read", text, { price });
      task.progress(index + 1, lines.length);
    });
    return { total: lines.reduce((sum, { price }) => sum + price, 0) };
  },
});
await worker.run({ stopOn: ["SIGTERM", "SIGINT"] });
