// The outside worker: the TypeScript SDK's, with as many places as there are callers. It ends at SIGTERM.
const { sdk, url, workspaceId, podId, apiKey, callers } = JSON.parse(process.argv[2]);
const { SluicegateClient } = await import(`${sdk}/index.js`);
const { Worker } = await import(`${sdk}/worker.js`);

const worker = new Worker(new SluicegateClient({ baseUrl: url, apiKey }), {
  workspaceId,
  podId,
  queue: "bench",
  concurrency: callers,
  handler: (task) => ({ amount: task.input.amount + 1 }),
});
await worker.run({ stopOn: ["SIGTERM"] });
