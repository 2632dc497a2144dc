"""The calls of the API that a worker makes: leasing by the client's credentials, the rest by the lease token."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import os
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast
from urllib.parse import quote

import httpx

from .errors import SluicegateApiError, SluicegateConnectionError, SluicegateError
from .request import Configuration, content, refuse_hopeless
from .results import Results, refusals

Content: TypeAlias = "str | bytes | os.PathLike[str] | BinaryIO | AsyncIterable[bytes]"
"""What an artifact is made of: text, bytes, the path of a file, an open file, or parts as they come."""

_CHUNK = 256 * 1024


class Trouble(Exception):
    """A failure that may pass."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after or 0.0


class Doors:
    """The connections of a running worker."""

    def __init__(self, configuration: Configuration, path: str) -> None:
        """`path` is the one of a pod's tasks."""
        options = configuration.http()
        headers = dict(options.pop("headers"))
        self._credentials = {"authorization": headers.pop("authorization")}
        # A worker has as many connections as it has tasks.
        options.setdefault("limits", httpx.Limits(max_connections=None, max_keepalive_connections=20))
        self._http = httpx.AsyncClient(**options, headers=headers)
        self._url = configuration.url(path)
        self.timeout = configuration.timeout
        self._results = Results(self._send_results)

    async def aclose(self) -> None:
        await self._results.aclose()
        await self._http.aclose()

    async def lease(self, wish: Mapping[str, Any], stopping: asyncio.Event) -> list[Any]:
        """Waits for tasks. A stop ends the wait as long as no answer has come: what is in an answer is leased, and has
        to be read."""
        timeout = httpx.Timeout(self.timeout, read=wish["waitSeconds"] + self.timeout)
        request = self._http.build_request(
            "POST", f"{self._url}/lease", json=wish, headers=self._credentials, timeout=timeout
        )
        answered = False

        async def ask() -> Any:
            nonlocal answered
            response = await self._http.send(request, stream=True)
            answered = True
            try:
                await response.aread()
            finally:
                await response.aclose()
            return response

        asking = asyncio.ensure_future(_answer("leasing tasks", ask()))
        stopped = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({asking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done() and not answered:
                return []
            return (await asking)["tasks"]
        except (KeyError, TypeError) as error:
            raise Trouble("the answer to leasing tasks is none of Sluicegate") from error
        finally:
            asking.cancel()
            stopped.cancel()
            await asyncio.gather(asking, stopped, return_exceptions=True)

    async def finish(self, task_id: str, door: str, body: str) -> None:
        """One attempt to tell the result of a task, by itself or with those of others."""
        await self._results.send(body, lambda: self.post(task_id, door, body))

    async def _send_results(self, body: str, count: int) -> list[BaseException | None]:
        what = f"results of {count} tasks"
        headers = {**self._credentials, "content-type": "application/json"}
        reply = await _answer(what, self._http.post(f"{self._url}/results", content=body, headers=headers))
        problems = refusals(reply, count)
        if problems is None:
            raise Trouble(f"the answer to {what} is none of Sluicegate")
        return [None if problem is None else _refusal(what, _told(problem)) for problem in problems]

    async def post(self, task_id: str, door: str, body: str) -> Any:
        """One attempt of a heartbeat, or of an end of the lease."""
        url = f"{self._url}/{quote(task_id, safe='')}/{door}"
        headers = {"content-type": "application/json"}
        return await _answer(f"{door} of task {task_id}", self._http.post(url, content=body, headers=headers))

    async def put(
        self, task_id: str, token: str, name: str, body: Content, *, kind: str | None, content_type: str | None
    ) -> Any:
        """One attempt to store an artifact."""
        url = f"{self._url}/{quote(task_id, safe='')}/artifacts/{quote(name, safe='')}"
        headers = {"x-lease-token": token, "content-type": content_type or _type_of(name, body)}
        params = {"kind": kind} if kind else {}
        if isinstance(body, os.PathLike):
            # Opened anew for each attempt. A file that is missing is an error of its own.
            with await asyncio.to_thread(Path(body).open, "rb") as file:
                return await self._put(name, url, headers, params, _chunks(file))
        if isinstance(body, (str, bytes, AsyncIterable)):
            return await self._put(name, url, headers, params, cast("Any", body))
        return await self._put(name, url, headers, params, _chunks(body))

    async def _put(
        self,
        name: str,
        url: str,
        headers: Mapping[str, str],
        params: Mapping[str, str],
        body: str | bytes | AsyncIterable[bytes],
    ) -> Any:
        return await _answer(
            f"storing artifact {name}", self._http.put(url, content=body, headers=headers, params=params)
        )


def repeatable(body: Content) -> bool:
    """Whether it can be read a second time."""
    return isinstance(body, (str, bytes, os.PathLike))


async def _answer(what: str, asked: Any) -> Any:
    """The JSON of a reply."""
    try:
        response: httpx.Response = await asked
    except httpx.RequestError as error:
        refuse_hopeless(error)
        raise Trouble(f"{what} had no reply: {error or type(error).__name__}") from error
    if not response.is_success:
        raise _refusal(what, SluicegateApiError(response.status_code, response.headers, response.content))
    try:
        return content(response)
    except SluicegateConnectionError as error:
        raise Trouble(f"{what}: {error}") from error


def _refusal(what: str, error: SluicegateApiError) -> Exception:
    """The error, or the trouble that it is if it may pass."""
    if error.status_code >= 500 or error.status_code in (408, 425, 429):
        return Trouble(f"{what}: {error}", error.retry_after)
    return error


def _told(problem: Mapping[str, Any]) -> SluicegateApiError:
    """What one result among others is refused by."""
    return SluicegateApiError(int(problem["status"]), {}, json.dumps(problem).encode())


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        if isinstance(chunk, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SluicegateError("the file of an artifact must be opened in binary mode")
        yield chunk


def _type_of(name: str, body: Content) -> str:
    # Not every system knows what a log is.
    known = "text/plain" if name.endswith(".log") else mimetypes.guess_type(name)[0]
    if isinstance(body, str):
        known = known or "text/plain"
        return f"{known}; charset=utf-8" if known.startswith("text/") else known
    return known or "application/octet-stream"
