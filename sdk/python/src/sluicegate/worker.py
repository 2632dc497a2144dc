"""The worker whose handlers are functions that may block: each task has a thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

from .base_worker import BaseWorker, StopSignal
from .errors import SluicegateError
from .lease import End, Lease
from .leasing import Begin, completed, failed
from .request import Configuration
from .task import Task

Handler: TypeAlias = Callable[[Task], Any]
"""Does the work of a task. What it returns is the output; what it raises fails the task."""
H = TypeVar("H", bound=Handler)


class Worker(BaseWorker[Handler]):
    """Leases tasks from queues, and hands each to the function of its queue, in a thread of its own.

    A thread can't be ended from outside: handlers that take long look at `task.cancelled`, or wait by it.
    """

    def __init__(self, configuration: Configuration, path: str, options: Mapping[str, Any]) -> None:
        for name in ("transport", "mounts", "event_hooks"):
            if configuration.http_options.get(name):
                # A worker waits for many things at a time, so its own connections are asynchronous.
                raise SluicegateError(
                    f"a worker can't use {name} of the client's http_options: make it by an AsyncClient"
                )
        super().__init__(configuration, path, options)

    def task(self, queue: str) -> Callable[[H], H]:
        """Makes a function the handler of a queue: `@worker.task("invoices")`."""

        def register(function: H) -> H:
            if inspect.iscoroutinefunction(function):
                raise SluicegateError(
                    f"the handler of {queue} must be no coroutine function; AsyncClient has a worker for those"
                )
            self._register(queue, function)
            return function

        return register

    def run(self, *, stop_on: Sequence[StopSignal] = ()) -> None:
        """Works until `stop`, or one of the signals in `stop_on` (in the main thread); a second one is a stop without
        grace.

        What passes (no network, a server that restarts) is waited for; a refusal that does not (a key that is not
        valid) is raised once running tasks have ended. Interrupted (Ctrl-C), it gives its tasks back.
        """
        # Leases and reports go their way beside the handlers, whatever those wait for.
        asyncio.run(self._serve(_begin, stop_on))


def _begin(function: Handler) -> Begin:
    def begin(lease: Lease) -> asyncio.Future[End]:
        task = Task(lease)
        future: asyncio.Future[End] = lease.loop.create_future()

        def settle(end: End) -> None:
            if not future.done():
                future.set_result(end)

        def handle() -> None:
            try:
                end = completed(task, function(task))
            except BaseException as error:
                # `sys.exit` in a handler is a failure of its task.
                end = failed(task, error)
            # The worker may have ended without this handler.
            with suppress(RuntimeError):
                lease.loop.call_soon_threadsafe(settle, end)

        # A daemon: a handler that does not mind its end must not keep the process.
        threading.Thread(target=handle, name=f"sluicegate-task-{lease.id}", daemon=True).start()
        return future

    return begin
