"""One server and one proxy for the tests of a process; those that break them have their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any

import pytest

from .support import KINDS, Blocked, Follower, Kind, Proxy, Server


@pytest.fixture(scope="session")
def server() -> Generator[Server, None, None]:
    server = Server("--stream-heartbeat", "1s")
    yield server
    server.close()


@pytest.fixture(scope="session")
def shared_proxy(server: Server) -> Generator[Proxy, None, None]:
    proxy = Proxy(server)
    yield proxy
    proxy.close()


@pytest.fixture
def proxy(shared_proxy: Proxy) -> Generator[Proxy, None, None]:
    yield shared_proxy
    shared_proxy.fault({})


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def follower(kind: Kind, server: Server, proxy: Proxy) -> Follower:
    """Follows through the proxy, by each of the clients."""
    return Follower(kind, server, proxy.url)


@pytest.fixture
def client_of(kind: Kind, server: Server) -> Generator[Callable[..., Any], None, None]:
    """Makes clients of either kind, with methods that block."""
    with ExitStack() as stack:

        def make(url: str | None = None, **options: Any) -> Any:
            if kind == "blocking":
                return stack.enter_context(server.client(url, **options))
            loop = asyncio.new_event_loop()
            stack.callback(loop.close)
            stack.callback(lambda: loop.run_until_complete(loop.shutdown_asyncgens()))
            client = Blocked(server.async_client(url, **options), loop)
            stack.callback(client.aclose)
            return client

        yield make


@pytest.fixture
def client(client_of: Callable[..., Any]) -> Any:
    return client_of()
