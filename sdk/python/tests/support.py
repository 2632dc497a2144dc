"""The true server, the fault proxy, and both clients behind one face, for the tests."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MethodType
from typing import Any, Literal, TypeVar, cast

import httpx

from sluicegate import AsyncClient, AsyncEvents, Client, StreamTiming

ROOT = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("SLUICEGATE_BIN") or str(ROOT / "target" / "debug" / "sluicegate")
T = TypeVar("T")
Kind = Literal["blocking", "asynchronous"]
KINDS: tuple[Kind, ...] = ("blocking", "asynchronous")
Event = dict[str, Any]

# Patient enough for a busy machine, quick enough for tests.
QUICK = StreamTiming(first_byte=5.0, poll=0.1)

LINEAR = {
    "nodes": [{"id": "a", "type": "start"}, {"id": "z", "type": "end"}],
    "edges": [{"source": "a", "target": "z"}],
}
GATE = {
    "nodes": [
        {"id": "a", "type": "start"},
        {"id": "gate", "type": "approval-gate", "data": {"message": "Go on?"}},
        {"id": "z", "type": "end"},
        {"id": "no", "type": "end"},
    ],
    "edges": [
        {"source": "a", "target": "gate"},
        {"source": "gate", "target": "z", "sourceHandle": "approved"},
        {"source": "gate", "target": "no", "sourceHandle": "rejected"},
    ],
}
FAILING = {
    "nodes": [
        {"id": "a", "type": "start"},
        {"id": "t", "type": "transform", "data": {"transformScript": "1 / input.zero"}},
        {"id": "z", "type": "end"},
    ],
    "edges": [{"source": "a", "target": "t"}, {"source": "t", "target": "z"}],
}


def loop(body: dict[str, Any], concurrency: int = 1) -> dict[str, Any]:
    """A workflow that runs a node once for each item of `input.items`."""
    data = {"items": "input.items", "maxIterations": 10000, "concurrency": concurrency}
    return {
        "nodes": [
            {"id": "a", "type": "start"},
            {"id": "each", "type": "loop", "data": data},
            {**body, "id": "body", "parentId": "each"},
            {"id": "z", "type": "end"},
        ],
        "edges": [{"source": "a", "target": "each"}, {"source": "each", "target": "z"}],
    }


MANY = loop({"type": "transform", "data": {"transformScript": "index"}}, concurrency=50)
SLOW = loop({"type": "wait", "data": {"duration": "{{ item }}"}})


class Server:
    """`sluicegate serve` on a data folder of its own; it keeps its port over restarts."""

    def __init__(self, *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._arguments = arguments
        self._log = open(Path(self._folder.name) / "log", "wb")  # noqa: SIM115
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        store = f"sqlite:{self._folder.name}/sluicegate.db"
        command = [BINARY, "init", "--store", store, "--workspace", "Tests", "--json"]
        made = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        self.workspace_id, self.pod_id, self.api_key = made["workspaceId"], made["podId"], made["apiKey"]
        self._command = [BINARY, "serve", "--store", store, "--listen", f"127.0.0.1:{self._port}", "--log", "warn"]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen([*self._command, *self._arguments], stdout=self._log, stderr=self._log)
        deadline = time.monotonic() + 30
        while True:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._log.flush()
                text = (Path(self._folder.name) / "log").read_text("utf-8")
                raise AssertionError(f"the server does not start:\n{text}")
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and until it has ended."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)

    def close(self) -> None:
        self.kill()
        self._log.close()
        self._folder.cleanup()

    def client(self, url: str | None = None, **options: Any) -> Client:
        return Client(**self._options(url, options))

    def async_client(self, url: str | None = None, **options: Any) -> AsyncClient:
        return AsyncClient(**self._options(url, options))

    def _options(self, url: str | None, options: dict[str, Any]) -> dict[str, Any]:
        place = {"workspace_id": self.workspace_id, "pod_id": self.pod_id, "timing": QUICK}
        return {**place, "api_key": self.api_key, "base_url": url or self.url, **options}

    def trigger(self, definition: dict[str, Any], **options: Any) -> str:
        """Starts an execution of a new workflow; its id."""
        with self.client() as client:
            workflow = client.workflows.create(None, None, name="Test", definition=cast(Any, definition))
            return client.trigger(workflow_id=workflow["id"], **options)["id"]

    def log(self, execution_id: str) -> list[Event]:
        """The stored log, read as JSON and without the SDK."""
        path = f"/v1/workspaces/{self.workspace_id}/pods/{self.pod_id}/executions/{execution_id}/events"
        headers = {"authorization": f"Bearer {self.api_key}", "accept": "application/json"}
        events: list[Event] = []
        while True:
            params = {"after": events[-1]["seq"] if events else 0, "limit": 1000}
            page = httpx.get(self.url + path, headers=headers, params=params).raise_for_status().json()
            events += page
            if len(page) < 1000:
                return events

    def until_suspended(self, execution_id: str) -> None:
        """Waits for the gate."""
        until(lambda: self.log(execution_id)[-1].get("status") == "suspended", "the gate")

    def finished_log(self, execution_id: str) -> list[Event]:
        """The stored log, once the execution has ended."""
        with self.client() as client:
            for _ in client.events(None, None, execution_id, types=["execution_complete"]):
                pass
        return self.log(execution_id)


class Proxy:
    """The proxy that makes a network's faults on demand."""

    def __init__(self, server: Server) -> None:
        command = ["node", str(ROOT / "sdk" / "testing" / "fault-proxy.js"), "--target", server.url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        made = json.loads(self._process.stdout.readline())
        self.url: str = made["url"]
        self._control: str = made["control"]

    def fault(self, fault: dict[str, Any]) -> None:
        httpx.put(f"{self._control}/fault", json=fault).raise_for_status()

    def target(self, url: str) -> None:
        httpx.put(f"{self._control}/target", json={"url": url}).raise_for_status()

    def connections(self) -> dict[str, int]:
        return httpx.get(f"{self._control}/connections").raise_for_status().json()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


# What the next stream of this thread or task suffers at the fault proxy, what the one after it suffers, and so on.
faults: contextvars.ContextVar[list[dict[str, Any]]] = contextvars.ContextVar("faults")


def _with_fault(request: httpx.Request) -> None:
    pending = faults.get([])
    if pending and request.headers.get("accept") == "text/event-stream":
        request.headers["x-fault"] = json.dumps(pending.pop(0))


async def _with_fault_async(request: httpx.Request) -> None:
    _with_fault(request)


FAULTY: dict[str, Any] = {"event_hooks": {"request": [_with_fault]}}
FAULTY_ASYNC: dict[str, Any] = {"event_hooks": {"request": [_with_fault_async]}}


@dataclass
class Follower:
    """Follows streams by one of the clients."""

    kind: Kind
    server: Server
    url: str | None = None

    def follow(
        self, execution_id: str, suffered: Sequence[dict[str, Any]] = (), timing: StreamTiming = QUICK, **options: Any
    ) -> list[Event]:
        """All events of an execution."""
        return self.each([execution_id], [suffered], timing, **options)[0]

    def each(
        self,
        execution_ids: Sequence[str],
        suffered: Sequence[Sequence[dict[str, Any]]],
        timing: StreamTiming = QUICK,
        at_once: int = 50,
        **options: Any,
    ) -> list[list[Event]]:
        """All events of each execution, many at a time, by one client."""
        results: list[list[Event]] = [[] for _ in execution_ids]
        work = iter(list(enumerate(zip(execution_ids, suffered, strict=True))))

        def blocking() -> None:
            with self.server.client(self.url, timing=timing, http_options=FAULTY) as client:

                def worker() -> None:
                    for index, (execution_id, pending) in work:
                        faults.set(list(pending))
                        for event in client.events(None, None, execution_id, **options):
                            results[index].append(cast(Event, event))

                in_threads(worker, min(at_once, len(execution_ids)))

        async def asynchronous() -> None:
            async with self.server.async_client(self.url, timing=timing, http_options=FAULTY_ASYNC) as client:

                async def worker() -> None:
                    for index, (execution_id, pending) in work:
                        faults.set(list(pending))
                        async for event in client.events(None, None, execution_id, **options):
                            results[index].append(cast(Event, event))

                await asyncio.gather(*(worker() for _ in range(min(at_once, len(execution_ids)))))

        if self.kind == "blocking":
            blocking()
        else:
            asyncio.run(asynchronous())
        return results


def in_threads(work: Callable[[], None], count: int) -> None:
    """Runs it in threads; what one of them raises is raised."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def beside(work: Callable[[], T]) -> Callable[[], T]:
    """Begins work in a thread; the result waits for what it gives."""
    outcome: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def result() -> T:
        thread.join(timeout=110)
        assert not thread.is_alive(), "the work has not ended"
        if errors:
            raise errors[0]
        return outcome[0]

    return result


def until(true: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Waits for something that nothing tells of."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {what}"
        time.sleep(0.01)


def sockets() -> set[str]:
    """The sockets of this process."""
    found: set[str] = set()
    for entry in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{entry}")
            if target.startswith("socket:"):
                found.add(target)
    return found


class Blocked:
    """An asynchronous client, or what it gave, with methods that block, so that a test is written once."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return self._wrap(getattr(self._target, "aclose" if name == "close" else name))

    def __iter__(self) -> Any:
        return self if isinstance(self._target, AsyncEvents) else iter(self._target)

    def __next__(self) -> Any:
        try:
            return self._loop.run_until_complete(anext(self._target))
        except StopAsyncIteration:
            raise StopIteration from None

    def __len__(self) -> int:
        return len(self._target)

    def _wrap(self, value: Any) -> Any:
        if inspect.isasyncgen(value):
            return self._items(cast("AsyncGenerator[Any, None]", value))
        if type(value).__module__.startswith("sluicegate") or isinstance(value, MethodType):
            return Blocked(value, self._loop)
        return value

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        async def call() -> Any:
            result = self._target(*arguments, **named)
            return await result if inspect.isawaitable(result) else result

        return self._wrap(self._loop.run_until_complete(call()))

    def _items(self, items: AsyncGenerator[Any, None]) -> Generator[Any, None, None]:
        try:
            while True:
                try:
                    yield self._loop.run_until_complete(anext(items))
                except StopAsyncIteration:
                    return
        finally:
            self._loop.run_until_complete(items.aclose())
