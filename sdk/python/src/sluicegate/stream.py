"""The rules by which a stream is followed: what to do next, which events are new, when it has ended.

No input or output here. A driver asks `StreamMachine.next` what to do, does it, and tells what came of it; the blocking
and the asynchronous client each have such a driver and no rule of their own. The machine gives every event once and in
order whatever happens to connections, and only an event that ends the execution (or a refusal for good) ends it.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from .errors import SluicegateApiError, SluicegateConnectionError
from .sse import Message, Parser

END_TYPES = ("execution_complete", "execution_failed", "execution_cancelled", "execution_skipped")
"""The types of the events that end an execution."""

_MISSED_HEARTBEATS = 3
_USELESS_CONNECTIONS = 3
_POLLING_FOR = 60.0
_PAGE = 1000
_REMEMBERED = 4096

Event = dict[str, Any]


@dataclass(frozen=True)
class StreamTiming:
    """How patient a stream is, in seconds. The defaults suit a server with default settings."""

    heartbeat: float = 15.0
    """The time between two heartbeats (the server's `--stream-heartbeat`); who misses three is given up."""
    first_byte: float = 5.0
    """How long a connection may stay mute. The server sends a first byte at once; a buffering proxy keeps it."""
    poll: float = 1.0
    """The time between two looks at the event log, while connections stay mute."""
    shortest_wait: float = 0.1
    """The least time before a further attempt after an error."""
    longest_wait: float = 10.0
    """The most time before a further attempt after an error."""

    def wait(self, failures: int, fraction: float) -> float:
        """The pause after so many failures in a row: at most doubled each time, spread by a fraction from 0 to 1."""
        longest = min(self.longest_wait, self.shortest_wait * 2.0 ** min(failures, 32))
        return self.shortest_wait + (longest - self.shortest_wait) * fraction


@dataclass(frozen=True)
class Connect:
    """Open the stream. Then call `opened`, `received` for all that comes, and `disconnected`."""

    headers: Mapping[str, str]
    params: Mapping[str, str]
    first_byte: float
    """How many seconds from now the first byte of the body may take. After that it is `disconnected(mute=True)`."""
    silence: float
    """How many seconds may pass without a byte."""


@dataclass(frozen=True)
class Poll:
    """Read a page of the event log. Then call `opened` and `polled`, or `disconnected`."""

    headers: Mapping[str, str]
    params: Mapping[str, str]


@dataclass(frozen=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


class Order(Protocol):
    """Which messages of a stream are new."""

    @property
    def cursor(self) -> str | None:
        """Where to go on."""
        ...

    @property
    def types(self) -> Sequence[str]:
        """The types to ask for; all, if empty."""
        ...

    @property
    def is_log(self) -> bool:
        """Whether this is the log of one execution, which has an end and can be read as JSON, too."""
        ...

    def place(self, id: str | None, event: Event | None) -> Literal["new", "old", "hole"]:
        """Whether a message comes next, came before, or has left some out; a new one moves the cursor."""
        ...

    def wanted(self, event: Event) -> bool:
        """Whether a new event was asked for."""
        ...

    def skip(self, gap: Event) -> bool:
        """Moves the cursor over events that are no longer stored. Whether this is news."""
        ...

    def close(self, after: str) -> None:
        """The server closes the stream, which stood at this cursor."""
        ...


class LogOrder:
    """One execution's log: positions 1, 2, 3, ... without holes, unless types are filtered."""

    is_log = True

    def __init__(self, after: int, types: Sequence[str]) -> None:
        self._seq = after
        self._asked = frozenset(types)
        # The end has to be seen even by who does not want to hear of it.
        self.types: Sequence[str] = [*types, *(kind for kind in END_TYPES if kind not in types)] if types else []

    @property
    def cursor(self) -> str | None:
        return str(self._seq) if self._seq else None

    def place(self, id: str | None, event: Event | None) -> Literal["new", "old", "hole"]:
        seq = event.get("seq") if event else None
        if not isinstance(seq, int) or seq <= self._seq:
            return "old"
        if seq > self._seq + 1 and not self.types:
            return "hole"
        self._seq = seq
        return "new"

    def wanted(self, event: Event) -> bool:
        return not self._asked or event.get("type") in self._asked

    def skip(self, gap: Event) -> bool:
        to = gap.get("to")
        if not isinstance(to, int) or to <= self._seq:
            return False
        self._seq = to
        return True

    def close(self, after: str) -> None:
        # What was received counts, not what was sent.
        pass


class FeedOrder:
    """Many executions' events: opaque cursors, each of which names one event."""

    is_log = False

    def __init__(self, after: str | None, types: Sequence[str]) -> None:
        self.cursor: str | None = after
        self.types: Sequence[str] = types
        # A cursor that comes again is an event that comes again. What a network repeats, it repeats soon.
        self._recent: deque[str] = deque()
        self._known: set[str] = set()

    def place(self, id: str | None, event: Event | None) -> Literal["new", "old", "hole"]:
        if id is None or id in self._known:
            return "old"
        if event is None:
            # Where the stream began. Repeated later it would be a way back.
            self.cursor = self.cursor or id
            return "old"
        self._known.add(id)
        self._recent.append(id)
        if len(self._recent) > _REMEMBERED:
            self._known.discard(self._recent.popleft())
        self.cursor = id
        return "new"

    def wanted(self, event: Event) -> bool:
        return True

    def skip(self, gap: Event) -> bool:
        return True

    def close(self, after: str) -> None:
        # Events that were filtered out have moved the stream's cursor, but not this one.
        self.cursor = after or self.cursor


class StreamMachine:
    """Follows one stream. `now` is any clock that never goes back, in seconds."""

    def __init__(
        self,
        order: Order,
        params: Mapping[str, str] | None = None,
        *,
        snapshot: bool = False,
        timing: StreamTiming | None = None,
        fraction: Callable[[], float] = random.random,
    ) -> None:
        self._order = order
        self._params = dict(params or {})
        if order.types:
            self._params["types"] = ",".join(order.types)
        self._snapshot_asked = snapshot
        self._snapshot_due = snapshot
        self._timing = timing or StreamTiming()
        self._fraction = fraction
        self._ended = False
        # Failures since something new came, and connections in a row that were open and of no use.
        self._failures = 0
        self._useless = 0
        self._polling_until = 0.0
        self._wait = 0.0
        self._expected = ""
        self._begin_connection()

    def _begin_connection(self) -> None:
        self._parser = Parser()
        self._opened_at: float | None = None
        self._heard = False
        self._progress = False
        self._hole = False
        self._announced = False

    @property
    def cursor(self) -> str | None:
        """Where another stream would go on after the last event that was given."""
        return self._order.cursor

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to come."""
        return self._ended

    @property
    def done(self) -> bool:
        """Whether this connection has nothing more to give."""
        return self._ended or self._announced or self._hole

    def next(self, now: float) -> Connect | Poll | Wait | None:
        """What to do; nothing, once the stream has ended."""
        if self._ended:
            return None
        if self._wait > 0:
            seconds, self._wait = self._wait, 0.0
            return Wait(seconds)
        self._begin_connection()
        params = dict(self._params)
        cursor = self._order.cursor
        if self._polls(now):
            self._expected = "application/json"
            return Poll({"accept": self._expected}, {**params, "after": cursor or "0", "limit": str(_PAGE)})
        self._expected = "text/event-stream"
        headers = {"accept": self._expected, "cache-control": "no-cache"}
        if cursor is not None:
            headers["last-event-id"] = cursor
        if self._snapshot_asked:
            params["snapshot"] = "true"
        silence = self._timing.heartbeat * _MISSED_HEARTBEATS
        # Where there is no log to read instead, patience grows: the network may be no more than slow.
        patience = 1 if self._order.is_log else 2 ** min(self._useless, 10)
        return Connect(headers, params, min(self._timing.first_byte * patience, max(silence, 1.0)), silence)

    def _polls(self, now: float) -> bool:
        # Now and then a connection shows whether the network has become better.
        return self._order.is_log and self._useless >= _USELESS_CONNECTIONS and now < self._polling_until

    def opened(self, status: int, headers: Mapping[str, str], now: float) -> bool:
        """The server has answered. Whether the body is to be read; otherwise call `refused` with it."""
        self._opened_at = now
        return status == 200 and headers.get("content-type", "").startswith(self._expected)

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """An answer that is no stream. Raises what asking again can't mend; otherwise call `disconnected`."""
        if status == 204:
            self._ended = True
            return
        if 200 <= status < 300:
            self._ended = True
            kind = headers.get("content-type", "no content type")
            raise SluicegateConnectionError(f"the answer is {kind} instead of {self._expected}: is the base URL right?")
        error = SluicegateApiError(status, headers, body)
        if status < 500 and status not in (408, 425, 429):
            self._ended = True
            raise error
        self._wait = min(error.retry_after or 0.0, 60.0)

    def received(self, data: bytes) -> Iterable[Event]:
        """The new events that these bytes complete."""
        self._heard = True
        for message in self._parser.feed(data):
            if self.done:
                return
            yield from self._read(message)

    def _read(self, message: Message) -> Iterable[Event]:
        if message.data is None:
            self._order.place(message.id, None)
            return
        event = _object(message.data)
        if event is None:
            # Not what the server has sent. What comes again is whole.
            self._hole = True
        elif message.id is None:
            yield from self._read_frame(event)
        else:
            yield from self._take(message.id, event)

    def _read_frame(self, frame: Event) -> Iterable[Event]:
        match frame.get("type"):
            case "stream_closing":
                self._announced = True
                self._order.close(str(frame.get("after", "")))
            case "stream_gap" if self._order.skip(frame):
                self._snapshot_due = True
                yield frame
            case "stream_snapshot" if self._snapshot_due:
                self._snapshot_asked = self._snapshot_due = False
                yield frame
            case _:
                # A frame of a newer server, or one that came again.
                pass

    def _take(self, id: str | None, event: Event) -> Iterable[Event]:
        place = self._order.place(id, event)
        if place == "hole":
            self._hole = True
        elif place == "new":
            self._progress = True
            if self._order.is_log and event.get("type") in END_TYPES:
                self._ended = True
            if self._order.wanted(event):
                yield event

    def polled(self, body: bytes, now: float) -> Iterable[Event]:
        """The new events of a page of the log."""
        events = _objects(body)
        if events is None:
            self.disconnected(now)
            return
        self._failures = 0
        for event in events:
            if self._ended:
                return
            taken = list(self._take(None, event))
            if self._hole:
                # The log itself has a hole: these events are no longer stored.
                self._hole = False
                first, last = int(self._order.cursor or "0") + 1, int(event["seq"]) - 1
                gap: Event = {"type": "stream_gap", "from": first, "to": last, "reason": "no longer stored"}
                self._order.skip(gap)
                yield gap
                taken = list(self._take(None, event))
            yield from taken
        if len(events) < _PAGE:
            self._wait = self._timing.poll

    def disconnected(self, now: float, *, mute: bool = False) -> None:
        """The connection is over, or there never was one. `mute`: its first byte has not come in time."""
        if self._ended:
            return
        if mute or (self._hole and not self._progress):
            self._useless += 1
            self._polling_until = now + _POLLING_FOR
        elif self._heard:
            self._useless = 0
        lived = 0.0 if self._opened_at is None else now - self._opened_at
        # Who announces its close is asked again at once, unless it does nothing else than close.
        if mute or (self._announced and (self._progress or lived >= 1.0)):
            return
        if self._progress or (self._heard and lived >= self._timing.longest_wait):
            self._failures = 0
        self._failures += 1
        self._wait = max(self._wait, self._timing.wait(self._failures, self._fraction()))


def _object(text: str) -> Event | None:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    return cast("Event", value) if isinstance(value, dict) else None


def _objects(body: bytes) -> list[Event] | None:
    try:
        value: Any = json.loads(body)
    except ValueError:
        return None
    if not isinstance(value, list):
        return None
    items = cast("list[Any]", value)
    return cast("list[Event]", items) if all(isinstance(item, dict) for item in items) else None
