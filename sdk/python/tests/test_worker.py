"""Workers of both kinds, at a server that answers as a test wants: what is sent, and what becomes of faults."""

from __future__ import annotations

import io
import threading
from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from sluicegate import Client, SluicegateError, TaskError, TaskOverError
from sluicegate.reports import Reports

from .support import Kind
from .tasks import CUT, LOST, Call, Tasks, Working, problem, serving, status

Start = Callable[..., Working]


@pytest.fixture
def tasks() -> Generator[Tasks, None, None]:
    with serving() as tasks:
        yield tasks


@pytest.fixture
def work(kind: Kind, tasks: Tasks) -> Generator[Start, None, None]:
    """Starts workers, and stops them in the end."""
    started: list[Working] = []

    def start(handler: Callable[[Any], Any], **options: Any) -> Working:
        working = Working(kind, tasks.url, {"q": handler}, **options)
        started.append(working)
        return working

    yield start
    for working in started:
        if working.alive:
            working.stop()


def test_a_task_is_leased_done_and_completed(tasks: Tasks, work: Start) -> None:
    task_id = tasks.offer({"n": 20}, path="each[1]", attempt=2, context={"user": "u"}, deadline="2030-01-01T00:00:00Z")
    seen: list[Any] = []

    def double(task: Any) -> Any:
        seen.append(task)
        task.stats["steps"] = 3
        return {"twice": task.input["n"] * 2}

    working = work(double, concurrency=3, version="1.2", worker_id="me")
    tasks.until(lambda: tasks.at("complete"), "the end")
    working.stop()
    lease = tasks.at("lease")[0]
    assert lease.body == {"queues": ["q"], "max": 3, "waitSeconds": 20, "workerId": "me", "version": "1.2"}
    assert lease.headers["authorization"] == "Bearer slg_test"
    assert "idempotency-key" not in lease.headers
    task = seen[0]
    assert (task.task_id, task.path, task.attempt, task.context) == (task_id, "each[1]", 2, {"user": "u"})
    assert (task.deadline, task.fence, task.queue, task.execution_id) == ("2030-01-01T00:00:00Z", 1, "q", "e")
    complete = tasks.at("complete")[0]
    assert complete.body == {"leaseToken": "token-t1", "output": {"twice": 40}, "stats": {"steps": 3}}
    assert "authorization" not in complete.headers
    assert not tasks.at("heartbeat")
    assert not task.cancelled.is_set()


def test_reports_arrive_in_order_together_and_before_the_end(tasks: Tasks, work: Start) -> None:
    sent = threading.Event()

    def report(task: Any) -> None:
        task.progress(1, 10, "begins")
        task.progress(2, 10)
        task.action("click", "Save", {"x": 1}, "artifact-1")
        for text in ("Hel", "lo", ""):
            task.delta(text)
        task.delta("hm", "reasoning")
        task.log("one")
        task.log("two", "warn", {"a": [1]})
        sent.wait(20)
        task.log("three")
        task.progress(10)

    tasks.offer()
    work(report)
    tasks.until(lambda: tasks.brought("deltas"), "the first reports")
    sent.set()
    tasks.until(lambda: tasks.at("complete"), "the end")
    first, second = [call.body for call in tasks.at("heartbeat")]
    assert first == {
        "leaseToken": "token-t1",
        "progress": 2,
        "progressMax": 10,
        "message": "begins",
        "logs": [{"level": "info", "message": "one"}, {"level": "warn", "message": "two", "data": {"a": [1]}}],
        "actions": [{"kind": "click", "title": "Save", "detail": {"x": 1}, "artifactId": "artifact-1"}],
        "deltas": [{"channel": "text", "delta": "Hello"}, {"channel": "reasoning", "delta": "hm"}],
    }
    assert (second["progress"], second["logs"][0]["message"]) == (10, "three")
    assert [call.door for call in tasks.calls if call.task_id] == ["heartbeat", "heartbeat", "complete"]


