"""The rules of a stream, without a network: recorded bytes and a clock in, events and what to do next out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate import SluicegateApiError, SluicegateConnectionError, StreamTiming
from sluicegate.stream import Connect, Event, FeedOrder, LogOrder, Poll, StreamMachine, Wait

from .machine import JSON, PREAMBLE, Answer, Log, after, answers, drive, follow, frame, log, message
from .support import Server, loop


@pytest.fixture(scope="module")
def recorded(server: Server) -> Log:
    """The log of a true execution, with all kinds of text in it."""
    body = {"type": "transform", "data": {"output": {"text": "{{ item }}"}}}
    texts = ["Grüße, 世界 🌊", 'two\nlines\r\n, quotes " and \\, \u2028\u0000']
    return Log(server.finished_log(server.trigger(loop(body), input={"items": texts})))


def test_cut_at_every_byte(recorded: Log) -> None:
    cut_at_every_byte(recorded, chunk=10_000)


@pytest.mark.parametrize("chunk", [1, 7])
def test_cut_at_every_byte_of_bytes_that_dribble(chunk: int) -> None:
    cut_at_every_byte(log(6), chunk)


def cut_at_every_byte(events: Log, chunk: int) -> None:
    for cut in range(len(events.body(0)) + 1):
        first = Answer(events.body(0)[:cut], chunk)
        driven = follow(answers(first, then=lambda action: Answer(events.body(after(action)), chunk)))
        assert driven.events == events, f"cut after {cut} bytes"
        assert len(driven.connections) <= 2


def test_every_connection_cut_after_the_same_bytes(recorded: Log) -> None:
    size = len(recorded.body(0))
    longest = len(PREAMBLE) + max(len(message(event)) for event in recorded)
    for cut in range(longest, size + 1):
        driven = follow(lambda action, cut=cut: Answer(recorded.body(after(action))[:cut]))
        assert driven.events == recorded, f"cuts after {cut} bytes"


def test_cut_at_every_byte_of_duplicated_messages(recorded: Log) -> None:
    def twice(position: int) -> bytes:
        earlier = b"".join(message(event) for event in recorded[max(0, position - 3) : position])
        return PREAMBLE + earlier + b"".join(message(event) * 2 for event in recorded[position:])

    for cut in range(0, len(twice(0)) + 1, 3):
        driven = follow(answers(Answer(twice(0)[:cut]), then=lambda action: Answer(twice(after(action)))))
        assert driven.events == recorded, f"cut after {cut} bytes"


FAULTS = st.one_of(
    st.tuples(st.just("cut"), st.integers(0, 600), st.sampled_from([1, 5, 10_000])),
    st.tuples(st.just("repeat"), st.integers(0, 9), st.integers(1, 4)),
    st.tuples(st.just("lose"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("swap"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("damage"), st.integers(0, 600), st.just(0)),
    st.tuples(st.just("mute"), st.just(0), st.just(0)),
    st.tuples(st.just("close"), st.integers(0, 9), st.just(0)),
    st.tuples(st.sampled_from(["500", "503", "429"]), st.just(0), st.just(0)),
)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 10), st.lists(FAULTS, max_size=12))
def test_any_faults_deliver_the_log(count: int, faults: list[tuple[str, int, int]]) -> None:
    events = log(count)
    pending = list(faults)

    def answer(action: Connect | Poll) -> Answer:
        position = after(action)
        if isinstance(action, Poll):
            return Answer(json.dumps(events[position:]).encode(), headers=JSON)
        kind, at, extra = pending.pop(0) if pending else ("", 0, 0)
        messages = [message(event) for event in events[position:]]
        match kind:
            case "repeat":
                messages[at:at] = messages[max(0, at - extra) : at] * 2
            case "lose":
                del messages[at : at + 1]
            case "swap":
                messages[at : at + 2] = reversed(messages[at : at + 2])
            case "close":
                messages[at:] = [frame(type="stream_closing", reason="max_duration", after=str(count), retryMs=1000)]
            case "mute":
                return Answer(mute=True)
            case "500" | "503" | "429":
                return Answer(b"{}", status=int(kind), headers={"retry-after": "1"})
            case _:
                pass
        body = PREAMBLE + b"".join(messages)
        if kind == "damage":
            # A brace that is missing makes a message unreadable.
            start = body.find(b"{", at)
            body = body[:start] + body[start + 1 :] if start >= 0 else body
        return Answer(body[:at], extra) if kind == "cut" else Answer(body)

    assert follow(answer).events == events


def test_a_closed_connection_is_never_the_end() -> None:
    events = log(5)
    driven = follow(
        answers(*[Answer(PREAMBLE)] * 5, Answer(b""), then=lambda action: Answer(events.body(after(action))))
    )
    assert driven.events == events
    assert len(driven.connections) == 7


def test_goes_on_where_it_was() -> None:
    events = log(9)
    driven = follow(answers(Answer(Log(events[:4]).body(0)), then=lambda action: Answer(events.body(after(action)))))
    assert [after(action) for action in driven.connections] == [0, 4]
    assert "last-event-id" not in driven.connections[0].headers


def test_an_announced_close_is_no_failure() -> None:
    events = log(4)
    closing = frame(type="stream_closing", reason="max_duration", after="2", retryMs=1000)
    first = Answer(Log(events[:2]).body(0) + closing, takes=600)
    # The next one had nothing to tell, but lived for a while.
    second = Answer(PREAMBLE + closing, takes=600)
    driven = follow(answers(first, second, then=lambda action: Answer(events.body(after(action)))))
    assert driven.events == events
    assert driven.waits == []


def test_a_server_that_does_nothing_but_close_is_not_asked_in_a_circle() -> None:
    closing = Answer(PREAMBLE + frame(type="stream_closing", reason="shutdown", after="0", retryMs=1000))
    driven = follow(answers(*[closing] * 5, then=lambda action: Answer(log(1).body(after(action)))))
    assert len(driven.waits) == 5


def test_waits_longer_after_each_failure_but_not_for_ever() -> None:
    driven = follow(answers(*[Answer(b"", status=503)] * 200, then=lambda action: Answer(log(1).body(after(action)))))
    assert all(0.1 <= wait <= 10.0 for wait in driven.waits)
    assert driven.waits[0] <= 0.2
    assert driven.waits[1] <= 0.4
    assert max(driven.waits) > 8.0
    assert len(set(driven.waits)) > 150, "no jitter"


def test_something_new_makes_it_hurry_again() -> None:
    events = log(3)
    failing = [Answer(b"", status=503)] * 20
    driven = follow(
        answers(*failing, Answer(Log(events[:1]).body(0)), then=lambda action: Answer(events.body(after(action))))
    )
    assert driven.events == events
    assert driven.waits[-1] <= 0.2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
def test_what_asking_again_cannot_mend(status: int) -> None:
    body = b'{"code":"it","detail":"No.","requestId":"r-1","errors":[{"path":"x","message":"y"}]}'
    machine = StreamMachine(LogOrder(0, ()))
    with pytest.raises(SluicegateApiError, match="No") as raised:
        drive(machine, lambda _: Answer(body, status=status))
    assert (raised.value.status_code, raised.value.code, raised.value.request_id) == (status, "it", "r-1")
    assert raised.value.details == [{"path": "x", "message": "y"}]
    assert machine.next(0.0) is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_asking_again_may_mend(status: int) -> None:
    first = Answer(b"<html>", status=status, headers={"retry-after": "7"})
    driven = follow(answers(first, then=lambda action: Answer(log(2).body(after(action)))))
    assert driven.events == log(2)
    assert driven.waits == [7.0]


def test_a_page_that_is_no_stream() -> None:
    with pytest.raises(SluicegateConnectionError, match="text/html"):
        follow(lambda _: Answer(b"<html>", headers={"content-type": "text/html"}))


def test_nothing_is_left_after_the_last_event() -> None:
    assert follow(lambda _: Answer(status=204), LogOrder(7, ())).events == []


def test_events_that_are_no_longer_stored() -> None:
    events = log(9)
    gap = {"type": "stream_gap", "from": 1, "to": 6, "reason": "retention"}
    snapshot = {"type": "stream_snapshot", "execution": {"id": "x"}}
    start = PREAMBLE + frame(**gap) * 2 + frame(**snapshot) * 2
    first = Answer(start + Log(events[6:8]).body(0))
    driven = follow(answers(first, then=lambda action: Answer(events.body(after(action)))))
    assert driven.events == [gap, snapshot, *events[6:]]
    # Cut before the snapshot, the gap is known and the snapshot is not missed for long.
    driven = follow(answers(Answer(PREAMBLE + frame(**gap)), then=lambda action: Answer(events.body(after(action)))))
    assert driven.events == [gap, *events[6:]]


def test_unknown_events_and_frames() -> None:
    events = Log([{"type": "from_the_future", "seq": 1}, {"type": "execution_complete", "seq": 2}])
    driven = follow(lambda _: Answer(PREAMBLE + frame(type="stream_news") + events.body(0)))
    assert driven.events == events


def test_three_mute_connections_and_it_reads_the_log() -> None:
    events = log(2500)
    polls: list[Poll] = []

    def answer(action: Connect | Poll) -> Answer:
        if isinstance(action, Connect):
            return Answer(mute=True)
        polls.append(action)
        # What is stored grows while it is read.
        stored = events[: 1200 + 100 * len(polls)]
        return Answer(
            json.dumps(stored[after(action) : after(action) + int(action.params["limit"])]).encode(), headers=JSON
        )

    driven = follow(answer, timing=StreamTiming(poll=1.0))
    assert driven.events == events
    assert len(driven.connections) == 3
    assert driven.connections[0].first_byte == 5.0
    assert [type(action) for action in driven.actions[:7]] == [Connect, Connect, Connect, Poll, Poll, Wait, Poll]
    # A full page is followed by the next one at once.
    assert driven.waits[0] == 1.0
    assert [after(poll) for poll in polls[:3]] == [0, 1000, 1400]


def test_mute_now_and_then_is_no_reason_to_read_the_log() -> None:
    heartbeat = Answer(PREAMBLE)
    some = [Answer(mute=True), Answer(mute=True), heartbeat] * 5
    driven = follow(answers(*some, then=lambda action: Answer(log(2).body(after(action)))))
    assert driven.events == log(2)
    assert not [action for action in driven.actions if isinstance(action, Poll)]


def test_a_proxy_that_cuts_idle_connections_is_asked_again_soon() -> None:
    idle = [Answer(PREAMBLE + b": heartbeat\n\n", takes=60.0)] * 30
    driven = follow(answers(*idle, then=lambda action: Answer(log(2).body(after(action)))))
    assert driven.events == log(2)
    assert max(driven.waits) <= 0.2


def test_from_the_log_back_to_the_stream() -> None:
    events = log(3)
    healed = False

    def answer(action: Connect | Poll) -> Answer:
        if isinstance(action, Poll):
            return Answer(b"[]", headers=JSON)
        return Answer(events.body(after(action))) if healed else Answer(mute=True)

    machine = StreamMachine(LogOrder(0, ()))
    driven = drive(machine, answer, most=400)
    assert driven.events == []
    # One look a minute whether the network is better.
    assert 4 <= len(driven.connections) <= 6
    healed = True
    assert drive(machine, answer).events == events


def test_a_log_whose_beginning_is_gone() -> None:
    events = log(9)

    def answer(action: Connect | Poll) -> Answer:
        if isinstance(action, Connect):
            return Answer(mute=True)
        return Answer(json.dumps(events[max(5, after(action)) :]).encode(), headers=JSON)

    gap = {"type": "stream_gap", "from": 1, "to": 5, "reason": "no longer stored"}
    assert follow(answer).events == [gap, *events[5:]]


def test_a_log_that_can_not_be_read() -> None:
    events = log(3)
    bad = [
        Answer(b"", headers=JSON),
        Answer(b"<html>", headers=JSON),
        Answer(b"{}", headers=JSON),
        Answer(b"[1]", headers=JSON),
        Answer(b"", status=502),
    ]
    mute = [Answer(mute=True)] * 3
    good = Answer(json.dumps(events).encode(), headers=JSON)
    driven = follow(answers(*mute, *bad, then=lambda _: good))
    assert driven.events == events
    assert len(driven.waits) == 5
    with pytest.raises(SluicegateApiError):
        follow(answers(*mute, then=lambda _: Answer(b"{}", status=403)))


def test_a_log_that_can_be_read_now_and_then() -> None:
    events = log(4)

    def page(count: int) -> Answer:
        return Answer(json.dumps(events[:count]).encode(), headers=JSON)

    script = [Answer(mute=True)] * 3 + [Answer(status=502)] * 12 + [page(2), Answer(status=502)]
    driven = follow(answers(*script, then=lambda _: page(4)), timing=StreamTiming(poll=0.5))
    assert driven.events == events
    assert driven.waits[-2] == 0.5
    assert driven.waits[-1] <= 0.2


def test_a_hole_that_stays_is_read_from_the_log() -> None:
    events = log(6)

    def answer(action: Connect | Poll) -> Answer:
        if isinstance(action, Poll):
            return Answer(json.dumps(events[after(action) :]).encode(), headers=JSON)
        return Answer(PREAMBLE + b"".join(message(event) for event in events[after(action) :] if event["seq"] != 3))

    assert follow(answer).events == events


def test_filtered_types_still_end() -> None:
    kinds = ["node_log", "node_update", "execution_failed"]
    events = Log({"type": kind, "seq": seq} for seq, kind in enumerate(kinds, 1))
    machine = StreamMachine(LogOrder(0, ["node_update"]))
    action = machine.next(0.0)
    assert isinstance(action, Connect)
    assert set(action.params["types"].split(",")) >= {"node_update", "execution_failed", "execution_cancelled"}
    driven = drive(machine, lambda action: Answer(events.body(after(action))))
    assert driven.events == [events[1]]
    assert machine.ended


def feed(cursors: Iterable[str]) -> list[tuple[str, Event]]:
    return [(cursor, {"type": "execution_status", "executionId": cursor, "seq": 1}) for cursor in cursors]


def test_a_feed_of_many_executions() -> None:
    entries = feed(["a-1", "a-2", "9-3", "b-1"])
    sent = {
        cursor: b"".join(message(event, id) for id, event in entries[i:]) for i, (cursor, _) in enumerate(entries, 1)
    }
    begin = PREAMBLE + b"id: 0-0\n\n"
    first = message(entries[0][1], "a-1")
    machine = StreamMachine(FeedOrder(None, ()))

    def answer(action: Connect | Poll) -> Answer:
        cursor = action.headers.get("last-event-id")
        if cursor is None:
            return Answer(begin)
        # Repetitions, also of where it began.
        return Answer(begin + first * 2 + sent.get(cursor, b""))

    driven = drive(machine, answer, most=30)
    assert driven.events == [event for _, event in entries]
    cursors = [action.headers.get("last-event-id") for action in driven.connections]
    assert cursors[:3] == [None, "0-0", "a-1"]
    assert set(cursors[3:]) == {"b-1"}
    assert not machine.ended


def test_a_damaged_event_of_a_feed_is_asked_for_again() -> None:
    entries = feed(["a-1", "a-2", "a-3"])
    good = [message(event, id) for id, event in entries]
    damaged = Answer(PREAMBLE + good[0] + b"id: a-2\ndata: {half\n\n" + good[2])

    def again(action: Connect | Poll) -> Answer:
        return Answer(PREAMBLE + b"".join(good[int(action.headers["last-event-id"][2:]) :]))

    driven = drive(StreamMachine(FeedOrder("a-0", ())), answers(damaged, then=again), most=6)
    assert driven.events == [event for _, event in entries]


def test_a_feed_goes_on_after_what_was_filtered_out() -> None:
    closing = frame(type="stream_closing", reason="max_duration", after="f-9", retryMs=1000)
    driven = drive(StreamMachine(FeedOrder("a-1", ["x"])), lambda _: Answer(PREAMBLE + closing, takes=9), most=2)
    assert [action.headers["last-event-id"] for action in driven.connections] == ["a-1", "f-9"]
    assert driven.connections[0].params == {"types": "x"}


def test_the_snapshot_of_a_feed_comes_once() -> None:
    snapshot: Event = {"type": "stream_snapshot", "suspensions": []}
    first = Answer(PREAMBLE + b"id: 0-0\n\n")
    machine = StreamMachine(FeedOrder(None, ()), snapshot=True)
    rest = Answer(PREAMBLE + frame(**snapshot) * 2)
    driven = drive(machine, answers(first, then=lambda _: rest), most=12)
    assert driven.events == [snapshot]
    assert [action.params.get("snapshot") for action in driven.connections][:3] == ["true", "true", None]


def test_a_feed_becomes_more_patient_with_a_slow_network() -> None:
    driven = drive(StreamMachine(FeedOrder(None, ())), lambda _: Answer(mute=True), most=8)
    patience = [action.first_byte for action in driven.connections]
    assert patience[:4] == [5.0, 10.0, 20.0, 40.0]
    assert max(patience) <= 45.0


def test_a_feed_forgets_old_cursors_only() -> None:
    order = FeedOrder(None, ())
    for number in range(10_000):
        assert order.place(str(number), {}) == "new"
    assert all(order.place(str(number), {}) == "old" for number in range(9_000, 10_000))
    assert order.cursor == "9999"


def test_waits_are_spread_between_their_bounds() -> None:
    timing = StreamTiming()
    longest = [timing.wait(failures, 1.0) for failures in range(1, 50)]
    assert longest[:3] == [0.2, 0.4, 0.8]
    assert longest[-1] == 10.0
    assert all(early <= late for early, late in pairwise(longest))
    assert {timing.wait(failures, 0.0) for failures in range(1, 5000)} == {0.1}


def test_events_by_the_thousand() -> None:
    events = log(20_000)
    assert follow(lambda action: Answer(events.body(after(action)), 4096)).events == events
