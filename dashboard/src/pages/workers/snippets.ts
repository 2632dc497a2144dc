/** How to start a worker, in three languages, with this server's address and pod filled in. */

export interface Where {
  url: string;
  workspaceId: string;
  podId: string;
  queue: string;
}

/** A text inside double quotes, in Python and TypeScript alike. */
const quote = (text: string) => JSON.stringify(text);

/** A text as one word of a shell. */
const word = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function pythonWorker({ url, workspaceId, podId, queue }: Where): string {
  return `# pip install sluicegate
import os
from sluicegate import Client, Task

client = Client(
    base_url=${quote(url)},
    api_key=os.environ["SLUICEGATE_API_KEY"],  # of an editor
    workspace_id=${quote(workspaceId)},
    pod_id=${quote(podId)},
)
worker = client.worker(concurrency=4)

@worker.task(${quote(queue)})
def work(task: Task) -> object:
    task.progress(1, 1)
    return {"did": task.input}

worker.run(stop_on=["SIGTERM", "SIGINT"])`;
}

export function typescriptWorker({ url, workspaceId, podId, queue }: Where): string {
  return `// npm install @sluicegate/sdk
import { SluicegateClient } from "@sluicegate/sdk";
import { Worker } from "@sluicegate/sdk/worker";

const client = new SluicegateClient({
  baseUrl: ${quote(url)},
  apiKey: process.env.SLUICEGATE_API_KEY, // of an editor
  workspaceId: ${quote(workspaceId)},
  podId: ${quote(podId)},
});
const worker = new Worker(client, {
  queue: ${quote(queue)},
  concurrency: 4,
  handler(task) {
    task.progress(1, 1);
    return { did: task.input };
  },
});
await worker.run({ stopOn: ["SIGTERM", "SIGINT"] });`;
}

export function shellWorker({ url, workspaceId, podId, queue }: Where): string {
  return `# SLUICEGATE_API_KEY is the key of an editor. Takes a task...
POD=${word(`${url}/v1/workspaces/${workspaceId}/pods/${podId}`)}
curl -s "$POD/tasks/lease" -H "x-api-key: $SLUICEGATE_API_KEY" -H 'content-type: application/json' \\
  -d ${word(JSON.stringify({ workerId: "by-hand", queues: [queue], waitSeconds: 30 }))}
# ...and ends it, with the taskId and the leaseToken of the reply.
curl -s "$POD/tasks/$TASK/complete" -H "x-lease-token: $LEASE_TOKEN" -H 'content-type: application/json' \\
  -d '{"output":{"done":true}}'`;
}
