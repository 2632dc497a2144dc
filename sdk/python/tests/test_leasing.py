"""How workers ask for tasks, how many they take, and how they stop: at a server that answers as a test wants."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sluicegate import AsyncClient, AsyncTask, SluicegateApiError, SluicegateConnectionError

from .support import Kind, sockets, until
from .tasks import CUT, LOST, Tasks, Working, problem, serving, status

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


def nothing(task: Any) -> None:
    pass


def test_as_many_tasks_as_there_are_places_by_one_poll_at_a_time(tasks: Tasks, work: Start) -> None:
    for number in range(40):
        tasks.offer(number)
    lock = threading.Lock()
    running: set[int] = set()
    seen: list[int] = []
    most: list[int] = []

    def handle(task: Any) -> None:
        with lock:
            running.add(task.input)
            most.append(len(running))
        time.sleep(0.001 * (task.input % 7))
        with lock:
            running.remove(task.input)
            seen.append(task.input)

    work(handle, concurrency=4)
    tasks.until(lambda: len(tasks.at("complete")) == 40, "all tasks")
    assert sorted(seen) == list(range(40))
    assert max(most) <= 4
    assert tasks.most_polls == 1
    assert all(1 <= call.body["max"] <= 4 for call in tasks.at("lease"))
    assert tasks.at("lease")[0].body["max"] == 4


def test_a_worker_without_a_free_place_does_not_ask(tasks: Tasks, work: Start) -> None:
    done = threading.Event()
    tasks.offer(1, leaseSeconds=2)
    tasks.offer(2)

    def handle(task: Any) -> None:
        done.wait(20)

    work(handle)
    tasks.until(lambda: len(tasks.at("heartbeat")) == 3, "heartbeats")
    assert len(tasks.at("lease")) == 1
    done.set()
    tasks.until(lambda: len(tasks.at("complete")) == 2, "both")


def test_what_passes_is_waited_for(tasks: Tasks, work: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "sluicegate")
    empty = status(200, {"tasks": []})
    answers = [CUT, status(502, b"<html>"), status(200, b"<html>"), status(200, {}), problem(429, "slow_down"), empty]
    tasks.next("lease", *answers)
    tasks.offer()
    work(nothing)
    tasks.until(lambda: tasks.at("complete"), "the task")
    assert "gets no tasks: leasing tasks had no reply" in caplog.text
    assert "reaches the server again" in caplog.text


@pytest.mark.parametrize("answer", [CUT, status(503), status(200, {"tasks": []})], ids=["cut", "refused", "empty"])
def test_a_server_that_does_not_wait_is_not_asked_all_the_time(tasks: Tasks, work: Start, answer: Any) -> None:
    tasks.always("lease", answer)
    working = work(nothing)
    time.sleep(1.0)
    working.stop()
    # The shortest pause is a tenth of a second.
    assert 1 <= len(tasks.at("lease")) <= 11


def test_retry_after_is_followed(tasks: Tasks, work: Start) -> None:
    begun = time.monotonic()
    tasks.next("lease", status(429, retry_after="1"))
    tasks.offer()
    work(nothing)
    tasks.until(lambda: tasks.at("complete"), "the task")
    assert time.monotonic() - begun >= 0.99


@pytest.mark.parametrize("code", [401, 403, 404, 422])
def test_a_refusal_for_good_ends_the_run_once_its_tasks_have_ended(tasks: Tasks, work: Start, code: int) -> None:
    done = threading.Event()
    tasks.offer()
    tasks.next("lease", None, problem(code, "refused"))

    def handle(task: Any) -> str:
        done.wait(20)
        return "output"

    working = work(handle, concurrency=2)
    tasks.until(lambda: len(tasks.at("lease")) == 2, "the refusal")
    done.set()
    working.ended()
    assert isinstance(working.error, SluicegateApiError)
    assert (working.error.status_code, working.error.code) == (code, "refused")
    assert tasks.at("complete")[0].body["output"] == "output"
    assert len(tasks.at("lease")) == 2


def test_a_certificate_that_does_not_hold_ends_the_run(kind: Kind, tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*make, *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_shake, args=(listening, context), daemon=True).start()
        working = Working(kind, f"https://127.0.0.1:{listening.getsockname()[1]}", {"q": nothing})
        working.ended()
    assert isinstance(working.error, SluicegateConnectionError)
    assert "certificate" in str(working.error)


def _shake(listening: Any, context: Any) -> None:
    try:
        connection, _ = listening.accept()
        context.wrap_socket(connection, server_side=True)
    except OSError:
        pass


def test_a_stop_ends_the_open_poll_and_leaves_nothing(tasks: Tasks, work: Start) -> None:
    threads, before = set(threading.enumerate()), sockets()
    working = work(nothing)
    tasks.until(lambda: tasks.polls == 1, "the poll")
    working.stop(None)
    tasks.until(lambda: tasks.polls == 0, "the end of the poll")
    assert [call.door for call in tasks.calls] == ["lease"]
    working.worker.stop()
    until(lambda: not set(threading.enumerate()) - threads, "threads end")
    until(lambda: not sockets() - before, "sockets are closed")


def test_tasks_that_arrive_while_the_worker_stops_are_given_back(tasks: Tasks) -> None:
    stopped = threading.Event()

    def late() -> bytes:
        assert stopped.wait(20)
        tasks.offer()
        return json.dumps({"tasks": [tasks.withdraw()]}).encode()

    async def run() -> None:
        loop = asyncio.get_running_loop()

        async def answer_begins(response: httpx.Response) -> None:
            # Once the worker knows of the answer and waits for its body.
            if response.url.path.endswith("/lease"):
                loop.call_soon(worker.stop)
                loop.call_soon(loop.call_soon, stopped.set)

        options = {"event_hooks": {"response": [answer_begins]}}
        place: dict[str, Any] = {"api_key": "k", "base_url": tasks.url, "workspace_id": "w", "pod_id": "p"}
        async with AsyncClient(**place, http_options=options) as client:
            worker = client.worker()

            @worker.task("q")
            async def handle(task: AsyncTask) -> None:
                raise AssertionError("it must not begin")

            await worker.run()

    tasks.next("lease", status(200, late))
    asyncio.run(run())
    assert [(call.door, call.task_id) for call in tasks.calls] == [("lease", None), ("release", "t1")]
    assert tasks.at("release")[0].body == {"leaseToken": "token-t1"}


def test_a_stop_with_grace(tasks: Tasks, work: Start) -> None:
    soon = threading.Event()

    def handle(task: Any) -> str:
        if task.input == "soon":
            soon.wait(20)
            return "in time"
        assert task.cancelled.wait(20)
        return "too late"

    for name in ("soon", "never", "never"):
        tasks.offer(name, leaseSeconds=3)
    working = work(handle, concurrency=3)
    tasks.until(lambda: len(tasks.at("heartbeat")) >= 3, "heartbeats")
    working.worker.stop(60.0)
    count = len(tasks.at("heartbeat"))
    tasks.until(lambda: len(tasks.at("heartbeat")) >= count + 6, "more heartbeats")
    assert not tasks.at("release"), "they have time"
    soon.set()
    tasks.until(lambda: tasks.at("complete"), "the one in time")
    working.stop(0.0)
    assert [call.body["output"] for call in tasks.at("complete")] == ["in time"]
    released = tasks.at("release")
    assert sorted(call.task_id or "" for call in released) == ["t2", "t3"]


def test_a_release_that_meets_a_fault_is_repeated(tasks: Tasks, work: Start) -> None:
    tasks.next("release", CUT, status(503))
    tasks.offer()

    def handle(task: Any) -> None:
        task.log("works")
        task.cancelled.wait(20)

    working = work(handle)
    tasks.until(lambda: tasks.at("heartbeat"), "the task runs")
    working.stop(0.0)
    assert len(tasks.at("release")) == 3


def test_a_release_that_can_not_be_said_is_given_up(
    tasks: Tasks, work: Start, caplog: pytest.LogCaptureFixture
) -> None:
    tasks.always("release", CUT)
    tasks.offer()

    def handle(task: Any) -> None:
        task.log("works")
        task.cancelled.wait(20)

    working = work(handle)
    tasks.until(lambda: tasks.at("heartbeat"), "the task runs")
    working.stop(0.0)
    assert "the worker has stopped before the server could be reached" in caplog.text


def test_a_handler_that_does_not_mind_loses_its_place(
    tasks: Tasks, work: Start, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()
    lock = threading.Lock()
    running: list[int] = [0, 0]

    def handle(task: Any) -> None:
        if task.input == "good":
            return
        with lock:
            running[0] += 1
            running[1] = max(running)
        done.wait(60)
        with lock:
            running[0] -= 1

    tasks.always("heartbeat", LOST)
    for _ in range(5):
        tasks.offer("deaf", leaseSeconds=0.1)
    work(handle, concurrency=2, cancel_grace=0.02)
    tasks.until(lambda: "does not end, and keeps its place" in caplog.text, "no more places are given away")
    time.sleep(0.3)
    assert running[0] == 4
    done.set()
    tasks.offer("good")
    tasks.until(lambda: tasks.at("complete"), "a place is free again")
    assert running[1] == 4


def test_a_coroutine_is_cancelled_with_its_task(tasks: Tasks) -> None:
    seen: list[str] = []

    async def run() -> None:
        async with AsyncClient(api_key="k", base_url=tasks.url, workspace_id="w", pod_id="p") as client:
            worker = client.worker(concurrency=2)

            @worker.task("q")
            async def handle(task: AsyncTask) -> None:
                try:
                    task.log("works")
                    if task.input == "by itself":
                        raise asyncio.CancelledError
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    seen.append(f"{task.input}: {task.cancelled.is_set()}")
                    raise

            running = asyncio.ensure_future(worker.run())
            await asyncio.to_thread(tasks.until, lambda: tasks.at("fail"), "the one that cancels itself")
            tasks.next("heartbeat", status(200, {"cancelled": True}))
            tasks.offer("withdrawn")
            await asyncio.to_thread(tasks.until, lambda: len(seen) == 2, "the one that was withdrawn")
            tasks.offer("last")
            await asyncio.to_thread(tasks.until, lambda: tasks.at("heartbeat", "t3"), "the last one runs")
            # The program does not wait any longer: what was leased is given back all the same.
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    tasks.offer("by itself")
    asyncio.run(run())
    assert seen == ["by itself: False", "withdrawn: True", "last: True"]
    assert tasks.at("fail")[0].body["error"]["message"] == "the handler was cancelled"
    assert [call.task_id for call in tasks.at("release")] == ["t3"]


PROGRAM = """
import sys, time
from sluicegate import Client

