"""Streams of the true server through a network that breaks: what is delivered is the stored log, whatever happens."""

from __future__ import annotations

import time

import httpx
import pytest

from sluicegate import SluicegateApiError, StreamTiming

from .support import GATE, KINDS, LINEAR, MANY, SLOW, Follower, Proxy, Server, beside, until


def stream_size(server: Server, execution_id: str) -> int:
    """How many bytes the body of the stream of an ended execution has."""
    path = f"/v1/workspaces/{server.workspace_id}/pods/{server.pod_id}/executions/{execution_id}/events"
    headers = {"authorization": f"Bearer {server.api_key}", "accept": "text/event-stream"}
    return len(httpx.get(server.url + path, headers=headers).raise_for_status().content)


def test_cut_anywhere(follower: Follower, server: Server, proxy: Proxy) -> None:
    streams = proxy.connections()["streams"]
    id = server.trigger(LINEAR)
    log = server.finished_log(id)
    # Without a network every byte is tried (test_stream_machine.py); here each client takes some of its own.
    cuts = list(range(2 * KINDS.index(follower.kind), stream_size(server, id) + 2, 5))
    for cut, events in zip(
        cuts, follower.each([id] * len(cuts), [[{"cutAfterBytes": cut}] for cut in cuts]), strict=True
    ):
        assert events == log, f"cut after {cut} bytes"
    # All but the last one had to come again.
    assert proxy.connections()["streams"] >= streams + 2 * len(cuts) - 1


def test_cut_again_and_again_while_it_runs(follower: Follower, server: Server, proxy: Proxy) -> None:
    proxy.fault({"cutAfterBytes": [37 * n % 1500 for n in range(40)]})
    id = server.trigger(SLOW, input={"items": ["50ms"] * 20})
    assert follower.follow(id) == server.finished_log(id)


def test_duplicated_messages(follower: Follower, server: Server, proxy: Proxy) -> None:
    id = server.trigger(MANY, input={"items": list(range(50))})
    log = server.finished_log(id)
    faults = [{"duplicate": True, "cutAfterBytes": cut} for cut in range(1000, 9000, 500)]
    assert follower.follow(id, faults) == log
    # A client that comes later meets what it has had, once more.
    proxy.fault({"duplicate": True})
    assert follower.follow(id, after=30) == log[30:]


def test_dribbling_and_delayed_bytes(follower: Follower, server: Server, proxy: Proxy) -> None:
    id = server.trigger(LINEAR)
    proxy.fault({"chunkBytes": 1, "delayMs": 1})
    assert follower.follow(id) == server.finished_log(id)


def test_half_open_sockets(follower: Follower, server: Server) -> None:
    id = server.trigger(SLOW, input={"items": ["300ms"] * 6})
    silent = [{"silentAfterBytes": size} for size in (600, 900, 40)]
    # The server of these tests has a heartbeat of a second.
    assert follower.follow(id, silent, StreamTiming(heartbeat=0.4)) == server.finished_log(id)


def test_a_live_stream_is_not_given_up_while_it_has_heartbeats(
    follower: Follower, server: Server, proxy: Proxy
) -> None:
    id = server.trigger(GATE)
    streams = proxy.connections()["streams"]
    events = beside(lambda: follower.follow(id, timing=StreamTiming(heartbeat=1.0)))
    # Nothing happens, for longer than a connection may be silent.
    time.sleep(4)
    assert proxy.connections()["streams"] == streams + 1
    with server.client() as client:
        client.approve(None, None, id)
    assert events() == server.finished_log(id)


def test_a_buffering_proxy(follower: Follower, server: Server, proxy: Proxy) -> None:
    id = server.trigger(GATE)
    proxy.fault({"bufferAll": True})
    before = proxy.connections()
    seen: list[float] = []

    def follow() -> list[dict[str, object]]:
        events = follower.follow(id, timing=StreamTiming(first_byte=0.5, poll=0.1))
        seen.append(time.monotonic())
        return events

    events = beside(follow)
    # Each look at the log has a connection of its own.
    until(lambda: proxy.connections()["total"] > before["total"] + 3, "three mute connections, and the log")
    with server.client() as client:
        client.approve(None, None, id)
    answered = time.monotonic()
    assert events() == server.finished_log(id)
    assert seen[0] - answered < 10
    assert proxy.connections()["streams"] <= before["streams"] + 3


def test_refused_connections(follower: Follower, server: Server, proxy: Proxy) -> None:
    id = server.trigger(LINEAR)
    proxy.fault({"refuse": 3})
    assert follower.follow(id) == server.finished_log(id)


def test_from_every_position(follower: Follower, server: Server) -> None:
    id = server.trigger(LINEAR)
    log = server.finished_log(id)
    for after in range(len(log) + 1):
        assert follower.follow(id, after=after) == log[after:]


def test_some_types_only(follower: Follower, server: Server) -> None:
    id = server.trigger(SLOW, input={"items": ["50ms"] * 5})
    log = server.finished_log(id)
    for types in (["execution_status"], ["node_update", "execution_complete"], ["node_log"]):
        wanted = [event for event in log if event["type"] in types]
        assert follower.follow(id, [{"cutAfterBytes": 500}, {"cutAfterBytes": 300}], types=types) == wanted


def test_many_events(follower: Follower, server: Server, record_property: pytest.FixtureRequest) -> None:
    id = server.trigger(MANY, input={"items": list(range(10_000))})
    begun = time.monotonic()
    live = follower.follow(id)
    took = time.monotonic() - begun
    log = server.log(id)
    assert live == log
    assert len(log) > 20_000
    begun = time.monotonic()
    assert follower.follow(id) == log
    again = time.monotonic() - begun
    print(f"{follower.kind}: {len(log) / took:.0f} events/s live, {len(log) / again:.0f} events/s from the log")
    assert len(log) / again > 5_000


def test_what_asking_again_cannot_mend_is_raised(follower: Follower, server: Server) -> None:
    with pytest.raises(SluicegateApiError, match="404") as missing:
        follower.follow("01900000-0000-7000-8000-000000000000")
    assert missing.value.status_code == 404
    assert missing.value.request_id
    id = server.trigger(LINEAR)
    log = server.finished_log(id)
    with pytest.raises(SluicegateApiError, match="400") as ahead:
        follower.follow(id, after=len(log) + 1)
    assert ahead.value.code == "invalid_header"
    assert ahead.value.details
