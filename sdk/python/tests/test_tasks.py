"""Workers at the true server: what a worker says is on the stream, and what becomes of its tasks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import yaml

from sluicegate import SluicegateApiError, SluicegateExecutionError, TaskError

from .support import ROOT, Kind, Server, until
from .tasks import Working

EXAMPLES = ROOT / "examples"
Start = Callable[..., Working]


def definition(queue: str, **data: Any) -> Any:
    """A task between a start and an end."""
    nodes: list[Any] = [
        {"id": "a", "type": "start"},
        {"id": "work", "type": "task", "data": {"queue": queue, **data}},
        {"id": "z", "type": "end"},
    ]
    edges = [{"source": "a", "target": "work"}, {"source": "work", "target": "z"}]
    return {"nodes": nodes, "edges": edges}


@pytest.fixture
def queue(request: pytest.FixtureRequest) -> str:
    """A queue of the test's own."""
    return request.node.name


@pytest.fixture
def work(kind: Kind, server: Server, queue: str) -> Generator[Start, None, None]:
    """Starts workers, and stops them in the end."""
    started: list[Working] = []

    def start(handler: Callable[[Any], Any], **options: Any) -> Working:
        place = {"api_key": server.api_key, "workspace_id": server.workspace_id, "pod_id": server.pod_id}
        working = Working(kind, server.url, {queue: handler}, place=place, **options)
        started.append(working)
        return working

    yield start
    for working in started:
        if working.alive:
            working.stop()


def get(server: Server, path: str) -> Any:
    url = f"{server.url}/v1/workspaces/{server.workspace_id}/pods/{server.pod_id}/{path}"
    return httpx.get(url, headers={"x-api-key": server.api_key}).raise_for_status().json()


def where(task: Any) -> Any:
    return {"fence": task.fence, "attempt": task.attempt}


def queued(server: Server, queue: str) -> bool:
    return any(one["queue"] == queue and one["queued"] for one in get(server, "task-queues"))


def test_what_a_worker_says_is_on_the_stream(server: Server, work: Start, queue: str) -> None:
    def handle(task: Any) -> Any:
        task.log("begins", "debug", {"n": 1})
        task.action("click", "Save", {"x": 1})
        task.delta("Hello ")
        task.delta("Ada")
        task.progress(1, 2, "half")
        return {"twice": task.input["n"] * 2, "attempt": task.attempt}

    working = work(handle, worker_id=queue, version="1.2")
    id = server.trigger(definition(queue, input={"n": "{{ input.n }}"}), input={"n": 21})
    log = server.finished_log(id)
    kinds = {event["type"] for event in log}
    assert {"task_update", "node_action", "node_delta", "execution_complete"} <= kinds
    states = [(event["state"], event.get("workerId")) for event in log if event["type"] == "task_update"]
    assert states == [("queued", None), ("leased", queue), ("completed", queue)]
    action = next(event for event in log if event["type"] == "node_action")
    assert (action["kind"], action["title"], action["detail"]) == ("click", "Save", {"x": 1})
    deltas = [event for event in log if event["type"] == "node_delta"]
    assert "".join(event["delta"] for event in deltas if event["channel"] == "text") == "Hello Ada"
    progress = next(event for event in deltas if event["channel"] == "progress")
    assert (progress["delta"], progress["progress"], progress["progressMax"]) == ("half", 1, 2)
    with server.client() as client:
        execution = client.get_execution(None, None, id)
        assert execution.get("output") == {"twice": 42, "attempt": 1}
        assert [entry["message"] for entry in client.list_logs(None, None, id, level="debug")].count("begins") == 1
    me = next(one for one in get(server, "workers") if one["workerId"] == queue)
    assert (me["version"], me["queues"], me["connected"], me["leases"]) == ("1.2", [queue], True, [])
    working.stop()


def test_failures_of_handlers(server: Server, work: Start, queue: str) -> None:
    attempts: list[int] = []

    def handle(task: Any) -> Any:
        attempts.append(task.attempt)
        if task.input["kind"] == "hopeless":
            raise TaskError("no such order", code="no_order", retryable=False, details={"order": 7})
        if task.attempt == 1:
            raise ValueError("at first")
        return task.idempotency_key

    work(handle)
    retry = {"maxAttempts": 3, "initialMs": 1}
    with server.client() as client:
        workflow = client.workflows.create(None, None, name="Fails", definition=definition(queue, retry=retry))
        with pytest.raises(SluicegateExecutionError) as failed:
            client.run(workflow_id=workflow["id"], input={"kind": "hopeless"}, timeout=30)
        error: Any = failed.value.execution.get("error")
        assert (error["code"], error["message"]) == ("task_failed", "no such order")
        assert error["details"] == {"code": "no_order", "details": {"order": 7}}
        done = client.run(workflow_id=workflow["id"], input={"kind": "passes"}, timeout=30)
        assert done.get("output") == f"{done['id']}/work"
        assert attempts == [1, 1, 2]
        errors = client.list_logs(None, None, done["id"], level="error")
        assert any("ValueError: at first" in entry["message"] for entry in errors)