client = Client(api_key="k", base_url=sys.argv[1], workspace_id="w", pod_id="p")
worker = client.worker(concurrency=2, stop_grace=30)

@worker.task("q")
def handle(task):
    task.progress(1, 2, "works")
    if task.input == "deaf":
        time.sleep(600)
    if task.input == "until cancelled":
        task.cancelled.wait()
    else:
        time.sleep(2)

try:
    worker.run(stop_on=["SIGTERM"])
except KeyboardInterrupt:
    print("interrupted")
else:
    print("stopped")
"""


@pytest.fixture
def program(tasks: Tasks) -> Generator[Callable[..., subprocess.Popen[str]], None, None]:
    """A worker in a process of its own, that stops on SIGTERM."""
    begun: list[subprocess.Popen[str]] = []

    def heard() -> None:
        # A shell has what it runs in the background ignore Ctrl-C, and what that starts does, too.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def begin(input: str, sent: signal.Signals = signal.SIGTERM) -> subprocess.Popen[str]:
        tasks.offer(input, leaseSeconds=3)
        path = os.pathsep.join(filter(None, ["src", os.environ.get("PYTHONPATH")]))
        command = [sys.executable, "-c", PROGRAM, tasks.url]
        env = {**os.environ, "PYTHONPATH": path}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, preexec_fn=heard)
        begun.append(process)
        tasks.until(lambda: any("message" in call.body for call in tasks.at("heartbeat")), "the task runs")
        tasks.until(lambda: tasks.polls == 1, "the worker waits for another one")
        process.send_signal(sent)
        tasks.until(lambda: tasks.polls == 0, "the worker stops")
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def test_sigterm_lets_running_tasks_end(tasks: Tasks, program: Callable[..., subprocess.Popen[str]]) -> None:
    process = program("ends soon")
    assert process.communicate(timeout=30)[0] == "stopped\n"
    assert process.returncode == 0
    assert (len(tasks.at("complete")), tasks.at("release")) == (1, [])


@pytest.mark.parametrize("input", ["until cancelled", "deaf"])
def test_a_second_sigterm_gives_them_back(
    tasks: Tasks, program: Callable[..., subprocess.Popen[str]], input: str
) -> None:
    process = program(input)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30)[0] == "stopped\n"
    assert process.returncode == 0
    assert [call.task_id for call in tasks.at("release")] == ["t1"]


def test_ctrl_c_gives_them_back(tasks: Tasks, program: Callable[..., subprocess.Popen[str]]) -> None:
    process = program("until cancelled", signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "interrupted\n"
    assert process.returncode == 0
    assert [call.task_id for call in tasks.at("release")] == ["t1"]
