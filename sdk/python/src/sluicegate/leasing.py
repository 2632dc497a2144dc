"""The loop of a running worker: leases as many tasks as it has places, hands them to handlers, gives back what is left.

It is the same for both kinds of handlers: how one is begun is all that differs.
"""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeAlias

import anyio

from .doors import Doors, Trouble
from .errors import TaskError
from .lease import End, Lease, power_of_two
from .reports import dump
from .stream import StreamTiming
from .task import BaseTask, clipped

Begin: TypeAlias = Callable[[Lease], "asyncio.Future[End]"]
"""Begins a handler. The future gives the end of its task, and raises nothing."""

LONGEST_RETRY_AFTER = 60.0
"""The longest that `Retry-After` is followed."""
RELEASE_TIME = 5.0
"""How long the release of a task may take when the worker stops."""
MOST_TASKS = 100
"""The most that one lease asks for."""
MESSAGE_LENGTH = 4000
CODE_LENGTH = 64
"""The longest message and code of a failure."""

log = logging.getLogger("sluicegate")


@dataclass(frozen=True)
class Settings:
    """What a worker was made with; times in seconds."""

    concurrency: int
    worker_id: str
    version: str | None
    wait: int
    stop_grace: float
    cancel_grace: float


class Leasing:
    """One run of a worker. All of it belongs to the loop it was made in."""

    def __init__(self, doors: Doors, settings: Settings, handlers: Mapping[str, Begin]) -> None:
        self._doors = doors
        self._settings = settings
        self._handlers = handlers
        self._stopping = asyncio.Event()
        # The tasks that take a place.
        self._held: dict[Lease, asyncio.Task[None]] = {}
        # How many handlers run on although their task is over and their place is taken by another one.
        self._abandoned = 0
        self._release_at = float("inf")
        self._changed = asyncio.Event()

    async def work(self) -> None:
        """Works until it is stopped, or until the server refuses to give tasks for good: that is raised once the tasks
        have ended. Cancelled, it gives back what has not ended."""
        try:
            await self._lease()
        except asyncio.CancelledError:
            self.stop(0.0)
            raise
        except Exception as error:
            log.error("worker %s gets no more tasks: %s", self._settings.worker_id, error)
            self.stop(self._settings.stop_grace)
            raise
        finally:
            await self._drain()

    def stop(self, grace: float) -> None:
        """Leases no more, and gives back what has not ended after so many seconds. Called again, the earlier end
        counts."""
        self._release_at = min(self._release_at, monotonic() + grace)
        self._stopping.set()
        self._changed.set()

    async def _lease(self) -> None:
        settings = self._settings
        failures = 0
        while not self._stopping.is_set():
            free = settings.concurrency - len(self._held)
            if free <= 0:
                await self._change(float("inf"))
                continue
            wish = {
                "queues": list(self._handlers),
                "max": min(free, MOST_TASKS),
                "waitSeconds": settings.wait,
                "workerId": settings.worker_id,
            }
            if settings.version is not None:
                wish["version"] = settings.version
            begun_at, asked = monotonic(), 0.0
            try:
                tasks = await self._doors.lease(wish, self._stopping)
                for task in tasks:
                    self._begin(task)
                if failures:
                    log.info("worker %s reaches the server again", settings.worker_id)
                # Nothing, and long before the wait was over: the server stops, or something between does not wait.
                early = not tasks and monotonic() - begun_at < settings.wait / 2
                failures = failures + 1 if early else 0
            except Trouble as trouble:
                failures += 1
                asked = min(trouble.retry_after, LONGEST_RETRY_AFTER)
                if power_of_two(failures):
                    log.warning("worker %s gets no tasks: %s; trying again", settings.worker_id, trouble)
            if failures:
                with anyio.move_on_after(max(asked, StreamTiming().wait(failures, random.random()))):
                    await self._stopping.wait()

    def _begin(self, task: Any) -> None:
        lease = Lease(self._doors, task)
        work = self._give_back(lease) if self._stopping.is_set() else self._handle(lease)
        running = asyncio.ensure_future(work)
        self._held[lease] = running

        def ended(_: object) -> None:
            self._held.pop(lease, None)
            self._changed.set()

        running.add_done_callback(ended)

    async def _give_back(self, lease: Lease) -> None:
        """A task that came when the worker was about to stop."""
        _release(lease)
        await lease.hold()

    async def _handle(self, lease: Lease) -> None:
        """Lets the handler work, for as long as the task is this worker's and a little longer."""
        handled = self._handlers[lease.task["queue"]](lease)
        handled.add_done_callback(lambda done: lease.finish(done.result()))
        await lease.hold()
        if not handled.done():
            await asyncio.wait({handled}, timeout=self._settings.cancel_grace)
        if handled.done():
            return
        # It does not mind that its task is over. Its place is given away, but never more places than there are.
        if self._abandoned >= self._settings.concurrency:
            log.warning("the handler of task %s does not end, and keeps its place", lease.id)
            stopped = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait({handled, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            return
        log.warning("the handler of task %s does not end: another task takes its place", lease.id)
        self._abandoned += 1

        def ended(_: object) -> None:
            self._abandoned -= 1

        handled.add_done_callback(ended)

    async def _drain(self) -> None:
        with anyio.CancelScope(shield=True):
            while self._held and monotonic() < self._release_at:
                await self._change(self._release_at - monotonic())
            for lease in self._held:
                _release(lease)
            await asyncio.gather(*self._held.values())

    async def _change(self, seconds: float) -> None:
        """Until a task has ended, or a stop has come."""
        with anyio.move_on_after(seconds):
            await self._changed.wait()
        self._changed.clear()


def _release(lease: Lease) -> None:
    lease.finish(End("release", ""))
    lease.hurry(RELEASE_TIME)


def completed(task: BaseTask, output: Any) -> End:
    """The end of a task whose handler gave this."""
    try:
        members = f'"output":{dump(output)}'
    except (TypeError, ValueError, RecursionError) as error:
        return failed(task, TaskError(f"the output is no JSON: {error}", code="invalid_output", retryable=False))
    return End("complete", members + _stats(task))


def failed(task: BaseTask, error: BaseException) -> End:
    """The end of a task whose handler raised this."""
    if not task.cancelled.is_set():
        known = None if isinstance(error, TaskError) else error
        log.error("task %s of queue %s failed: %s", task.task_id, task.queue, error, exc_info=known)
    if isinstance(error, TaskError):
        failure: dict[str, Any] = {"message": _sentence(str(error)), "retryable": error.retryable}
        if error.code is not None:
            failure["code"] = clipped(error.code, CODE_LENGTH)
        if error.details is not None:
            failure["details"] = _printable(error.details)
    else:
        task.log("".join(traceback.format_exception(error)), "error")
        name = type(error).__name__
        failure = {"message": _sentence(str(error) or name), "code": clipped(name, CODE_LENGTH)}
    return End("fail", f'"error":{dump(failure)}' + _stats(task))


def _stats(task: BaseTask) -> str:
    return f',"stats":{dump(task.stats)}' if task.stats else ""


def _printable(details: Any) -> Any:
    try:
        dump(details)
    except (TypeError, ValueError, RecursionError):
        return str(details)
    return details


def _sentence(message: str) -> str:
    return clipped(message, MESSAGE_LENGTH) or "failed without a word"
