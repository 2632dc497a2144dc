"""A server with tasks that a test offers, whose doors answer as a test wants, and workers of either kind at it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from sluicegate import AsyncClient, AsyncTask, Client, Task

from .support import Kind, until

PREFIX = "/v1/workspaces/w/pods/p/tasks/"
Answer = tuple[int, Any, dict[str, str]]
CUT: Answer = (0, None, {})


def status(code: int, body: Any = None, **headers: str) -> Answer:
    return code, {} if body is None else body, {name.replace("_", "-"): value for name, value in headers.items()}


def problem(code: int, name: str) -> Answer:
    return status(code, {"code": name, "detail": "because"})


LOST = problem(409, "lease_lost")


@dataclass
class Call:
    door: str
    task_id: str | None
    headers: dict[str, str]
    query: dict[str, list[str]]
    body: Any
    name: str | None = None


@dataclass
class Tasks:
    calls: list[Call] = field(default_factory=list[Call])
    polls: int = 0
    most_polls: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self._lock = threading.Condition()
        self._offered: deque[dict[str, Any]] = deque()
        self._answers: dict[str, deque[Any]] = {}
        self._count = 0
        self.closing = False

    def offer(self, input: Any = None, **more: Any) -> str:
        """A task that the next poll, or the one that waits, gets."""
        with self._lock:
            self._count += 1
            task_id = f"t{self._count}"
            ids = {"taskId": task_id, "leaseToken": f"token-{task_id}", "fence": self._count, "executionId": "e"}
            rest: dict[str, Any] = {
                "workflowId": "f",
                "nodeId": "n",
                "queue": "q",
                "attempt": 1,
                "idempotencyKey": "e/n",
                "input": input,
                "context": {},
            }
            times = {"queuedAt": "2030-01-01T00:00:00Z", "leaseUntil": "2030-01-01T00:00:00Z", "leaseSeconds": 30}
            self._offered.append({**ids, **rest, **times, **more})
            self._lock.notify_all()
            return task_id

    def withdraw(self) -> dict[str, Any]:
        """A task that was offered, for an answer of the test's own."""
        with self._lock:
            return self._offered.popleft()

    def next(self, door: str, *answers: Any) -> None:
        """What a door answers next, one answer per request; then as usual, and as usual where it is None. A function is
        given the call."""
        self._answers.setdefault(door, deque()).extend(answers)

    def always(self, door: str, answer: Any) -> None:
        self.next(door, *[answer] * 1000)

    def at(self, door: str, task_id: str | None = None) -> list[Call]:
        return [call for call in list(self.calls) if call.door == door and task_id in (None, call.task_id)]

    def brought(self, kind: str) -> list[Any]:
        """All entries of a kind that heartbeats have brought."""
        return [entry for call in self.at("heartbeat") for entry in call.body.get(kind, [])]

    def until(self, true: Callable[[], object], what: str) -> None:
        try:
            until(true, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; there were {[(call.door, call.task_id) for call in self.calls]}") from None

    def answer(self, call: Call, gone: Callable[[], bool]) -> Answer:
        with self._lock:
            self.calls.append(call)
            answers = self._answers.get(call.door)
            answer = answers.popleft() if answers else None
        answer: Any = answer(call) if callable(answer) else answer
        if answer is not None:
            return answer
        if call.door == "lease":
            return self._lease(call, gone)
        if call.door == "heartbeat":
            return status(200, {"cancelled": False, "leaseUntil": "2030-01-01T00:00:00Z"})
        if call.door == "results":
            # As a server from before there were results of many tasks.
            return problem(404, "unknown_path")
        if call.door == "artifacts":
            return status(201, {"id": f"artifact-{call.name}", "name": call.name, "size": len(call.body)})
        return status(200, {"taskId": call.task_id, "executionId": "e", "status": "running"})

    def _lease(self, call: Call, gone: Callable[[], bool]) -> Answer:
        with self._lock:
            self.polls += 1
            self.most_polls = max(self.most_polls, self.polls)
            for _ in range(call.body["waitSeconds"] * 50):
                if self._offered or self.closing or gone():
                    break
                self._lock.wait(0.02)
            self.polls -= 1
            if gone():
                return CUT
            count = min(call.body["max"], len(self._offered))
            return status(200, {"tasks": [self._offered.popleft() for _ in range(count)]})


@contextmanager
def serving() -> Generator[Tasks, None, None]:
    tasks = Tasks()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _gone(self) -> bool:
            self.connection.setblocking(False)
            try:
                return self.connection.recv(1, 2) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True
            finally:
                self.connection.setblocking(True)

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self) -> None:
            raw = self._body()
            url = urlsplit(self.path)
            parts = [unquote(part) for part in url.path.removeprefix(PREFIX).split("/")]
            door, task_id = (parts[0], None) if len(parts) == 1 else (parts[1], parts[0])
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = raw if door == "artifacts" else json.loads(raw)
            name = parts[2] if door == "artifacts" else None
            code, reply, more = tasks.answer(Call(door, task_id, headers, parse_qs(url.query), body, name), self._gone)
            if code == 0:
                self.close_connection = True
                return
            if callable(reply):
                # The answer begins, and what it is about comes when the function has it.
                self.close_connection = True
                self.send_response(code)
                self.end_headers()
                self.wfile.write(cast("Callable[[], bytes]", reply)())
                return
            text = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(code)
            for key, value in {"content-type": "application/json", "content-length": str(len(text)), **more}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PUT = _answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    tasks.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield tasks
    finally:
        tasks.closing = True
        server.shutdown()
        server.server_close()
        thread.join()


