"""Requests: how they are written, when they are repeated, how replies are read. No input or output here."""

from __future__ import annotations

import random
import ssl
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx

from .errors import SluicegateApiError, SluicegateConnectionError, SluicegateError
from .stream import Connect, Poll, StreamTiming

VERSION = "0.1.0"
AnyClient: TypeAlias = httpx.Client | httpx.AsyncClient
_REPEATABLE = frozenset({"GET", "PUT"})
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Request:
    """A request, and whether it may be sent a second time when nobody knows what became of the first."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    timeout: float | None = None
    """How many seconds the reply may take beyond the usual time."""

    @property
    def repeatable(self) -> bool:
        return self.method in _REPEATABLE or "idempotency-key" in self.headers

    def after(self, cursor: str) -> Request:
        """The same request for the next page."""
        return Request(self.method, self.path, {**self.params, "cursor": cursor}, self.headers, self.body, self.timeout)


class Repetition:
    """When a request is sent again, and when its outcome is final."""

    def __init__(self, request: Request, retries: int, fraction: Callable[[], float] = random.random) -> None:
        self._request = request
        self._left = retries
        self._failures = 0
        self._fraction = fraction

    def after_error(self, error: httpx.RequestError) -> float:
        """How many seconds to wait before the next attempt; raises if there is none."""
        refuse_hopeless(error)
        if self._left > 0 and (self._request.repeatable or isinstance(error, _NOTHING_SENT)):
            return self._pause(None)
        what = f"{self._request.method} {self._request.path}"
        raise SluicegateConnectionError(f"{what} had no reply: {error or type(error).__name__}") from error

    def after_reply(self, response: httpx.Response) -> float | None:
        """How many seconds to wait before the next attempt, or None: the reply is good. Raises an error for good."""
        if response.is_success:
            return None
        error = SluicegateApiError(response.status_code, response.headers, response.content)
        busy = response.status_code == 429 or (self._request.repeatable and response.status_code in (502, 503, 504))
        if busy and self._left > 0:
            return self._pause(error.retry_after)
        raise error

    def _pause(self, asked: float | None) -> float:
        self._left -= 1
        self._failures += 1
        return max(asked or 0.0, StreamTiming().wait(self._failures, self._fraction()))


@dataclass(frozen=True)
class Scope:
    """Where a client looks when a method is called with None for the workspace or the pod."""

    workspace_id: str | None
    pod_id: str | None

    def workspace(self, workspace_id: str | None, *parts: str | int) -> str:
        """A path in a workspace."""
        workspace = workspace_id or self.workspace_id
        if not workspace:
            raise SluicegateError("workspace_id is missing: pass it, or give the client one")
        return path("workspaces", workspace, *parts)

    def pod(self, workspace_id: str | None, pod_id: str | None, *parts: str | int) -> str:
        """A path in a pod."""
        pod = pod_id or self.pod_id
        if not pod:
            raise SluicegateError("pod_id is missing: pass it, or give the client one")
        return self.workspace(workspace_id, "pods", pod, *parts)


@dataclass(frozen=True)
class Configuration:
    """What a client was made with."""

    api_key: str
    base_url: str
    scope: Scope
    timeout: float
    retries: int
    timing: StreamTiming
    http_options: Mapping[str, Any]

    def http(self) -> dict[str, Any]:
        """Arguments for an HTTP client."""
        options = dict(self.http_options)
        if not options.keys() & {"verify", "cert", "transport"}:
            # Made once for both clients: it takes a while.
            options["verify"] = httpx.create_ssl_context()
        own = {"authorization": f"Bearer {self.api_key}", "user-agent": f"sluicegate-python/{VERSION}"}
        if not self.base_url.startswith(("http://", "https://")):
            raise SluicegateError(f"base_url must begin with http:// or https://, unlike {self.base_url}")
        return {**options, "headers": {**options.get("headers", {}), **own}, "timeout": self.timeout}

    def arguments(self, request: Request) -> dict[str, Any]:
        """Arguments for a request."""
        return {
            "method": request.method,
            "url": self.url(request.path),
            "params": request.params,
            "headers": request.headers,
            "json": request.body,
            "timeout": self.timeout + (request.timeout or 0.0),
        }

    def connect(self, client: AnyClient, path: str, action: Connect, trace: Any) -> httpx.Request:
        """The request that opens a stream."""
        timeout = httpx.Timeout(self.timeout, connect=min(10.0, self.timeout), read=action.silence)
        # A stream that is compressed on the way may come in lumps.
        headers = {**action.headers, "accept-encoding": "identity"}
        return self._get(client, path, headers, action.params, timeout, trace)

    def poll(self, client: AnyClient, path: str, action: Poll, trace: Any = None) -> httpx.Request:
        """The request that reads a page of the log."""
        return self._get(client, path, action.headers, action.params, httpx.Timeout(self.timeout), trace)

    def _get(
        self,
        client: AnyClient,
        path: str,
        headers: Mapping[str, str],
        params: Mapping[str, str],
        timeout: httpx.Timeout,
        trace: Any,
    ) -> httpx.Request:
        extensions = {"trace": trace} if trace else {}
        url = self.url(path)
        return client.build_request(
            "GET", url, headers=dict(headers), params=dict(params), timeout=timeout, extensions=extensions
        )

    def url(self, path: str) -> str:
        """The address of a path."""
        # A base URL may end in the API's own prefix.
        return self.base_url.rstrip("/").removesuffix("/v1") + path


def refuse_hopeless(error: httpx.RequestError) -> None:
    """Raises what another attempt can't mend: a certificate that does not hold."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise SluicegateConnectionError(f"the server is not the one it should be: {cause}") from error
        cause = cause.__cause__ or cause.__context__


