"""What can go wrong. Every error that this library raises by itself is a `SluicegateError`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

from .types import Execution, FieldError


class SluicegateError(Exception):
    """The common class of all errors below."""


class SluicegateApiError(SluicegateError):
    """The server refused a request, or could not answer it."""

    status_code: int
    """The status of the response."""
    code: str
    """The kind of problem for programs, in snake_case; `http_<status>` where it is no Sluicegate that answered."""
    request_id: str | None
    """The request's id in the server's log."""
    details: list[FieldError]
    """The single things that are wrong, where they can be named."""
    retry_after: float | None
    """How many seconds the server asks to wait."""

    def __init__(self, status_code: int, headers: Mapping[str, str], body: bytes) -> None:
        problem = _read_problem(body)
        self.status_code = status_code
        self.code = str(problem.get("code") or f"http_{status_code}")
        self.request_id = problem.get("requestId") or headers.get("x-request-id")
        details: Any = problem.get("errors")
        self.details = cast("list[FieldError]", details) if isinstance(details, list) else []
        self.retry_after = _seconds(headers.get("retry-after"))
        super().__init__(
            f"{self.code} ({status_code}): {problem.get('detail') or problem.get('title') or 'no details'}"
        )


class SluicegateConnectionError(SluicegateError):
    """The server could not be reached, or what answered is no Sluicegate. `__cause__` says more."""


class SluicegateExecutionError(SluicegateError):
    """An execution that was waited for ended, but did not complete: its `status` and `error` say why."""

    execution: Execution
    """The execution as it ended."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        failure = execution.get("error")
        why = f": {failure['message']}" if failure else ""
        super().__init__(f"execution {execution['id']} is {execution['status']}{why}")


class SluicegateTimeoutError(SluicegateError):
    """An execution has not ended in time. It goes on."""

    timeout: float
    """How many seconds were waited."""

    def __init__(self, what: str, timeout: float) -> None:
        self.timeout = timeout
        super().__init__(f"{what} has not ended within {timeout:g} seconds")


class TaskError(SluicegateError):
    """How a handler fails its task on purpose: with a code, and a word on whether another try could help."""

    code: str | None
    """The kind of failure, for programs: `details.code` of the node's error."""
    retryable: bool
    """Whether the node's `retry` may try again."""
    details: Any
    """More about it, as JSON."""

    def __init__(self, message: str, *, code: str | None = None, retryable: bool = True, details: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.details = details


TaskEnd: TypeAlias = Literal["cancelled", "lease_lost", "released"]
"""Why a task is no longer this worker's: it was withdrawn, its lease is over, or the worker stops and gave it back."""


class TaskOverError(SluicegateError):
    """The task is no longer this worker's. Whatever the handler still gives or raises is dropped."""

    reason: TaskEnd

    def __init__(self, reason: TaskEnd, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _read_problem(body: bytes) -> dict[str, Any]:
    """A problem document; a proxy between may have answered with anything."""
    try:
        problem: Any = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", problem) if isinstance(problem, dict) else {}


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None