class Working:
    """A worker of either kind, run in a thread. Handlers are functions; at the asynchronous one they get a task whose
    methods block, too."""

    def __init__(
        self,
        kind: Kind,
        url: str,
        handlers: dict[str, Callable[[Any], Any]],
        place: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self._place: dict[str, Any] = {
            "base_url": url,
            **(place or {"api_key": "slg_test", "workspace_id": "w", "pod_id": "p"}),
        }
        self.error: BaseException | None = None
        self.ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(kind, handlers, options))
        self._thread.start()
        self.ready.wait(10)

    def _run(self, kind: Kind, handlers: dict[str, Callable[[Any], Any]], options: dict[str, Any]) -> None:
        try:
            if kind == "blocking":
                with Client(**self._place) as client:
                    self.worker: Any = client.worker(**options)
                    for queue, handler in handlers.items():
                        self.worker.task(queue)(handler)
                    self.ready.set()
                    self.worker.run()
            else:
                asyncio.run(self._run_async(handlers, options))
        except BaseException as error:
            self.error = error
            self.ready.set()

    async def _run_async(self, handlers: dict[str, Callable[[Any], Any]], options: dict[str, Any]) -> None:
        async with AsyncClient(**self._place) as client:
            self.worker = client.worker(**options)
            for queue, handler in handlers.items():
                self.worker.task(queue)(self._coroutine(handler))
            self.ready.set()
            await self.worker.run()

    @staticmethod
    def _coroutine(handler: Callable[[Any], Any]) -> Any:
        async def handle(task: AsyncTask) -> Any:
            # Functions can't be cancelled: they look at `cancelled`, and return soon, or they do not mind.
            function = asyncio.get_running_loop().run_in_executor(None, handler, Face(task))
            while not function.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({function})
            return function.result()

        return handle

    def stop(self, grace: float | None = 0.0) -> None:
        """Stops, and until it has."""
        self.worker.stop(grace)
        self.ended()

    def ended(self) -> None:
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()


class Face(Task):
    """An asynchronous task with methods that block."""

    def __init__(self, task: AsyncTask) -> None:
        super().__init__(task._lease)  # pyright: ignore[reportPrivateUsage]
        self.stats = task.stats
