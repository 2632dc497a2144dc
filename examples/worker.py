"""A worker for the queue of examples/task.yaml: adds up invoices. Ctrl-C stops it."""

import os

from sluicegate import Client, Task, TaskError

url, api_key = os.environ["SLUICEGATE_URL"], os.environ["SLUICEGATE_API_KEY"]
workspace_id, pod_id = os.environ["SLUICEGATE_WORKSPACE"], os.environ["SLUICEGATE_POD"]
client = Client(base_url=url, api_key=api_key, workspace_id=workspace_id, pod_id=pod_id)
worker = client.worker(concurrency=4)


@worker.task("invoices")
def add_up(task: Task) -> object:
    lines = task.input["lines"]
    if not lines:
        raise TaskError("the invoice has no lines", code="empty", retryable=False)
    for number, line in enumerate(lines, 1):
        task.action("read", line["text"], {"price": line["price"]})
        task.progress(number, len(lines))
    return {"total": sum(line["price"] for line in lines)}


worker.run(stop_on=["SIGTERM", "SIGINT"])
