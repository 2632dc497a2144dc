"""What a handler gets: its task, and what it can say about it meanwhile."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import random
from threading import Event
from typing import Any, Literal, TypeAlias

from .doors import Content, Trouble, repeatable
from .errors import SluicegateConnectionError
from .lease import Lease
from .stream import StreamTiming

ArtifactKind: TypeAlias = Literal["output", "video", "screenshot", "log", "file"]
LogLevel: TypeAlias = Literal["debug", "info", "warn", "error"]

_RETRIES = 5
"""How often an artifact is sent again after a failure that may pass."""


# The longest texts that the server takes.
_TEXT_LENGTH = 65_000
_TITLE_LENGTH = 1000


class BaseTask:
    """A task in this worker's hands. What is said of it is sent within a moment, in order, and before its end."""

    task_id: str
    queue: str
    execution_id: str
    workflow_id: str
    node_id: str
    path: str | None
    """The branch or the turn of a loop that the node runs in."""
    attempt: int
    """The node's attempt: more than 1 after a failure that was tried again."""
    fence: int
    """Grows with each lease of the task. A system that remembers the greatest can refuse a worker from before."""
    idempotency_key: str
    """The same for all attempts and leases of the node: names what the task does elsewhere, so it is done once."""
    input: Any
    context: Any
    """The execution's context."""
    queued_at: str
    deadline: str | None
    """When the task is withdrawn at the latest."""
    trace: dict[str, str] | None
    """The headers of W3C Trace Context for what the task calls, where the execution is part of a trace."""
    cancelled: Event
    """Set when the task is no longer this worker's: it was withdrawn, its lease is lost, or the worker stops."""
    stats: dict[Literal["steps", "agentActions", "screenshots"], int]
    """Counts for the execution's statistics, in place of those that the server takes from the actions."""

    def __init__(self, lease: Lease) -> None:
        task = lease.task
        self.task_id = task["taskId"]
        self.queue = task["queue"]
        self.execution_id = task["executionId"]
        self.workflow_id = task["workflowId"]
        self.node_id = task["nodeId"]
        self.path = task.get("path")
        self.attempt = task["attempt"]
        self.fence = task["fence"]
        self.input = task.get("input")
        self.context = task.get("context")
        self.queued_at = task["queuedAt"]
        self.deadline = task.get("deadline")
        self.trace = task.get("trace")
        self.idempotency_key = task["idempotencyKey"]
        self.cancelled = lease.over
        self.stats = {}
        self._lease = lease
        self._screenshots = 0

    def raise_if_cancelled(self) -> None:
        """Raises `TaskOverError` when the task is no longer this worker's."""
        if self._lease.why is not None:
            raise self._lease.why

    def progress(self, value: float, max: float | None = None, message: str | None = None) -> None:
        """How far the task has come: `value` of `max`, and what it is at. Of several at about the same time the newest
        is sent."""
        for name, number in (("value", value), ("max", max)):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{name} must be a finite number, unlike {number}")
        given = {"progress": value, "progressMax": max, "message": message}
        said = {name: one for name, one in given.items() if one is not None}
        self._lease.report(lambda reports: reports.progress(said))

    def log(self, message: str, level: LogLevel = "info", data: Any = None) -> None:
        """An entry of the execution's log. `data` is any JSON."""
        entry = {"level": level, "message": clipped(message, _TEXT_LENGTH), "data": data}
        self._lease.report(lambda reports: reports.add("logs", entry))

    def action(self, kind: str, title: str, detail: Any = None, artifact: Any = None) -> None:
        """Something that the worker did, for who follows the execution: `action("click", "Save", {"x": 10})`.

        `artifact` is one that was stored, or its id.
        """
        artifact_id = artifact["id"] if isinstance(artifact, dict) else artifact  # pyright: ignore[reportUnknownVariableType]
        record: dict[str, Any] = {
            "kind": kind,
            "title": clipped(title, _TITLE_LENGTH),
            "detail": detail,
            "artifactId": artifact_id,
        }
        self._lease.report(lambda reports: reports.add("actions", record))

    def delta(self, text: str, channel: Literal["text", "reasoning"] = "text") -> None:
        """Some text as it comes into being, such as what a model writes."""
        if text:
            self._lease.report(lambda reports: reports.delta(channel, text))

    async def _artifact(self, name: str, content: Content, content_type: str | None, kind: str | None) -> Any:
        failures = 0
        while True:
            self._lease.check()
            try:
                storing = asyncio.ensure_future(
                    self._lease.doors.put(
                        self.task_id, self._lease.token, name, content, kind=kind, content_type=content_type
                    )
                )
                return await self._unless_over(storing)
            except Trouble as trouble:
                self._lease.check()
                failures += 1
                if not repeatable(content) or failures > _RETRIES:
                    raise SluicegateConnectionError(str(trouble)) from trouble
                wait = max(trouble.retry_after, StreamTiming().wait(failures, random.random()))
                await self._unless_over(asyncio.ensure_future(asyncio.sleep(wait)))

    async def _unless_over(self, doing: asyncio.Future[Any]) -> Any:
        """What is done, or given up when the task is no longer this worker's."""
        done = self._lease.loop.create_future()
        self._lease.waiters.add(done)
        try:
            await asyncio.wait({doing, done}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                self._lease.check()
            return await doing
        finally:
            self._lease.waiters.discard(done)
            doing.cancel()

    def _name(self, image: Content) -> tuple[str, str]:
        self._screenshots += 1
        kind = _image_type(image)
        return f"screenshot-{self.fence}-{self._screenshots}.{kind}", f"image/{kind}"


class AsyncTask(BaseTask):
    """A task for a coroutine: that is cancelled when the task is no longer this worker's."""

    async def artifact(
        self, name: str, content: Content, *, content_type: str | None = None, kind: ArtifactKind | None = None
    ) -> Any:
        """Stores a file with the execution; what is stored, with its `id`.

        What can be read again (text, bytes, a path) is sent again after failures that may pass, other things are not.
        The content type follows from the name, the kind from both, unless they are given.
        """
        return await self._artifact(name, content, content_type, kind)

    async def screenshot(self, image: Content, title: str = "Screenshot") -> Any:
        """Stores an image, and tells of it as an action of the kind `screenshot`."""
        name, content_type = self._name(image)
        artifact = await self._artifact(name, image, content_type, "screenshot")
        self.action("screenshot", title, artifact=artifact)
        return artifact


class Task(BaseTask):
    """A task for a function, which runs in a thread: it looks at `cancelled` now and then, and may wait for it."""

    def artifact(
        self, name: str, content: Content, *, content_type: str | None = None, kind: ArtifactKind | None = None
    ) -> Any:
        """Stores a file with the execution; what is stored, with its `id`.

        What can be read again (text, bytes, a path) is sent again after failures that may pass, other things are not.
        The content type follows from the name, the kind from both, unless they are given.
        """
        self._lease.check()
        storing = asyncio.run_coroutine_threadsafe(self._artifact(name, content, content_type, kind), self._lease.loop)
        try:
            return storing.result()
        except concurrent.futures.CancelledError:
            # The worker has ended meanwhile.
            self._lease.check()
            raise

    def screenshot(self, image: Content, title: str = "Screenshot") -> Any:
        """Stores an image, and tells of it as an action of the kind `screenshot`."""
        name, content_type = self._name(image)
        artifact = self.artifact(name, image, content_type=content_type, kind="screenshot")
        self.action("screenshot", title, artifact=artifact)
        return artifact


def clipped(text: str, length: int) -> str:
    """A text that is no longer than that, without the one character that the server's databases can't keep."""
    clean = text.replace("\0", "\ufffd")
    return clean if len(clean) <= length else f"{clean[: length - 1]}…"


def _image_type(image: Content) -> str:
    """By its first bytes; PNG if they can't be seen."""
    if isinstance(image, bytes):
        if image.startswith(b"\xff\xd8"):
            return "jpeg"
        if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
            return "webp"
    return "png"
