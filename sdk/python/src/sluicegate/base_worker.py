"""What both kinds of workers have in common: their settings, their queues, and how they run and stop."""

from __future__ import annotations

import asyncio
import math
import os
import random
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from .doors import Doors
from .errors import SluicegateError
from .leasing import Begin, Leasing, Settings
from .request import Configuration

F = TypeVar("F", bound=Callable[..., Any])
StopSignal: TypeAlias = Literal["SIGTERM", "SIGINT", "SIGHUP"]


class BaseWorker(Generic[F]):
    """Leases tasks from queues, and hands each to the handler of its queue."""

    worker_id: str
    """The worker's name in the list of workers."""

    def __init__(self, configuration: Configuration, path: str, options: Mapping[str, Any]) -> None:
        """Is made by the client: `client.worker()`."""
        self._configuration = configuration
        self._path = path
        self.worker_id = options["worker_id"] or _name()
        self._settings = Settings(
            concurrency=_whole("concurrency", options["concurrency"], 1, 10_000),
            worker_id=self.worker_id,
            version=options["version"],
            wait=_whole("wait", options["wait"], 1, 55),
            stop_grace=_seconds("stop_grace", options["stop_grace"]),
            cancel_grace=_seconds("cancel_grace", options["cancel_grace"]),
        )
        self._handlers: dict[str, F] = {}
        self._running: tuple[asyncio.AbstractEventLoop, Leasing] | None = None

    def stop(self, grace: float | None = None) -> None:
        """Leases no more tasks; those that have not ended after `grace` seconds (`stop_grace`, unless given) are given
        back and cancelled. Safe in any thread and in handlers. `run` returns once the worker has stopped."""
        seconds = self._settings.stop_grace if grace is None else _seconds("grace", grace)
        running = self._running
        if running is not None:
            loop, leasing = running
            # The loop may have ended meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(leasing.stop, seconds)

    def _register(self, queue: str, function: F) -> F:
        if not queue or queue in self._handlers:
            raise SluicegateError(f"queue {queue!r} has a handler already" if queue else "the queue has no name")
        if len(self._handlers) == 32:
            raise SluicegateError("a worker has 32 queues at most")
        self._handlers[queue] = function
        return function

    async def _serve(self, begin: Callable[[F], Begin], stop_on: Sequence[StopSignal]) -> None:
        if self._running is not None:
            raise SluicegateError(f"worker {self.worker_id} runs already")
        if not self._handlers:
            raise SluicegateError("the worker has no handler: give it one by @worker.task(queue)")
        loop = asyncio.get_running_loop()
        doors = Doors(self._configuration, self._path)
        leasing = Leasing(doors, self._settings, {queue: begin(one) for queue, one in self._handlers.items()})
        seen = 0

        def signalled() -> None:
            nonlocal seen
            seen += 1
            leasing.stop(self._settings.stop_grace if seen == 1 else 0.0)

        signals = [signal.Signals[name] for name in stop_on]
        self._running = loop, leasing
        try:
            for one in signals:
                loop.add_signal_handler(one, signalled)
            await leasing.work()
        finally:
            self._running = None
            for one in signals:
                loop.remove_signal_handler(one)
            await doors.aclose()


def _name() -> str:
    random_part = f"{random.getrandbits(40):010x}"
    return f"{socket.gethostname()}-{os.getpid()}-{random_part}"[-128:]


def _whole(name: str, value: int, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise SluicegateError(f"{name} must be a whole number from {least} to {most}, unlike {value}")
    return value


def _seconds(name: str, value: float) -> float:
    if math.isnan(value) or value < 0:
        raise SluicegateError(f"{name} must be at least 0 seconds, unlike {value}")
    return value
