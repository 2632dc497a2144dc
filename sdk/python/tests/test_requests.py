"""Requests: what is repeated and what is not, errors, pages, and the end of executions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from sluicegate import (
    AsyncClient,
    Client,
    SluicegateApiError,
    SluicegateConnectionError,
    SluicegateError,
    SluicegateExecutionError,
    SluicegateTimeoutError,
)
from sluicegate.request import camel

from .support import FAILING, GATE, LINEAR, Kind, Server

Handler = Callable[[httpx.Request], httpx.Response]


def scripted(kind: Kind, handler: Handler, call: Callable[[Any], Any], **options: Any) -> Any:
    """Calls a client whose network is a function."""
    transport = httpx.MockTransport(handler)
    made: dict[str, Any] = {"api_key": "k", "base_url": "http://x", "workspace_id": "w", "pod_id": "p", **options}
    made["http_options"] = {"transport": transport}
    if kind == "blocking":
        with Client(**made) as client:
            return call(client)

    async def run() -> Any:
        async with AsyncClient(**made) as client:
            return await call(client)

    return asyncio.run(run())


class Script:
    """Answers that come one after the other, and the requests they were given for."""

    def __init__(self, *answers: httpx.Response | int | type[httpx.RequestError]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            return httpx.Response(answer, headers={"retry-after": "0"})
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("broken", request=request)


def ok(body: Any = None) -> httpx.Response:
    return httpx.Response(200, json={} if body is None else body)


@pytest.mark.parametrize(
    "trouble",
    [httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ConnectError, 429, 502, 503, 504],
)
def test_a_write_is_repeated_with_the_same_key(kind: Kind, trouble: Any) -> None:
    script = Script(trouble, trouble, ok({"id": "e"}))
    assert scripted(kind, script, lambda client: client.trigger(workflow_id="f")) == {"id": "e"}
    keys = {request.headers["idempotency-key"] for request in script.requests}
    assert len(script.requests) == 3
    assert len(keys) == 1


def test_each_write_has_a_key_of_its_own_unless_told(kind: Kind) -> None:
    script = Script(ok(), ok(), ok())
    scripted(kind, script, lambda client: client.trigger(workflow_id="f"))
    scripted(kind, script, lambda client: client.trigger(workflow_id="f"))
    scripted(kind, script, lambda client: client.trigger(workflow_id="f", idempotency_key="mine"))
    keys = [request.headers["idempotency-key"] for request in script.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"
    assert json.loads(script.requests[2].content) == {"workflowId": "f"}


def test_what_cannot_be_repeated_is_not(kind: Kind) -> None:
    script = Script(httpx.ReadError)
    with pytest.raises(SluicegateConnectionError, match="DELETE /v1/workspaces/w/pods/p/executions/e had no reply"):
        scripted(kind, script, lambda client: client.cancel(None, None, "e"))
    # Nothing was sent: no harm in doing so.
    script = Script(httpx.ConnectError, 429, ok({"nodes": []}))
    assert scripted(kind, script, lambda client: client.cancel(None, None, "e")) == {"nodes": []}


def test_repetitions_end(kind: Kind) -> None:
    script = Script(503, 503, 503)
    with pytest.raises(SluicegateApiError) as raised:
        scripted(kind, script, lambda client: client.get_execution(None, None, "e"), retries=2)
    assert raised.value.status_code == 503
    assert raised.value.code == "http_503"
    script = Script(*[httpx.ReadError] * 3)
    with pytest.raises(SluicegateConnectionError) as lost:
        scripted(kind, script, lambda client: client.get_execution(None, None, "e"), retries=2)
    assert isinstance(lost.value.__cause__, httpx.ReadError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422, 500])
def test_refusals_are_final(kind: Kind, status: int) -> None:
    problem = {"code": "nope", "detail": "No.", "requestId": "r", "errors": [{"path": "/a", "message": "b"}]}
    script = Script(httpx.Response(status, json=problem))
    with pytest.raises(SluicegateApiError, match=rf"nope \({status}\): No\.") as raised:
        scripted(kind, script, lambda client: client.trigger(workflow_id="f"))
    assert (raised.value.status_code, raised.value.code, raised.value.request_id) == (status, "nope", "r")
    assert raised.value.details == [{"path": "/a", "message": "b"}]


def test_errors_of_something_else_than_sluicegate(kind: Kind) -> None:
    answer = httpx.Response(404, text="<h1>Not here</h1>", headers={"x-request-id": "q"})
    with pytest.raises(SluicegateApiError) as raised:
        scripted(kind, Script(answer), lambda client: client.get_execution(None, None, "e"))
    assert (raised.value.code, raised.value.request_id, raised.value.details) == ("http_404", "q", [])


def test_an_answer_that_is_no_json(kind: Kind) -> None:
    answer = httpx.Response(200, text="<h1>Log in</h1>", headers={"content-type": "text/html"})
    with pytest.raises(SluicegateConnectionError, match=r"text/html instead of JSON"):
        scripted(kind, Script(answer), lambda client: client.get_execution(None, None, "e"))
    with pytest.raises(SluicegateConnectionError, match="had no reply"):
        scripted(kind, Script(httpx.DecodingError), lambda client: client.get_execution(None, None, "e"), retries=0)


def test_paths_and_names(kind: Kind) -> None:
    script = Script(ok([]), ok(), ok())
    after = datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=1)))
    query: dict[str, Any] = {"status": ["failed", "cancelled"], "created_after": after, "limit": 3}
    scripted(kind, script, lambda client: client.list_executions("a/b", "c", **query))
    url = script.requests[0].url
    assert url.raw_path.startswith(b"/v1/workspaces/a%2Fb/pods/c/executions?")
    assert url.params.get_list("status") == ["failed", "cancelled"]
    assert url.params["createdAfter"] == "2026-01-02T00:00:00+01:00"
    base = "http://x/prefix/v1/"
    scripted(kind, script, lambda client: client.replay(None, None, "e", from_node_id="n", input=None), base_url=base)
    assert script.requests[1].url.path == "/prefix/v1/workspaces/w/pods/p/executions/e/replay"
    assert json.loads(script.requests[1].content) == {"fromNodeId": "n", "input": None, "dryRun": False}
    scripted(kind, script, lambda client: client.cancel(None, None, "e", wait=7))
    assert script.requests[2].url.params["wait"] == "7"
    assert script.requests[2].headers["prefer"] == "return=representation"
    assert script.requests[2].headers["authorization"] == "Bearer k"
    assert camel("from_node_id") == "fromNodeId"


def test_what_is_missing_is_named(kind: Kind) -> None:
    with pytest.raises(SluicegateError, match="workspace_id is missing"):
        scripted(kind, Script(), lambda client: client.trigger(workflow_id="f"), workspace_id=None)
    with pytest.raises(SluicegateError, match="pod_id is missing"):
        scripted(kind, Script(), lambda client: client.trigger(workflow_id="f"), pod_id=None)
    with pytest.raises(SluicegateError, match="base_url must begin with http"):
        scripted(kind, Script(), lambda client: client.trigger(workflow_id="f"), base_url="localhost:8080")
    with pytest.raises(SluicegateError, match="no time zone"):
        scripted(kind, Script(), lambda client: client.trigger(workflow_id="f", run_at=datetime(2026, 1, 1)))


def test_a_lost_reply_triggers_once(kind: Kind, server: Server) -> None:
    lost: list[bool] = []

    def lose_first_reply(response: httpx.Response) -> None:
        if response.request.method == "POST" and not lost:
            lost.append(True)
            raise httpx.ReadError("the reply is lost", request=response.request)

    async def lose_first_reply_async(response: httpx.Response) -> None:
        lose_first_reply(response)

    with server.client() as client:
        workflow = client.workflows.create(None, None, name="Once", definition=LINEAR)  # pyright: ignore
        hook = lose_first_reply if kind == "blocking" else lose_first_reply_async
        options: dict[str, Any] = {"http_options": {"event_hooks": {"response": [hook]}}}
        if kind == "blocking":
            with server.client(**options) as losing:
                id = losing.trigger(workflow_id=workflow["id"])["id"]
        else:

            async def trigger() -> str:
                async with server.async_client(**options) as losing:
                    return (await losing.trigger(workflow_id=workflow["id"]))["id"]

            id = asyncio.run(trigger())
        assert lost
        found = client.list_executions(workflow_id=workflow["id"])
        assert [execution["id"] for execution in found] == [id]


def test_pages(client: Any, server: Server) -> None:
    workflow = client.workflows.create(None, None, name="Pages", definition=LINEAR)["id"]
    ids = [client.trigger(workflow_id=workflow, idempotency_key=f"page-{workflow}-{n}")["id"] for n in range(7)]
    first = client.list_executions(workflow_id=workflow, limit=3)
    assert [execution["id"] for execution in first] == ids[:3:-1]
    assert [execution["id"] for execution in first.all()] == ids[::-1]
    second = client.list_executions(workflow_id=workflow, limit=3, cursor=first.next_cursor)
    assert [execution["id"] for execution in second] == ids[3:0:-1]
    last = second.next_page()
    assert [execution["id"] for execution in last] == ids[:1]
    assert last.next_cursor is None
    assert last.next_page() is None


def test_run_to_completion(client: Any) -> None:
    workflow = client.workflows.create(None, None, name="Run", definition=LINEAR)["id"]
    execution = client.run(workflow_id=workflow, input={"a": 1}, timeout=30)
    assert execution["status"] == "completed"
    assert execution["output"] == {"a": 1}
    # One that has ended is not waited for.
    assert client.wait_for_completion(None, None, execution["id"], timeout=5)["id"] == execution["id"]


def test_run_to_failure(client: Any) -> None:
    workflow = client.workflows.create(None, None, name="Fails", definition=FAILING)["id"]
    with pytest.raises(SluicegateExecutionError, match=r"is failed: ") as raised:
        client.run(workflow_id=workflow, input={"zero": 0})
    assert raised.value.execution["status"] == "failed"
    assert raised.value.execution.get("error")


def test_run_to_cancellation_and_timeout(client: Any, server: Server) -> None:
    id = server.trigger(GATE)
    server.until_suspended(id)
    with pytest.raises(SluicegateTimeoutError) as late:
        client.wait_for_completion(None, None, id, timeout=0.3)
    assert late.value.timeout == 0.3
    assert client.cancel(None, None, id, wait=10)["suspensions"]
    with pytest.raises(SluicegateExecutionError, match="is cancelled"):
        client.wait_for_completion(None, None, id)
    with pytest.raises(SluicegateApiError) as again:
        client.cancel(None, None, id)
    assert again.value.status_code == 409


def test_bad_credentials(client_of: Callable[..., Any]) -> None:
    client = client_of(api_key="slg_nobody")
    with pytest.raises(SluicegateApiError) as raised:
        client.list_executions()
    assert raised.value.status_code == 401
    with pytest.raises(SluicegateApiError) as raised:
        list(client.events(None, None, "01900000-0000-7000-8000-000000000000"))
    assert raised.value.status_code == 401


def test_nobody_listens(client_of: Callable[..., Any]) -> None:
    client = client_of("http://127.0.0.1:9", retries=1)
    with pytest.raises(SluicegateConnectionError, match=r"GET .* had no reply"):
        client.list_executions()
