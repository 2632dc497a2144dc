"""Servers that are killed and started again while clients follow."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from .support import GATE, LINEAR, SLOW, Follower, Kind, Proxy, Server, beside, until


@pytest.fixture
def fragile() -> Generator[Server, None, None]:
    server = Server()
    yield server
    server.close()


def test_killed_again_and_again(kind: Kind, fragile: Server) -> None:
    id = fragile.trigger(SLOW, input={"items": ["150ms"] * 60})
    events = beside(lambda: Follower(kind, fragile).follow(id))
    for _ in range(3):
        more = len(fragile.log(id)) + 10
        until(lambda more=more: len(fragile.log(id)) > more, "some events")
        fragile.kill()
        fragile.start()
    assert events() == fragile.finished_log(id)


def test_stopped_in_order_and_started_again(kind: Kind, fragile: Server) -> None:
    id = fragile.trigger(GATE)
    events = beside(lambda: Follower(kind, fragile).follow(id))
    fragile.until_suspended(id)
    fragile.stop()
    fragile.start()
    with fragile.client() as client:
        client.approve(None, None, id)
    assert events() == fragile.finished_log(id)


def test_another_server_behind_the_same_address(kind: Kind, fragile: Server) -> None:
    # It waits: an execution that ends by itself might have done so before anything goes wrong.
    id = fragile.trigger(GATE)
    proxy = Proxy(fragile)
    try:
        events = beside(lambda: Follower(kind, fragile, proxy.url).follow(id))
        until(lambda: proxy.connections()["streams"] > 0, "the stream")
        fragile.until_suspended(id)
        total = proxy.connections()["total"]
        # Nothing listens there: the proxy answers 502 to whoever comes.
        proxy.target("http://127.0.0.1:9")
        fragile.kill()
        until(lambda: proxy.connections()["total"] > total, "a connection that is answered 502")
        fragile.start()
        proxy.target(fragile.url)
        with fragile.client() as client:
            client.approve(None, None, id)
        assert events() == fragile.finished_log(id)
    finally:
        proxy.close()


def test_requests_outlast_a_restart(kind: Kind, fragile: Server) -> None:
    fragile.trigger(LINEAR)
    fragile.kill()
    id = beside(lambda: fragile.trigger(LINEAR))
    fragile.start()
    assert Follower(kind, fragile).follow(id()) == fragile.log(id())
