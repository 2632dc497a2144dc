"""A client of server-sent events that knows nothing of Sluicegate gets every event, too."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
from httpx_sse import aconnect_sse, connect_sse

from .support import GATE, MANY, Server, beside


def path(server: Server, id: str) -> str:
    return f"{server.url}/v1/workspaces/{server.workspace_id}/pods/{server.pod_id}/executions/{id}/events"


def read(server: Server, id: str, headers: dict[str, str] | None = None) -> list[Any]:
    sent = {"x-api-key": server.api_key, **(headers or {})}
    with httpx.Client(timeout=30) as client, connect_sse(client, "GET", path(server, id), headers=sent) as source:
        return [json.loads(event.data) for event in source.iter_sse() if event.data]


def test_a_log(server: Server) -> None:
    id = server.trigger(MANY, input={"items": list(range(300))})
    log = server.finished_log(id)
    assert read(server, id) == log
    assert read(server, id, {"last-event-id": "100"}) == log[100:]


def test_a_live_stream(server: Server) -> None:
    id = server.trigger(GATE)
    events = beside(lambda: read(server, id))
    server.until_suspended(id)
    with server.client() as client:
        client.approve(None, None, id)
    assert events() == server.finished_log(id)


def test_asynchronous(server: Server) -> None:
    id = server.trigger(MANY, input={"items": list(range(300))})

    async def follow() -> list[Any]:
        headers = {"x-api-key": server.api_key}
        async with (
            httpx.AsyncClient(timeout=30) as client,
            aconnect_sse(client, "GET", path(server, id), headers=headers) as source,
        ):
            return [json.loads(event.data) async for event in source.aiter_sse() if event.data]

    assert asyncio.run(follow()) == server.finished_log(id)
