"""A server that announces the end of its streams every two seconds, for a minute: nobody notices."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

from .support import SLOW, Follower, Proxy, Server, beside


@pytest.fixture(scope="module")
def closing_server() -> Generator[Server, None, None]:
    server = Server("--stream-max-duration", "2s")
    yield server
    server.close()


def test_announced_close_every_two_seconds(closing_server: Server) -> None:
    # One item of each length: the close falls at every place between two events.
    items = [f"{700 + 13 * n}ms" for n in range(56)]
    id = closing_server.trigger(SLOW, input={"items": items})
    proxy = Proxy(closing_server)
    try:
        begun = time.monotonic()
        others = beside(lambda: Follower("blocking", closing_server, proxy.url).follow(id))
        events = Follower("asynchronous", closing_server, proxy.url).follow(id)
        took = time.monotonic() - begun
        assert events == others() == closing_server.log(id)
        assert took > 55
        # At once: what is lost between two connections is next to nothing.
        assert proxy.connections()["streams"] >= 2 * int(took / 2.2)
    finally:
        proxy.close()
