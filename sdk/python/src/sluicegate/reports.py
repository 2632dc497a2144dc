"""What a handler says meanwhile: collected here from any thread, handed out in batches that heartbeats take along."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

# How much one heartbeat takes along: so many reports, and so many characters of them.
BATCH_REPORTS = 100
BATCH_LENGTH = 128 * 1024
# How much is kept while the server can't be reached.
KEPT_REPORTS = 2000
KEPT_LENGTH = 4 * 1024 * 1024
# The order in which the server takes the kinds of one heartbeat.
KINDS = ("actions", "deltas", "logs")
# With more reports than these, only those of the same kind arrive in their order: it would take too many heartbeats.
ORDERED_REPORTS = 50
# Texts of one channel are joined up to this length.
DELTA_LENGTH = 16 * 1024


@dataclass
class Report:
    """A report: its place in a heartbeat, and its JSON as it was when it was made. Of a delta, the text that grows."""

    kind: str
    text: str
    channel: str = ""

    @property
    def json(self) -> str:
        return dump({"channel": self.channel, "delta": self.text}) if self.kind == "deltas" else self.text


@dataclass
class Batch:
    """What one heartbeat takes along."""

    progress: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reports: Sequence[Report] = ()

    def halves(self) -> list[Batch]:
        """The same in two, if there is so much."""
        if self.progress and self.reports:
            return [Batch(self.progress), Batch(reports=self.reports)]
        half = len(self.reports) // 2
        return [Batch(reports=self.reports[:half]), Batch(reports=self.reports[half:])] if half else []

    def members(self) -> str:
        """The members of the heartbeat's JSON object."""
        parts = [f"{dump(name)}:{dump(value)}" for name, value in self.progress.items()]
        for kind in KINDS:
            some = [report.json for report in self.reports if report.kind == kind]
            if some:
                parts.append(f'"{kind}":[{",".join(some)}]')
        return ",".join(parts)


class Reports:
    """Reports in their order. A heartbeat takes no more than keeps it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._progress: dict[str, Any] = {}
        self._reports: deque[Report] = deque()
        self._length = 0
        self._dropped = 0

    @property
    def empty(self) -> bool:
        """Nothing is to be sent."""
        return not (self._progress or self._reports or self._dropped)

    def progress(self, progress: Mapping[str, Any]) -> None:
        """How far the task has come. Only the newest is sent."""
        dump(progress)
        with self._lock:
            self._progress = {**self._progress, **progress}

    def add(self, kind: str, value: Mapping[str, Any]) -> None:
        """A log entry or an action, now. What is no JSON raises here, in the handler that said it."""
        text = dump({name: one for name, one in value.items() if one is not None})
        with self._lock:
            self._keep(Report(kind, text))

    def delta(self, channel: str, text: str) -> None:
        """Some text that goes to a channel of the stream."""
        with self._lock:
            last = self._reports[-1] if self._reports else None
            joined = last is not None and (last.kind, last.channel) == ("deltas", channel)
            if joined and last and len(last.text) + len(text) <= DELTA_LENGTH and not self._full(len(text)):
                last.text += text
                self._length += len(text)
                return
            for start in range(0, len(text), DELTA_LENGTH):
                self._keep(Report("deltas", text[start : start + DELTA_LENGTH], channel))

    def take(self) -> Batch:
        """The next batch, oldest first."""
        with self._lock:
            if self._dropped and not self._reports:
                message = f"{self._dropped} reports were dropped: more came than could be sent"
                self._dropped = 0
                self._keep(Report("logs", dump({"level": "warn", "message": message})))
            progress, self._progress = self._progress, {}
            return Batch(progress, list(self._next()))

    def _next(self) -> Iterator[Report]:
        length = rank = 0
        ordered = len(self._reports) <= ORDERED_REPORTS
        for count in range(BATCH_REPORTS):
            if not self._reports:
                return
            before, rank = rank, KINDS.index(self._reports[0].kind)
            length += len(self._reports[0].text)
            if count and (length > BATCH_LENGTH or (ordered and rank < before)):
                return
            self._length -= len(self._reports[0].text)
            yield self._reports.popleft()

    def _keep(self, report: Report) -> None:
        if self._full(len(report.text)):
            self._dropped += 1
            return
        self._reports.append(report)
        self._length += len(report.text)

    def _full(self, more: int) -> bool:
        return self._dropped > 0 or len(self._reports) >= KEPT_REPORTS or self._length + more > KEPT_LENGTH


def dump(value: Any) -> str:
    """JSON: what is none, numbers that are none included, raises."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
