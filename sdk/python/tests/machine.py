"""A network in the hand: drives the rules of a stream with answers that a test writes down."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sluicegate.stream import Connect, Event, LogOrder, Order, Poll, StreamMachine, Wait

PREAMBLE = b"retry: 1000\n: sluicegate\n\n"
STREAM = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}


def message(event: Event, id: str | None = None) -> bytes:
    return f"id: {id or event['seq']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def frame(**event: Any) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


class Log(list[Event]):
    """Events, and the bytes of their streams, which are made once."""

    def __init__(self, events: Iterable[Event]) -> None:
        super().__init__(events)
        self._messages = [message(event) for event in self]

    def body(self, after: int) -> bytes:
        """What a connection sends that begins after this position."""
        return PREAMBLE + b"".join(self._messages[after:])


def log(count: int) -> Log:
    events: list[Event] = [{"type": "node_log", "seq": seq, "message": "Wärme ≈ 🌊\n"} for seq in range(1, count)]
    return Log([*events, {"type": "execution_complete", "seq": count, "output": None}])


@dataclass
class Answer:
    """What the network gives to one connection."""

    body: bytes = b""
    chunk: int = 10_000
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: STREAM)
    mute: bool = False
    takes: float = 0.0


@dataclass
class Driven:
    """What came of a stream."""

    events: list[Event] = field(default_factory=list[Event])
    actions: list[Connect | Poll | Wait] = field(default_factory=list[Connect | Poll | Wait])
    now: float = 0.0

    @property
    def waits(self) -> list[float]:
        return [action.seconds for action in self.actions if isinstance(action, Wait)]

    @property
    def connections(self) -> list[Connect]:
        return [action for action in self.actions if isinstance(action, Connect)]


def after(action: Connect | Poll) -> int:
    return int(action.params["after"] if isinstance(action, Poll) else action.headers.get("last-event-id", "0"))


def drive(machine: StreamMachine, answer: Callable[[Connect | Poll], Answer], most: int = 100_000) -> Driven:
    """Does what the machine says, with answers instead of a network."""
    driven = Driven()
    for _ in range(most):
        action = machine.next(driven.now)
        if action is None:
            break
        driven.actions.append(action)
        if isinstance(action, Wait):
            driven.now += action.seconds
            continue
        given = answer(action)
        if given.mute:
            driven.now += getattr(action, "first_byte", 0.0)
            machine.disconnected(driven.now, mute=True)
            continue
        if not machine.opened(given.status, given.headers, driven.now):
            machine.refused(given.status, given.headers, given.body)
        elif isinstance(action, Poll):
            driven.events += machine.polled(given.body, driven.now)
            continue
        else:
            for start in range(0, len(given.body), given.chunk):
                driven.events += machine.received(given.body[start : start + given.chunk])
                if machine.done:
                    break
        driven.now += given.takes
        machine.disconnected(driven.now)
    return driven


def follow(answer: Callable[[Connect | Poll], Answer], order: Order | None = None, **options: Any) -> Driven:
    options.setdefault("fraction", random.Random(1).random)
    return drive(StreamMachine(order or LogOrder(0, ()), **options), answer)


def answers(*given: Answer, then: Callable[[Connect | Poll], Answer]) -> Callable[[Connect | Poll], Answer]:
    """These answers, and then those."""
    pending = list(given)
    return lambda action: pending.pop(0) if pending else then(action)
