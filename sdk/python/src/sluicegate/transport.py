"""Input and output of the blocking client: requests, pages, and the driver of streams.

`async_transport.py` is its asynchronous twin. What both do by the same rules is in `stream.py` and `request.py`.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import httpx

from .errors import SluicegateError
from .request import Configuration, Repetition, Request, content, next_cursor, refuse_hopeless
from .stream import Connect, Order, Poll, StreamMachine, Wait

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
Stop: TypeAlias = Callable[[], None]
"""Ends a stream. Nothing is called any more once it has returned, and nothing is left."""
Callback: TypeAlias = Callable[[T], None]
"""Is called with an event or an error, in the thread of the stream."""

log = logging.getLogger("sluicegate")


class Page(list[T], Generic[T]):
    """A page of a list, and the way to the next one."""

    next_cursor: str | None
    """Where the next page begins; nothing after the last one."""

    def __init__(self, items: list[T], next_cursor: str | None, transport: Transport, request: Request) -> None:
        super().__init__(items)
        self.next_cursor = next_cursor
        self._transport = transport
        self._request = request

    def next_page(self) -> Page[T] | None:
        """The next page, if there is one."""
        if self.next_cursor is None:
            return None
        return self._transport.page(self._request.after(self.next_cursor))

    def all(self) -> Iterator[T]:
        """All items from this page on; pages are read as they are needed."""
        page: Page[T] | None = self
        while page is not None:
            yield from page
            page = page.next_page()


class Line:
    """What a stream waits for, so that another thread can end the wait: a pause, or the socket of its connection.

    A blocking read can't be cancelled, but it ends when its socket is shut down.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._timer: threading.Timer | None = None
        self.mute = False

    @property
    def stopped(self) -> bool:
        """Whether the stream has been ended."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Ends the stream."""
        self._stopped.set()
        self._cut()

    def wait(self, seconds: float) -> None:
        """A pause, which a stop ends."""
        self._stopped.wait(seconds)

    def dial(self, first_byte: float | None) -> Callable[[str, Any], None]:
        """Begins a connection. The result is called by the HTTP library with the steps it takes."""
        self.mute = False

        def silent() -> None:
            self.mute = True
            self._cut()

        def trace(name: str, info: Any) -> None:
            if name.endswith(("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")):
                with self._lock:
                    self._socket = info["return_value"].get_extra_info("socket")
                if self.stopped:
                    self._cut()
            elif first_byte is not None and name.endswith("send_request_body.complete"):
                self.heard()
                self._timer = threading.Timer(first_byte, silent)
                self._timer.daemon = True
                self._timer.start()

        return trace

    def heard(self) -> None:
        """The first byte has come: the connection is not mute."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()

    def hang_up(self) -> None:
        """The connection is over."""
        self.heard()
        with self._lock:
            self._socket = None

    def _cut(self) -> None:
        with self._lock:
            if self._socket is not None:
                # Of the socket below TLS: its reader sees the end, and closes it.
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Events(Generic[T]):
    """Events as they come: an iterator, and a context manager that closes it."""

    def __init__(self, events: Generator[Any, None, None], machine: StreamMachine, line: Line) -> None:
        self._events = events
        self._machine = machine
        self._line = line

    @property
    def cursor(self) -> str | None:
        """Where another stream goes on (`after`) behind the events that this one has given."""
        return self._machine.cursor

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return next(self._events)

    def close(self) -> None:
        """Ends the stream; nothing is left of it. Another thread may call this, too: whoever waits for an event then
        sees the end of the iteration."""
        self._line.stop()
        # While another thread is in there, it is the one to end it.
        with suppress(ValueError):
            self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Transport:
    """The connections of a client. Streams have some of their own: each is closed with its stream."""

    def __init__(self, configuration: Configuration) -> None:
        self.scope = configuration.scope
        self.configuration = configuration
        options = configuration.http()
        self._http = httpx.Client(**options)
        self._streams = httpx.Client(**options, limits=httpx.Limits(max_keepalive_connections=0))
        self._lines: dict[Line, threading.Thread | None] = {}
        self._closed = False

    def close(self) -> None:
        """Ends all streams, and closes all connections."""
        self._closed = True
        for line, thread in list(self._lines.items()):
            _end(line, thread)
        self._streams.close()
        self._http.close()

    def send(self, request: Request) -> httpx.Response:
        """The reply to a request, which is repeated as long as that is safe and may help."""
        repetition = Repetition(request, self.configuration.retries)
        while True:
            try:
                response = self._http.request(**self.configuration.arguments(request))
                pause = repetition.after_reply(response)
                if pause is None:
                    return response
            except httpx.RequestError as error:
                pause = repetition.after_error(error)
            time.sleep(pause)

    def call(self, request: Request) -> Any:
        """The JSON of the reply."""
        response = self.send(request)
        return content(response)

    def page(self, request: Request) -> Page[Any]:
        """A page of a list."""
        response = self.send(request)
        return Page(content(response), next_cursor(response), self, request)

    def machine(
        self, order: Order, params: Mapping[str, str] | None = None, *, snapshot: bool = False
    ) -> StreamMachine:
        """The rules of a new stream."""
        return StreamMachine(order, params, snapshot=snapshot, timing=self.configuration.timing)

    def events(self, path: str, machine: StreamMachine) -> Events[Any]:
        """Follows a stream."""
        line = Line()
        return Events(self.follow(path, machine, line), machine, line)

    def follow(self, path: str, machine: StreamMachine, line: Line) -> Generator[dict[str, Any], None, None]:
        """Does what the machine says, until it has ended or the line is stopped."""
        self._lines.setdefault(line, None)
        try:
            while not line.stopped and not self._closed and (action := machine.next(monotonic())) is not None:
                if isinstance(action, Wait):
                    line.wait(action.seconds)
                elif isinstance(action, Poll):
                    body = self._page_of_log(path, machine, action, line)
                    yield from machine.polled(body, monotonic()) if body is not None else ()
                else:
                    yield from self._connection(path, machine, action, line)
            if self._closed and not machine.ended:
                raise SluicegateError("the client is closed")
        finally:
            self._lines.pop(line, None)

    def _open(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._streams.send(request, stream=True)
        except RuntimeError as error:
            # Another thread has closed the client meanwhile.
            raise (SluicegateError("the client is closed") if self._closed else error) from None

    def _page_of_log(self, path: str, machine: StreamMachine, action: Poll, line: Line) -> bytes | None:
        request = self.configuration.poll(self._streams, path, action, line.dial(None))
        try:
            with closing(self._open(request)) as response:
                response.read()
        except httpx.RequestError as error:
            refuse_hopeless(error)
            log.info("the stream %s has lost its connection: %r", path, error)
        else:
            if machine.opened(response.status_code, response.headers, monotonic()):
                return response.content
            machine.refused(response.status_code, response.headers, response.content)
        finally:
            line.hang_up()
        machine.disconnected(monotonic())
        return None

    def _connection(
        self, path: str, machine: StreamMachine, action: Connect, line: Line
    ) -> Generator[dict[str, Any], None, None]:
        request = self.configuration.connect(self._streams, path, action, line.dial(action.first_byte))
        try:
            response = self._open(request)
            try:
                if machine.opened(response.status_code, response.headers, monotonic()):
                    for chunk in response.iter_bytes():
                        line.heard()
                        for event in machine.received(chunk):
                            yield event
                            if line.stopped:
                                return
                        if machine.done:
                            break
                else:
                    machine.refused(response.status_code, response.headers, response.read())
            finally:
                response.close()
        except httpx.RequestError as error:
            refuse_hopeless(error)
            log.info("the stream %s has lost its connection: %r", path, error)
        finally:
            line.hang_up()
        machine.disconnected(monotonic(), mute=line.mute)

    def ended(self, path: str, machine: StreamMachine, timeout: float) -> bool:
        """Whether the stream ends in time."""
        line = Line()
        timer = threading.Timer(timeout, line.stop)
        timer.daemon = True
        timer.start()
        try:
            for _ in self.follow(path, machine, line):
                pass
        finally:
            timer.cancel()
            timer.join()
        return machine.ended

    def deliver(
        self, path: str, machine: StreamMachine, on_event: Callback[Any], on_error: Callback[Exception] | None
    ) -> Stop:
        """Follows a stream in a thread of its own."""
        line = Line()

        def run() -> None:
            try:
                for event in self.follow(path, machine, line):
                    on_event(event)
            except Exception as error:
                # A client that is being closed says so before it stops its streams.
                stopped = line.stopped or self._closed
                if on_error is not None and not stopped:
                    on_error(error)
                elif not (stopped and isinstance(error, SluicegateError)):
                    log.exception("the stream %s has ended with an error that nobody listens for", path)

        thread = threading.Thread(target=run, name="sluicegate-stream", daemon=True)
        self._lines[line] = thread
        thread.start()
        return lambda: _end(line, thread)


def _end(line: Line, thread: threading.Thread | None) -> None:
    line.stop()
    if thread is not None and thread is not threading.current_thread():
        # A thread that connects can't be woken: it ends by itself, and calls nobody.
        thread.join(timeout=2.0)
