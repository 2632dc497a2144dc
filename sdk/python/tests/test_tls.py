"""Streams over TLS, whose sockets are another matter to end from outside."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from sluicegate import SluicegateConnectionError

from .support import GATE, Kind, Server, beside, sockets, until


class Tunnel:
    """Takes TLS connections and hands their bytes on to a server."""

    def __init__(self, server: Server, certificate: Path, key: Path) -> None:
        self._server = server
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        self._ready.wait()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        listener = await asyncio.start_server(self._hand_on, "127.0.0.1", 0, ssl=self._context)
        self.url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        listener.close()

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._server.url.removeprefix("http://").split(":")
        from_server, to_server = await asyncio.open_connection(host, int(port))

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            except OSError:
                pass
            finally:
                target.close()

        await asyncio.gather(copy(reader, to_server), copy(from_server, writer))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def tunnel(server: Server, tmp_path: Path) -> Generator[tuple[str, dict[str, Any]], None, None]:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    tunnel = Tunnel(server, certificate, key)
    yield tunnel.url, {"verify": ssl.create_default_context(cafile=str(certificate))}
    tunnel.close()


def test_follow_and_stop(server: Server, tunnel: tuple[str, dict[str, Any]]) -> None:
    url, options = tunnel
    id = server.trigger(GATE)
    server.until_suspended(id)
    waiting = server.log(id)
    with server.client(url, http_options=options) as client:
        seen: list[Any] = []
        stop = client.stream_events(None, None, id, seen.append)
        until(lambda: seen == waiting, "the events")
        begun = time.monotonic()
        stop()
        assert time.monotonic() - begun < 3.0
        assert not [thread for thread in threading.enumerate() if thread.name == "sluicegate-stream"]
        events = beside(lambda: list(client.events(None, None, id)))
        client.approve(None, None, id)
        assert events() == server.finished_log(id)


def test_follow_and_stop_asynchronous(server: Server, tunnel: tuple[str, dict[str, Any]]) -> None:
    url, options = tunnel
    id = server.trigger(GATE)
    server.until_suspended(id)
    waiting = server.log(id)

    async def follow() -> None:
        async with server.async_client(url, http_options=options) as client:
            seen: list[Any] = []
            before = len(sockets())
            stop = client.stream_events(None, None, id, seen.append)
            await asyncio.to_thread(until, lambda: seen == waiting, "the events")
            await stop()
            # Those of the client and of the tunnel.
            await asyncio.to_thread(until, lambda: len(sockets()) == before, "the sockets are closed")
            await client.approve(None, None, id)
            events = [event async for event in client.events(None, None, id)]
            assert events == await asyncio.to_thread(server.finished_log, id)

    asyncio.run(follow())


def test_a_certificate_that_does_not_hold(
    kind: Kind, server: Server, client_of: Callable[..., Any], tunnel: tuple[str, dict[str, Any]]
) -> None:
    client = client_of(tunnel[0])
    with pytest.raises(SluicegateConnectionError, match="not the one it should be"):
        client.list_executions()
    with pytest.raises(SluicegateConnectionError, match="not the one it should be"):
        next(client.events(None, None, "e"))