def test_a_cancelled_execution_withdraws_its_task(server: Server, work: Start, queue: str) -> None:
    begun, ended = threading.Event(), threading.Event()

    def handle(task: Any) -> str:
        begun.set()
        if task.cancelled.wait(60):
            ended.set()
        return "too late"

    work(handle)
    id = server.trigger(definition(queue, leaseSeconds=5))
    assert begun.wait(20)
    with server.client() as client:
        client.cancel(None, None, id, wait=10)
        assert ended.wait(20)
        assert client.get_execution(None, None, id)["status"] == "cancelled"


def test_a_worker_that_stops_gives_its_task_to_another_one(server: Server, work: Start, queue: str) -> None:
    begun = threading.Event()

    def handle(task: Any) -> str:
        begun.set()
        task.cancelled.wait(60)
        return "too late"

    first = work(handle)
    id = server.trigger(definition(queue))
    assert begun.wait(20)
    first.stop(0.0)
    until(lambda: queued(server, queue), "the task waits again")
    work(where)
    log = server.finished_log(id)
    updates = [event for event in log if event["type"] == "task_update"]
    assert [(one["state"], one.get("reason")) for one in updates] == [
        ("queued", None),
        ("leased", None),
        ("queued", "released"),
        ("leased", None),
        ("completed", None),
    ]
    with server.client() as client:
        assert client.get_execution(None, None, id).get("output") == {"fence": updates[-1]["fence"], "attempt": 1}


def test_a_key_that_is_not_valid(kind: Kind, server: Server) -> None:
    place = {"api_key": "slg_nobody", "workspace_id": server.workspace_id, "pod_id": server.pod_id}
    working = Working(kind, server.url, {"q": print}, place=place)
    working.ended()
    assert isinstance(working.error, SluicegateApiError)
    assert working.error.status_code == 401


def test_a_server_that_restarts(kind: Kind) -> None:
    server = Server()
    try:
        begun, go_on = threading.Event(), threading.Event()

        def handle(task: Any) -> str:
            begun.set()
            go_on.wait(60)
            return "done"

        place = {"api_key": server.api_key, "workspace_id": server.workspace_id, "pod_id": server.pod_id}
        working = Working(kind, server.url, {"q": handle}, place=place)
        id = server.trigger(definition("q", leaseSeconds=60))
        assert begun.wait(20)
        server.kill()
        # The end is tried while nobody listens.
        go_on.set()
        server.start()
        server.finished_log(id)
        with server.client() as client:
            assert client.get_execution(None, None, id).get("output") == "done"
            done = client.run(workflow_id=client.get_execution(None, None, id)["workflowId"], timeout=60)
            assert done.get("output") == "done"
        working.stop()
    finally:
        server.close()


WORKERS = {
    "python": [sys.executable, str(EXAMPLES / "worker.py")],
    "shell": [str(EXAMPLES / "worker.sh"), "invoices", "jq", "{total: ([.lines[].price] | add)}"],
    "shell without jq": [
        str(EXAMPLES / "worker.sh"),
        "invoices",
        sys.executable,
        "-c",
        'import json, sys; print(json.dumps({"total": sum(line["price"] for line in json.load(sys.stdin)["lines"])}))',
    ],
}


@pytest.mark.parametrize("name", WORKERS)
def test_the_examples(name: str, server: Server, tmp_path: Path) -> None:
    path = os.environ["PATH"]
    if name == "shell without jq":
        # All programs but that one.
        for folder in filter(Path.is_dir, map(Path, path.split(os.pathsep))):
            for program in folder.iterdir():
                link = tmp_path / program.name
                if program.name != "jq" and not link.is_symlink():
                    link.symlink_to(program)
        path = str(tmp_path)
    variables = {
        "PATH": path,
        "PYTHONPATH": str(ROOT / "sdk" / "python" / "src"),
        "SLUICEGATE_URL": server.url,
        "SLUICEGATE_API_KEY": server.api_key,
        "SLUICEGATE_WORKSPACE": server.workspace_id,
        "SLUICEGATE_POD": server.pod_id,
    }
    made = yaml.safe_load((EXAMPLES / "task.yaml").read_text("utf-8"))
    graph = {"nodes": made["nodes"], "edges": made["edges"]}
    lines = [{"text": "Tea", "price": 3}, {"text": "Cake", "price": 4}]
    process = subprocess.Popen(WORKERS[name], env={**os.environ, **variables}, start_new_session=True)
    try:
        with server.client() as client:
            workflow = client.workflows.create(None, None, name=name, definition=cast(Any, graph))["id"]
            for _ in range(2):
                done = client.run(workflow_id=workflow, input={"number": 7, "lines": lines}, timeout=60)
                assert done.get("output") == {"number": 7, "total": 7}
                assert [event for event in server.log(done["id"]) if event["type"] == "node_action"]
            if name == "python":
                empty = client.run(workflow_id=workflow, input={"number": 8}, timeout=60)
                assert empty.get("output") == {"number": 8, "why": "the invoice has no lines"}
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
            # Nobody waits any more, and what comes now is not taken.
            id = client.trigger(workflow_id=workflow, input={"number": 9})["id"]
            until(lambda: queued(server, "invoices"), "the task waits")
            client.cancel(None, None, id, wait=10)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
