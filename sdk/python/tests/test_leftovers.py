"""After the end of a stream, however it comes about, no thread, task or socket is left, and the end comes at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Literal

import pytest

from sluicegate import AsyncClient, SluicegateApiError, SluicegateError, StreamTiming

from .support import GATE, LINEAR, Proxy, Server, beside, sockets, until

State = Literal["listening", "mute", "polling", "waiting"]
STATES: tuple[State, ...] = ("listening", "mute", "polling", "waiting")
TIMING = StreamTiming(first_byte=0.2, poll=0.1, shortest_wait=30.0, longest_wait=60.0)
# Even on a busy machine; whatever would be waited for takes half a minute.
AT_ONCE = 3.0


@pytest.fixture(autouse=True)
def nothing_is_left(server: Server, proxy: Proxy) -> Generator[None, None, None]:
    # What is loaded at first use stays.
    server.finished_log(server.trigger(LINEAR))
    sockets_before, threads_before, open_before = sockets(), set(threading.enumerate()), proxy.connections()["open"]
    yield
    assert set(threading.enumerate()) - threads_before == set()
    assert sockets() - sockets_before == set()
    # The proxy hears of it, too.
    until(lambda: proxy.connections()["open"] <= open_before, "connections are closed")


@pytest.fixture
def waiting(server: Server) -> str:
    """An execution that waits at its gate."""
    id = server.trigger(GATE)
    server.until_suspended(id)
    return id


@pytest.fixture(params=STATES)
def state(
    request: pytest.FixtureRequest, server: Server, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> tuple[str, StreamTiming, Callable[[], Any]]:
    """What a stream is doing: where it goes, its patience, and how to know that it has come so far."""
    streams = proxy.connections()["streams"]
    wanted: State = request.param
    if wanted == "listening":
        return proxy.url, TIMING, lambda: proxy.connections()["streams"] > streams
    if wanted == "waiting":
        caplog.set_level("INFO", "sluicegate")
        return "http://127.0.0.1:9", TIMING, lambda: "has lost its connection" in caplog.text
    proxy.fault({"bufferAll": True})
    if wanted == "mute":
        return proxy.url, StreamTiming(first_byte=60.0), lambda: proxy.connections()["streams"] > streams
    # Three connections that stay mute, and one for each look at the log.
    total = proxy.connections()["total"]
    return proxy.url, TIMING, lambda: proxy.connections()["total"] >= total + 5


def test_stop_ends_at_once(server: Server, waiting: str, state: tuple[str, StreamTiming, Callable[[], Any]]) -> None:
    url, timing, reached = state
    last = len(server.log(waiting))
    with server.client(url, timing=timing) as client:
        events: list[Any] = []
        stop = client.stream_events(None, None, waiting, events.append, after=last)
        until(reached, "the state")
        begun = time.monotonic()
        stop()
        assert time.monotonic() - begun < AT_ONCE
        assert not [thread for thread in threading.enumerate() if thread.name == "sluicegate-stream"]
        stop()


def test_stop_ends_at_once_asynchronous(
    server: Server, waiting: str, state: tuple[str, StreamTiming, Callable[[], Any]]
) -> None:
    url, timing, reached = state
    last = len(server.log(waiting))

    async def follow() -> None:
        async with server.async_client(url, timing=timing) as client:
            before = asyncio.all_tasks()
            events: list[Any] = []
            stop = client.stream_events(None, None, waiting, events.append, after=last)
            await asyncio.to_thread(until, reached, "the state")
            begun = time.monotonic()
            await stop()
            assert time.monotonic() - begun < AT_ONCE
            await no_tasks_but(before)
            await stop()

    asyncio.run(follow())


def test_a_cancelled_task(server: Server, waiting: str, state: tuple[str, StreamTiming, Callable[[], Any]]) -> None:
    url, timing, reached = state
    last = len(server.log(waiting))

    async def follow() -> None:
        async with server.async_client(url, timing=timing) as client:
            before = asyncio.all_tasks()

            async def read() -> None:
                async for _ in client.events(None, None, waiting, after=last):
                    pass

            task = asyncio.create_task(read())
            await asyncio.to_thread(until, reached, "the state")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await no_tasks_but(before)

    asyncio.run(follow())


def test_closing_the_client_ends_its_streams(
    server: Server,
    waiting: str,
    state: tuple[str, StreamTiming, Callable[[], Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    url, timing, reached = state
    last = len(server.log(waiting))
    client = server.client(url, timing=timing)
    errors: list[Exception] = []
    client.stream_events(None, None, waiting, lambda _: None, errors.append, after=last)
    client.stream_events(None, None, waiting, lambda _: None, after=last)

    def read() -> None:
        with pytest.raises(SluicegateError, match="the client is closed"):
            next(client.events(None, None, waiting, after=last))

    reader = beside(read)
    until(reached, "the state")
    begun = time.monotonic()
    client.close()
    reader()
    assert time.monotonic() - begun < AT_ONCE
    # Who closes a client need not be told.
    assert errors == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_closing_the_client_ends_its_streams_asynchronous(server: Server, proxy: Proxy, waiting: str) -> None:
    async def follow() -> None:
        client = server.async_client(proxy.url)
        before = asyncio.all_tasks()
        seen: list[Any] = []
        client.stream_events(None, None, waiting, seen.append)

        async def read() -> None:
            async for _ in client.events(None, None, waiting):
                pass

        reader = asyncio.create_task(read())
        await asyncio.to_thread(until, lambda: seen, "an event")
        await client.aclose()
        with pytest.raises(SluicegateError, match="the client is closed"):
            await reader
        await no_tasks_but(before)
        with pytest.raises(SluicegateError, match="the client is closed"):
            await anext(client.events(None, None, waiting))

    asyncio.run(follow())


def test_break(server: Server, proxy: Proxy, waiting: str) -> None:
    with server.client(proxy.url) as client:
        before = sockets()
        for event in client.events(None, None, waiting):
            assert event["type"] == "execution_status"
            break
        # The iterator has no name, so it is gone.
        assert sockets() == before


def test_break_asynchronous(server: Server, proxy: Proxy, waiting: str) -> None:
    async def follow() -> None:
        async with server.async_client(proxy.url) as client:
            before = sockets(), asyncio.all_tasks()
            async with client.events(None, None, waiting) as events:
                async for event in events:
                    assert event["type"] == "execution_status"
                    break
            assert sockets() == before[0]
            async for _ in client.events(None, None, waiting):
                break
            # The loop closes an iterator that was left, a moment later.
            await asyncio.to_thread(until, lambda: sockets() == before[0], "no socket is left")
            await no_tasks_but(before[1])

    asyncio.run(follow())


def test_an_iterator_closed_by_another_thread(server: Server, proxy: Proxy, waiting: str) -> None:
    with server.client(proxy.url) as client:
        seen: list[Any] = []
        events = client.events(None, None, waiting)
        ended = beside(lambda: seen.extend(events))
        until(lambda: proxy.connections()["open"] and events.cursor == str(len(server.log(waiting))), "the last event")
        events.close()
        ended()
        assert seen == server.log(waiting)


def test_the_end_of_the_execution(server: Server, proxy: Proxy) -> None:
    id = server.trigger(LINEAR)
    log = server.finished_log(id)
    with server.client(proxy.url) as client:
        before = sockets()
        assert list(client.events(None, None, id)) == log
        assert sockets() == before

    async def follow(client: AsyncClient) -> None:
        async with client:
            before = sockets(), asyncio.all_tasks()
            assert [event async for event in client.events(None, None, id)] == log
            await no_tasks_but(before[1])
            assert sockets() == before[0]

    asyncio.run(follow(server.async_client(proxy.url)))


def test_an_error_that_ends_the_stream(server: Server, proxy: Proxy) -> None:
    errors: list[Exception] = []
    with server.client(proxy.url) as client:
        client.stream_events(None, None, "01900000-0000-7000-8000-000000000000", lambda _: None, errors.append)
        until(lambda: errors, "the error")
    assert isinstance(errors[0], SluicegateApiError)

    async def follow() -> None:
        async with server.async_client(proxy.url) as client:
            told = asyncio.get_running_loop().create_future()
            id = "01900000-0000-7000-8000-000000000000"
            client.stream_events(None, None, id, lambda _: None, told.set_result)
            assert isinstance(await told, SluicegateApiError)

    asyncio.run(follow())


def test_a_callback_that_raises_ends_the_stream(server: Server, proxy: Proxy, waiting: str) -> None:
    def fail(event: Any) -> None:
        raise ValueError(event["type"])

    errors: list[Exception] = []
    with server.client(proxy.url) as client:
        client.stream_events(None, None, waiting, fail, errors.append)
        until(lambda: errors, "the error")

        async def follow() -> None:
            async with server.async_client(proxy.url) as other:
                told = asyncio.get_running_loop().create_future()
                other.stream_events(None, None, waiting, fail, told.set_result)
                errors.append(await told)

        asyncio.run(follow())
    assert [repr(error) for error in errors] == ["ValueError('execution_status')"] * 2


def test_stop_from_inside_a_callback(server: Server, proxy: Proxy, waiting: str) -> None:
    seen: list[Any] = []
    with server.client(proxy.url) as client:
        ready = threading.Event()

        def on_event(event: Any) -> None:
            ready.wait()
            seen.append(event)
            stop()

        stop = client.stream_events(None, None, waiting, on_event)
        ready.set()
        until(lambda: not client_threads(), "the thread has ended")
    assert len(seen) == 1

    async def follow() -> None:
        async with server.async_client(proxy.url) as other:
            before = asyncio.all_tasks()

            async def on_event(event: Any) -> None:
                seen.append(event)
                stop()
                await asyncio.sleep(0)
                raise AssertionError("it goes on after its end")

            stop = other.stream_events(None, None, waiting, on_event)
            await asyncio.to_thread(until, lambda: len(seen) == 2, "the event")
            await no_tasks_but(before)

    asyncio.run(follow())
    assert len(seen) == 2


def test_events_by_callback(server: Server, proxy: Proxy) -> None:
    id = server.trigger(GATE)
    server.until_suspended(id)
    seen: list[Any] = []
    with server.client(proxy.url) as client:
        stop = client.stream_events(None, None, id, seen.append, after=1)
        until(lambda: len(seen) > 3, "events")
        client.approve(None, None, id)
        until(lambda: seen[-1]["type"] == "execution_complete", "the end")
        until(lambda: not client_threads(), "the thread has ended")
        stop()
    assert seen == server.log(id)[1:]


def test_waiting_in_vain(server: Server, proxy: Proxy, waiting: str) -> None:
    with server.client(proxy.url) as client:
        begun = time.monotonic()
        with pytest.raises(SluicegateError, match=r"has not ended within 0.5 seconds"):
            client.wait_for_completion(None, None, waiting, timeout=0.5)
        assert 0.4 < time.monotonic() - begun < 0.5 + AT_ONCE

    async def wait() -> None:
        async with server.async_client(proxy.url) as other:
            before = asyncio.all_tasks()
            begun = time.monotonic()
            with pytest.raises(SluicegateError, match=r"has not ended within 0.5 seconds"):
                await other.wait_for_completion(None, None, waiting, timeout=0.5)
            assert 0.4 < time.monotonic() - begun < 0.5 + AT_ONCE
            await no_tasks_but(before)

    asyncio.run(wait())


def client_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sluicegate-stream"]


async def no_tasks_but(before: set[asyncio.Task[Any]]) -> None:
    # What was cancelled takes a round of the loop to end.
    for _ in range(100):
        if asyncio.all_tasks() <= before:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(asyncio.all_tasks() - before)
