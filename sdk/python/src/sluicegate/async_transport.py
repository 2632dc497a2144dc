"""Input and output of the asynchronous client: requests, pages, and the driver of streams.

`transport.py` is its blocking twin. What both do by the same rules is in `stream.py` and `request.py`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

import anyio
import httpx

from .errors import SluicegateError
from .request import Configuration, Repetition, Request, content, next_cursor, refuse_hopeless
from .stream import Connect, Order, Poll, StreamMachine, Wait

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
AsyncStop: TypeAlias = Callable[[], Awaitable[None]]
"""Ends a stream at once; can be awaited until nothing is left of it."""
AsyncCallback: TypeAlias = Callable[[T], "Awaitable[None] | None"]
"""Is called with an event or an error; may be a coroutine function."""

log = logging.getLogger("sluicegate")


class AsyncPage(list[T], Generic[T]):
    """A page of a list, and the way to the next one."""

    next_cursor: str | None
    """Where the next page begins; nothing after the last one."""

    def __init__(self, items: list[T], next_cursor: str | None, transport: AsyncTransport, request: Request) -> None:
        super().__init__(items)
        self.next_cursor = next_cursor
        self._transport = transport
        self._request = request

    async def next_page(self) -> AsyncPage[T] | None:
        """The next page, if there is one."""
        if self.next_cursor is None:
            return None
        return await self._transport.page(self._request.after(self.next_cursor))

    async def all(self) -> AsyncIterator[T]:
        """All items from this page on; pages are read as they are needed."""
        page: AsyncPage[T] | None = self
        while page is not None:
            for item in page:
                yield item
            page = await page.next_page()


class AsyncEvents(Generic[T]):
    """Events as they come: an asynchronous iterator, and a context manager that closes it."""

    def __init__(self, events: AsyncGenerator[Any, None], machine: StreamMachine) -> None:
        self._events = events
        self._machine = machine

    @property
    def cursor(self) -> str | None:
        """Where another stream goes on (`after`) behind the events that this one has given."""
        return self._machine.cursor

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        return await anext(self._events)

    async def aclose(self) -> None:
        """Ends the stream; nothing is left of it."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class AsyncTransport:
    """The connections of a client. Streams have some of their own: each is closed with its stream."""

    def __init__(self, configuration: Configuration) -> None:
        self.scope = configuration.scope
        self.configuration = configuration
        options = configuration.http()
        self._http = httpx.AsyncClient(**options)
        self._streams = httpx.AsyncClient(**options, limits=httpx.Limits(max_keepalive_connections=0))
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Ends all streams, and closes all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._streams.aclose()
        await self._http.aclose()

    async def send(self, request: Request) -> httpx.Response:
        """The reply to a request, which is repeated as long as that is safe and may help."""
        repetition = Repetition(request, self.configuration.retries)
        while True:
            try:
                response = await self._http.request(**self.configuration.arguments(request))
                pause = repetition.after_reply(response)
                if pause is None:
                    return response
            except httpx.RequestError as error:
                pause = repetition.after_error(error)
            await anyio.sleep(pause)

    async def call(self, request: Request) -> Any:
        """The JSON of the reply."""
        response = await self.send(request)
        return content(response)

    async def page(self, request: Request) -> AsyncPage[Any]:
        """A page of a list."""
        response = await self.send(request)
        return AsyncPage(content(response), next_cursor(response), self, request)

    def machine(
        self, order: Order, params: Mapping[str, str] | None = None, *, snapshot: bool = False
    ) -> StreamMachine:
        """The rules of a new stream."""
        return StreamMachine(order, params, snapshot=snapshot, timing=self.configuration.timing)

    def events(self, path: str, machine: StreamMachine) -> AsyncEvents[Any]:
        """Follows a stream."""
        return AsyncEvents(self.follow(path, machine), machine)

    async def follow(self, path: str, machine: StreamMachine) -> AsyncGenerator[dict[str, Any], None]:
        """Does what the machine says, until it has ended."""
        while (action := machine.next(monotonic())) is not None:
            if self._streams.is_closed:
                raise SluicegateError("the client is closed")
            if isinstance(action, Wait):
                await anyio.sleep(action.seconds)
            elif isinstance(action, Poll):
                body = await self._page_of_log(path, machine, action)
                for event in machine.polled(body, monotonic()) if body is not None else ():
                    yield event
            else:
                async with aclosing(self._connection(path, machine, action)) as events:
                    async for event in events:
                        yield event

    async def _page_of_log(self, path: str, machine: StreamMachine, action: Poll) -> bytes | None:
        try:
            response = await self._streams.send(self.configuration.poll(self._streams, path, action))
        except httpx.RequestError as error:
            refuse_hopeless(error)
            log.info("the stream %s has lost its connection: %r", path, error)
        else:
            if machine.opened(response.status_code, response.headers, monotonic()):
                return response.content
            machine.refused(response.status_code, response.headers, response.content)
        machine.disconnected(monotonic())
        return None

    async def _connection(
        self, path: str, machine: StreamMachine, action: Connect
    ) -> AsyncGenerator[dict[str, Any], None]:
        answer = anyio.CancelScope()

        async def trace(name: str, info: Any) -> None:
            if name.endswith("send_request_body.complete"):
                answer.deadline = anyio.current_time() + action.first_byte

        request = self.configuration.connect(self._streams, path, action, trace)
        mute = False
        try:
            response = None
            with answer:
                response = await self._streams.send(request, stream=True)
            mute = response is None
            if response is not None:
                async with aclosing(response):
                    if not machine.opened(response.status_code, response.headers, monotonic()):
                        machine.refused(response.status_code, response.headers, await response.aread())
                    else:
                        chunks = cast("AsyncGenerator[bytes, None]", response.aiter_bytes())
                        async with aclosing(chunks):
                            chunk = None
                            with anyio.CancelScope(deadline=answer.deadline):
                                chunk = await anext(chunks, b"")
                            mute = chunk is None
                            while chunk:
                                for event in machine.received(chunk):
                                    yield event
                                if machine.done:
                                    break
                                chunk = await anext(chunks, b"")
        except httpx.RequestError as error:
            refuse_hopeless(error)
            log.info("the stream %s has lost its connection: %r", path, error)
        machine.disconnected(monotonic(), mute=mute)

    async def ended(self, path: str, machine: StreamMachine, timeout: float) -> bool:
        """Whether the stream ends in time."""
        with anyio.move_on_after(timeout):
            async with aclosing(self.follow(path, machine)) as events:
                async for _ in events:
                    pass
        return machine.ended

    def deliver(
        self, path: str, machine: StreamMachine, on_event: AsyncCallback[Any], on_error: AsyncCallback[Exception] | None
    ) -> AsyncStop:
        """Follows a stream in a task of its own."""

        async def run() -> None:
            try:
                async with aclosing(self.follow(path, machine)) as events:
                    async for event in events:
                        await _finish(on_event(event))
            except Exception as error:
                if on_error is None:
                    log.exception("the stream %s has ended with an error that nobody listens for", path)
                else:
                    await _finish(on_error(error))

        loop = asyncio.get_running_loop()
        task, done = loop.create_task(run()), loop.create_future()

        def finished(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not done.done():
                done.set_result(None)

        def stop() -> Awaitable[None]:
            task.cancel()
            return done

        self._tasks.add(task)
        task.add_done_callback(finished)
        return stop


async def _finish(result: Awaitable[None] | None) -> None:
    if inspect.isawaitable(result):
        await result