def test_a_thousand_reports_are_a_few_heartbeats_in_order(tasks: Tasks, work: Start) -> None:
    def report(task: Any) -> None:
        for number in range(1000):
            task.log(str(number))

    tasks.offer()
    tasks.next("heartbeat", CUT, status(503))
    work(report)
    tasks.until(lambda: tasks.at("complete"), "the end")
    beats = [call.body for call in tasks.at("heartbeat")]
    assert beats[0] == beats[1] == beats[2], "what had no answer is sent again"
    assert [int(entry["message"]) for beat in beats[2:] for entry in beat["logs"]] == list(range(1000))
    assert len(beats) <= 2 + 20


def test_more_reports_than_fit_are_dropped_and_that_is_said() -> None:
    reports = Reports()

    def taken() -> list[str]:
        found: list[str] = []
        while not reports.empty:
            found += [report.json for report in reports.take().reports]
        return found

    for number in range(3000):
        reports.add("logs", {"message": str(number)})
    reports.delta("text", "lost, too")
    kept = taken()
    assert len(kept) == 2001
    assert "1001 reports were dropped" in kept[-1]
    reports.delta("text", "x" * 40_000)
    assert len(taken()) == 3
    for _ in range(100):
        reports.add("logs", {"message": "x" * 100_000})
    assert sum(len(text) for text in taken()) < 5 * 1024 * 1024


