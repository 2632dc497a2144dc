"""One lease of one task: kept by heartbeats that take reports along, until it is ended or lost.

Its requests go one after the other, so what was reported arrives in order and before the end.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any, Literal

import anyio

from .doors import Doors, Trouble
from .errors import SluicegateApiError, SluicegateError, TaskEnd, TaskOverError
from .reports import Batch, Reports, dump
from .stream import StreamTiming

COALESCE = 0.1
"""So many seconds reports wait for others to go with them."""
LOST = frozenset({401, 403, 404, 409, 410})
"""What the server answers when a lease is no longer this worker's, whatever is asked of it."""

log = logging.getLogger("sluicegate")


@dataclass(frozen=True)
class End:
    """How a lease is ended: by which door, and what it is told beside the token: the members of a JSON object."""

    door: Literal["complete", "fail", "release"]
    members: str


class Lease:
    """A task in this worker's hands. What is called by handlers is safe in any thread, all else belongs to the loop."""

    def __init__(self, doors: Doors, task: Any) -> None:
        self.task = task
        self.id: str = task["taskId"]
        self.token: str = task["leaseToken"]
        self.doors = doors
        self.loop = asyncio.get_running_loop()
        self.over = Event()
        """Set when the task is no longer this worker's, unless it was completed or failed."""
        self.why: TaskOverError | None = None
        """Why it is no longer this worker's."""
        self.ended = False
        """Nothing can be said of it any more."""
        self.on_over: Callable[[], object] = lambda: None
        self.waiters: set[asyncio.Future[None]] = set()
        """What ends when the lease is lost."""
        self._seconds = float(task["leaseSeconds"])
        self._reports = Reports()
        self._extended_at = monotonic()
        # By this machine's clock, and never later than by the server's.
        self._until = self._extended_at + self._seconds
        self._reported_at: float | None = None
        self._batches: list[Batch] = []
        self._end: End | None = None
        self._refused_once = False
        self._failures = 0
        self._retry_at = 0.0
        self._hurry_at = float("inf")
        self._attempt = anyio.CancelScope()
        self._wake = asyncio.Event()

    def report(self, add: Callable[[Reports], None]) -> None:
        """Adds to what the next heartbeat says. When the lease is over, nothing is said any more."""
        if self.ended or self._end is not None:
            return
        add(self._reports)
        # Looked at after the adding, and reset before the taking: no report is overlooked.
        if self._reported_at is None:
            self._reported_at = monotonic()
            # The loop may have ended before a handler that runs on.
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._wake.set)

    def check(self) -> None:
        """Raises if the lease is over."""
        if self.why is not None:
            raise self.why
        if self.ended:
            raise SluicegateError(f"task {self.id} has ended: nothing can be added to it any more")

    def finish(self, end: End) -> None:
        """Ends the lease once all reports are sent. The first end counts."""
        if self._end is None:
            self._end = end
        self._wake.set()

    def hurry(self, seconds: float) -> None:
        """Gives the lease up if it has not ended after so many seconds."""
        self._hurry_at = min(self._hurry_at, monotonic() + seconds)
        self._attempt.deadline = min(self._attempt.deadline, anyio.current_time() + seconds)
        self._wake.set()

    def lose(self, reason: TaskEnd, message: str) -> None:
        """The lease is no longer this worker's."""
        if not self.ended:
            self.why = TaskOverError(reason, message)
            self.ended = True
            self.over.set()
            self.on_over()
            for waiter in self.waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._wake.set()

    async def hold(self) -> None:
        """Keeps the lease. Returns when it is over, however that came about."""
        while not self.ended:
            now = monotonic()
            at = min(self._next_at(), self._until, self._hurry_at)
            if now >= self._until:
                self._lost("it ran out before the server could be reached")
            elif now >= self._hurry_at:
                self._lost("the worker has stopped before the server could be reached")
            elif at > now:
                with anyio.move_on_after(at - now):
                    await self._wake.wait()
                self._wake.clear()
            else:
                await self._step(now)

    def _next_at(self) -> float:
        """When something is to be sent."""
        if self._failures:
            return self._retry_at
        if self._end is not None or self._batches:
            return 0.0
        reported_at = self._reported_at
        return self._heartbeat_at() if reported_at is None else min(self._heartbeat_at(), reported_at + COALESCE)

    def _heartbeat_at(self) -> float:
        return self._extended_at + self._seconds / 3

    async def _step(self, now: float) -> None:
        """Sends one request."""
        due = self._end is None or not self._reports.empty or now >= self._heartbeat_at()
        if not self._batches and due:
            self._reported_at = None
            self._batches.append(self._reports.take())
            if not self._reports.empty:
                self._reported_at = 0.0
        batch = self._batches[0] if self._batches else None
        try:
            if batch is not None:
                await self._beat(batch, now)
                self._batches.pop(0)
            elif self._end is not None:
                await self._finish(self._end)
            self._failures = 0
        except SluicegateApiError as error:
            # What something between has answered says nothing of the task, but what is too large for it stays so.
            ours = not error.code.startswith("http_")
            if ours and error.status_code in LOST:
                self._lost(str(error))
            elif not (ours or error.status_code == 413) or not self._refused(error, batch):
                self._failed(str(error), 0.0)
        except Trouble as trouble:
            self._failed(str(trouble), trouble.retry_after)
        except SluicegateError as error:
            self._failed(str(error), 0.0)

    async def _beat(self, batch: Batch, now: float) -> None:
        reply = await self._post("heartbeat", batch.members())
        self._extended_at = now
        self._until = now + self._seconds
        if isinstance(reply, dict) and reply.get("cancelled"):  # pyright: ignore[reportUnknownMemberType]
            self.lose("cancelled", f"task {self.id} was withdrawn")

    async def _finish(self, end: End) -> None:
        if end.door == "release":
            await self._post(end.door, end.members)
            self.lose("released", f"task {self.id} was given back: the worker stops")
        else:
            await self._attempted(end.door, self.doors.finish(self.id, end.door, self._body(end.members)))
        self.ended = True

    async def _post(self, door: str, members: str) -> Any:
        return await self._attempted(door, self.doors.post(self.id, door, self._body(members)))

    def _body(self, members: str) -> str:
        return f'{{"leaseToken":{dump(self.token)}{"," if members else ""}{members}}}'

    async def _attempted(self, door: str, attempt: Coroutine[Any, Any, Any]) -> Any:
        # One that gets no answer must leave time for another one.
        limit = min(self.doors.timeout, self._seconds / 2, self._hurry_at - monotonic())
        with anyio.move_on_after(limit) as self._attempt:
            return await attempt
        raise Trouble(f"{door} of task {self.id} had no reply in time")

    def _failed(self, message: str, retry_after: float) -> None:
        now = monotonic()
        self._failures += 1
        wait = max(StreamTiming().wait(self._failures, random.random()), retry_after)
        # Never so late that the lease has no chance.
        self._retry_at = now + min(wait, (self._until - now) / 2)
        if power_of_two(self._failures):
            log.warning("task %s: %s; trying again", self.id, message)

    def _refused(self, error: SluicegateApiError, batch: Batch | None) -> bool:
        """What was said can't be taken, but the lease holds: says less. Whether there is less to say."""
        if batch is not None:
            if not batch.progress and not batch.reports:
                return False
            halves = batch.halves()
            self._batches[:1] = halves
            if not halves:
                log.warning("task %s: a report was refused and is dropped: %s", self.id, error)
            return True
        if self._end is None or self._end.door == "release" or self._refused_once:
            return False
        what = "the output was" if self._end.door == "complete" else "the task failed, and its error was"
        failure = {"message": f"{what} refused: {error}", "code": "invalid_output", "retryable": False}
        log.error("task %s: %s", self.id, failure["message"])
        self._end = End("fail", f'"error":{dump(failure)}')
        self._refused_once = True
        return True

    def _lost(self, why: str) -> None:
        message = f"the lease of task {self.id} is lost: {why}"
        log.warning("%s", message)
        self.lose("lease_lost", message)


def power_of_two(number: int) -> bool:
    """For what is said often at first, and seldom later."""
    return number > 0 and number & (number - 1) == 0