def content(response: httpx.Response) -> Any:
    """The JSON of a reply."""
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError as error:
        kind = response.headers.get("content-type", "no content type")
        raise SluicegateConnectionError(f"the answer is {kind} instead of JSON: is the base URL right?") from error


def path(*parts: str | int) -> str:
    """A path of the API."""
    return "/v1/" + "/".join(quote(str(part), safe="") for part in parts)


def read(path: str, params: Mapping[str, Any] | None = None) -> Request:
    """A request that changes nothing."""
    return Request("GET", path, query(params or {}))


def write(method: str, path: str, options: Mapping[str, Any], *, timeout: float | None = None) -> Request:
    """A request that changes something. It has an idempotency key, so a repetition does nothing twice."""
    body = dict(options)
    key = body.pop("idempotency_key", None) or str(uuid.uuid4())
    body = {camel(name): _plain(value) for name, value in body.items()}
    return Request(method, path, headers={"idempotency-key": key}, body=body, timeout=timeout)


def raw(method: str, path: str, params: Mapping[str, Any] | None, body: Any, key: str | None) -> Request:
    """A request as it is given."""
    headers = {"idempotency-key": key or str(uuid.uuid4())} if method in ("POST", "PATCH") else {}
    return Request(method, path, params or {}, headers, body)


def delete(path: str) -> Request:
    """A request that deletes something."""
    return Request("DELETE", path)


def query(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a query: what is None is left out, lists are repeated."""
    return {camel(name): _text(value) for name, value in params.items() if value is not None}


def camel(name: str) -> str:
    """`from_node_id` is `fromNodeId` in the API; a trailing underscore only keeps a name from being a keyword."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def next_cursor(response: httpx.Response) -> str | None:
    """Where the next page of a list begins."""
    url = response.links.get("next", {}).get("url")
    return httpx.URL(url).params.get("cursor") if url else None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise SluicegateError(
                f"{value} has no time zone: use an aware datetime, such as datetime.now(timezone.utc)"
            )
        return value.isoformat()
    return value


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return [_text(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return _plain(value)