def test_a_handler_that_raises_fails_its_task_and_the_worker_goes_on(
    tasks: Tasks, work: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(task: Any) -> Any:
        match task.input:
            case 0:
                raise ValueError("no page")
            case 1:
                raise TaskError("no such order", code="no_order", retryable=False, details={"order": 7})
            case 2:
                return {1, 2}
            case 3:
                return float("nan")
            case 4:
                raise SystemExit(3)
            case 5:
                task.log("never", "info", object())
            case _:
                pass
        return "good"

    for number in range(7):
        tasks.offer(number)
    work(fail)
    tasks.until(lambda: tasks.at("complete"), "the good one")
    errors = [call.body["error"] for call in tasks.at("fail")]
    assert errors[0] == {"message": "no page", "code": "ValueError"}
    details = {"order": 7}
    assert errors[1] == {"message": "no such order", "code": "no_order", "retryable": False, "details": details}
    for error in errors[2:4]:
        assert (error["code"], error["retryable"]) == ("invalid_output", False)
        assert error["message"].startswith("the output is no JSON: ")
    assert [error["code"] for error in errors[4:]] == ["SystemExit", "TypeError"]
    logs = tasks.brought("logs")
    assert logs[0]["level"] == "error"
    assert "ValueError: no page" in logs[0]["message"]
    assert "test_worker.py" in logs[0]["message"]
    assert len(logs) == 3, "a traceback of what was raised by mistake only"
    assert "task t1 of queue q failed: no page" in caplog.text


def test_heartbeats_keep_the_lease(tasks: Tasks, work: Start) -> None:
    done = threading.Event()
    tasks.offer(leaseSeconds=1)
    for fault in (CUT, status(502, b"<html>"), problem(429, "slow_down"), status(404, b"<html>")):
        tasks.next("heartbeat", fault, None)

    def handle(task: Any) -> None:
        done.wait(20)

    work(handle)
    tasks.until(lambda: len(tasks.at("heartbeat")) == 10, "heartbeats")
    done.set()
    tasks.until(lambda: tasks.at("complete"), "the end")
    assert tasks.at("heartbeat")[-1].body == {"leaseToken": "token-t1"}


def test_a_task_that_was_withdrawn(tasks: Tasks, work: Start) -> None:
    reasons: list[str] = []

    def wait(task: Any) -> Any:
        if task.input == 1:
            assert task.cancelled.wait(20)
            task.log("too late")
            with pytest.raises(TaskOverError) as raised:
                task.raise_if_cancelled()
            reasons.append(raised.value.reason)
            with pytest.raises(TaskOverError):
                task.artifact("a.txt", "a")
            return "too late"
        return None

    tasks.offer(1, leaseSeconds=0.3)
    tasks.next("heartbeat", status(200, {"cancelled": True, "leaseUntil": ""}))
    tasks.offer(2)
    work(wait)
    tasks.until(lambda: tasks.at("complete"), "the other one")
    assert tasks.at("complete")[0].task_id == "t2"
    tasks.until(lambda: reasons == ["cancelled"], "the handler has ended")
    assert len([call for call in tasks.calls if call.task_id == "t1"]) == 1, "nothing is said after it"


def test_a_lease_that_is_lost(tasks: Tasks, work: Start, caplog: pytest.LogCaptureFixture) -> None:
    reasons: list[str] = []

    def handle(task: Any) -> None:
        if task.input == "waits":
            assert task.cancelled.wait(20)
            try:
                task.raise_if_cancelled()
            except TaskOverError as over:
                reasons.append(over.reason)
                raise
        if task.input == "raises":
            raise TaskError("no")

    tasks.next("heartbeat", LOST, problem(401, "unauthorized"))
    tasks.next("complete", LOST)
    tasks.next("fail", LOST)
    for name in ("waits", "waits", "gives", "raises", "good"):
        tasks.offer(name, leaseSeconds=0.3 if name == "waits" else 30)
    work(handle)
    tasks.until(lambda: len(tasks.at("complete")) == 2, "the good one")
    tasks.until(lambda: reasons == ["lease_lost", "lease_lost"], "both handlers know")
    assert (len(tasks.at("fail")), len(tasks.at("release"))) == (1, 0)
    assert "the lease of task t1 is lost: lease_lost (409)" in caplog.text


def test_an_end_is_sent_again_until_it_is_accepted(tasks: Tasks, work: Start) -> None:
    tasks.next("complete", CUT, status(503, retry_after="0"), status(200, b"<html>"), problem(500, "internal"))
    tasks.next("fail", CUT)
    tasks.offer("good")
    tasks.offer("bad")

    def handle(task: Any) -> Any:
        if task.input == "bad":
            raise TaskError("no")
        return task.input

    work(handle)
    tasks.until(lambda: len(tasks.at("fail")) == 2, "both ends")
    bodies = [call.body for call in tasks.at("complete")]
    assert bodies == [{"leaseToken": "token-t1", "output": "good"}] * 5


def test_an_end_is_not_sent_again_when_the_lease_is_over(
    tasks: Tasks, work: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(task: Any) -> Any:
        if task.input == 2:
            raise TaskError("no")
        return task.input

    tasks.always("complete", CUT)
    tasks.always("heartbeat", CUT)
    tasks.offer(1, leaseSeconds=0.4)
    tasks.offer(2)
    work(handle)
    tasks.until(lambda: tasks.at("fail", "t2"), "the second one")
    assert tasks.at("complete")
    assert "the lease of task t1 is lost: it ran out before the server could be reached" in caplog.text


def test_reports_and_ends_that_the_server_refuses(tasks: Tasks, work: Start, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(call: Call) -> Any:
        bad = any(entry["message"] == "bad" for entry in call.body.get("logs", []))
        return problem(422, "invalid_value") if bad or call.body.get("progress") == -1 else None

    def handle(task: Any) -> Any:
        if task.input == "bad error":
            raise TaskError("no", details="?")
        if task.input == "good":
            for message in ("a", "b", "bad", "c", "d"):
                task.log(message)
            task.progress(-1)
        return task.input

    tasks.always("heartbeat", refuse)
    # Not by the server, but by something between.
    tasks.next("complete", status(413, b"<html>"))
    tasks.next("fail", None, problem(422, "invalid_value"))
    for name in ("large", "bad error", "good"):
        tasks.offer(name)
    work(handle)
    tasks.until(lambda: tasks.at("complete", "t3"), "the good one")
    beats = [call.body for call in tasks.at("heartbeat") if "progress" not in call.body]
    accepted = [beat["logs"] for beat in beats if all(entry["message"] != "bad" for entry in beat["logs"])]
    assert [entry["message"] for logs in accepted for entry in logs] == ["a", "b", "c", "d"]
    assert caplog.text.count("a report was refused and is dropped: invalid_value (422)") == 2
    large, _, bad = [call.body["error"] for call in tasks.at("fail")]
    assert (large["code"], large["retryable"]) == ("invalid_output", False)
    assert large["message"].startswith("the output was refused: http_413 (413)")
    assert bad["message"].startswith("the task failed, and its error was refused: invalid_value")


def test_artifacts(tasks: Tasks, work: Start, tmp_path: Path) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"stre"
        yield b"am"

    page = tmp_path / "page"
    page.write_text("x" * 600_000)
    made: list[Any] = []

    def handle(task: Any) -> str:
        made.append(task.artifact("report.json", '{"a":1}'))
        task.artifact("a b/ü.bin", b"123")
        task.artifact("page.html", page)
        task.artifact("clip", io.BytesIO(b"blob"), content_type="video/mp4", kind="output")
        task.artifact("s.log", parts())
        made.append(task.screenshot(b"\xff\xd8\xff", "The form"))
        with pytest.raises(SluicegateError, match="503"):
            task.artifact("t", io.BytesIO(b"once"))
        with pytest.raises(FileNotFoundError):
            task.artifact("u", tmp_path / "missing")
        return "done"

    tasks.offer()
    tasks.next("artifacts", CUT, status(503), *[None] * 6, status(503))
    work(handle)
    tasks.until(lambda: tasks.at("complete") or tasks.at("fail"), "the end")
    assert not tasks.at("fail"), tasks.at("fail")
    puts = tasks.at("artifacts")
    assert [(put.name, put.headers["content-type"], len(put.body), put.query.get("kind")) for put in puts] == [
        *[("report.json", "application/json", 7, None)] * 3,
        ("a b/ü.bin", "application/octet-stream", 3, None),
        ("page.html", "text/html", 600_000, None),
        ("clip", "video/mp4", 4, ["output"]),
        ("s.log", "text/plain", 6, None),
        ("screenshot-1-1.jpeg", "image/jpeg", 3, ["screenshot"]),
        ("t", "application/octet-stream", 4, None),
    ]
    assert all(put.headers["x-lease-token"] == "token-t1" and "authorization" not in put.headers for put in puts)
    assert made[0]["id"] == "artifact-report.json"
    action = tasks.brought("actions")[0]
    assert (action["kind"], action["title"], action["artifactId"]) == ("screenshot", "The form", made[1]["id"])


def test_what_a_worker_is_made_with_is_checked(client_of: Callable[..., Any]) -> None:
    client = client_of()
    for options, message in (
        ({"concurrency": 0}, "concurrency must be a whole number from 1 to 10000, unlike 0"),
        ({"concurrency": True}, "concurrency must be a whole number"),
        ({"wait": 56}, "wait must be a whole number from 1 to 55"),
        ({"stop_grace": -1}, "stop_grace must be at least 0 seconds"),
    ):
        with pytest.raises(SluicegateError, match=message):
            client.worker(**options)
    with pytest.raises(SluicegateError, match="pod_id is missing"):
        client_of(pod_id=None).worker()
    worker = client.worker()
    assert worker.worker_id != client.worker().worker_id
    with pytest.raises(SluicegateError, match="the worker has no handler"):
        worker.run()


def test_handlers_are_checked() -> None:
    with Client(api_key="k", base_url="http://127.0.0.1:9", workspace_id="w", pod_id="p") as client:
        worker = client.worker()

        @worker.task("one")
        def one(task: Any) -> None: ...

        async def other(task: Any) -> None: ...

        for queue, handler, message in (
            ("one", one, "queue 'one' has a handler already"),
            ("", one, "the queue has no name"),
            ("two", other, "must be no coroutine function"),
        ):
            with pytest.raises(SluicegateError, match=message):
                worker.task(queue)(handler)
    options: dict[str, Any] = {"http_options": {"event_hooks": {"request": [print]}}}
    with (
        Client(api_key="k", base_url="http://x", workspace_id="w", pod_id="p", **options) as client,
        pytest.raises(SluicegateError, match="a worker can't use event_hooks"),
    ):
        client.worker()


def test_reports_of_several_kinds_arrive_in_their_order_as_long_as_they_are_few() -> None:
    reports = Reports()

    def add(count: int) -> None:
        for number in range(count):
            reports.add("logs", {"message": f"before {number}"})
            reports.add("actions", {"kind": "click", "title": str(number)})
            reports.delta("text", f"after {number}")

    def taken() -> list[list[str]]:
        batches: list[list[str]] = []
        while not reports.empty:
            batches.append([report.kind for report in reports.take().reports])
        return batches

    add(2)
    assert taken() == [["logs"], ["actions", "deltas", "logs"], ["actions", "deltas"]]
    add(100)
    assert len(taken()) < 25
