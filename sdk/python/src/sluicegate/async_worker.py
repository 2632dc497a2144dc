"""The worker whose handlers are coroutine functions."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

from .base_worker import BaseWorker, StopSignal
from .errors import SluicegateError
from .lease import End, Lease
from .leasing import Begin, completed, failed
from .task import AsyncTask

AsyncHandler: TypeAlias = Callable[[AsyncTask], Coroutine[Any, Any, Any]]
"""Does the work of a task. What it returns is the output; what it raises fails the task."""
H = TypeVar("H", bound=AsyncHandler)


class AsyncWorker(BaseWorker[AsyncHandler]):
    """Leases tasks from queues, and hands each to the coroutine function of its queue.

    A handler is cancelled when its task is no longer this worker's. It must not block: while it does, no lease is kept.
    """

    def task(self, queue: str) -> Callable[[H], H]:
        """Makes a coroutine function the handler of a queue: `@worker.task("invoices")`."""

        def register(function: H) -> H:
            if not inspect.iscoroutinefunction(function):
                raise SluicegateError(
                    f"the handler of {queue} must be a coroutine function; Client has a worker for others"
                )
            self._register(queue, function)
            return function

        return register

    async def run(self, *, stop_on: Sequence[StopSignal] = ()) -> None:
        """Works until `stop`, or one of the signals in `stop_on` (in the main thread); a second one is a stop without
        grace.

        What passes (no network, a server that restarts) is waited for; a refusal that does not (a key that is not
        valid) is raised once running tasks have ended. Cancelled, it gives its tasks back.
        """
        await self._serve(_begin, stop_on)


def _begin(function: AsyncHandler) -> Begin:
    def begin(lease: Lease) -> asyncio.Future[End]:
        task = AsyncTask(lease)

        async def handle() -> End:
            try:
                return completed(task, await function(task))
            except asyncio.CancelledError:
                return failed(task, lease.why or RuntimeError("the handler was cancelled"))
            except (Exception, SystemExit) as error:
                return failed(task, error)

        handling = lease.loop.create_task(handle(), name=f"sluicegate-task-{lease.id}")
        lease.on_over = handling.cancel
        return handling

    return begin
