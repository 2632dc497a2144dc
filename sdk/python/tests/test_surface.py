"""Every method once, against the true server, by both clients."""

from __future__ import annotations

import inspect
from itertools import islice
from typing import Any

import httpx
import pytest

from sluicegate import AsyncClient, Client, SluicegateApiError

from .support import GATE, LINEAR, Server, until

SUBSCRIBING = {**LINEAR, "settings": {"subscriptions": [{"type": "order.created"}]}}


def test_answers(client: Any, server: Server) -> None:
    first, second, third = (server.trigger(GATE) for _ in range(3))
    for id in (first, second, third):
        server.until_suspended(id)
    client.approve(None, None, first, comment="Fine.")
    client.reject(None, None, second, reason="Too dear.")
    answered = client.respond(None, None, third, action="approved", idempotency_key=f"answer-{third}")
    again = client.respond(None, None, third, action="approved", idempotency_key=f"answer-{third}")
    assert answered == again
    for id in (first, second, third):
        client.wait_for_completion(None, None, id)
    decisions = [client.get_execution(None, None, id)["suspensions"][0]["decision"] for id in (first, second, third)]
    assert [decision["action"] for decision in decisions] == ["approved", "rejected", "approved"]
    assert (decisions[0]["comment"], decisions[1]["reason"]) == ("Fine.", "Too dear.")


def test_suspensions(client: Any, server: Server) -> None:
    id = server.trigger(GATE)
    server.until_suspended(id)
    found = client.suspensions.list(execution_id=id, state="open")
    assert len(found) == 1
    suspension = next(iter(found))
    assert client.suspensions.get(None, suspension["id"]) == suspension
    assert client.suspensions.claim(None, suspension["id"])["claim"]
    assert not client.suspensions.release(None, suspension["id"]).get("claim")
    assert client.suspensions.reassign(None, suspension["id"], roles=["owner"])["approvers"]["roles"] == ["owner"]
    client.suspensions.answer(None, suspension["id"], approved=True, comment="Go.")
    client.wait_for_completion(None, None, id)
    assert client.suspensions.receipt(None, suspension["id"])
    with pytest.raises(SluicegateApiError) as late:
        client.suspensions.answer(None, suspension["id"], approved=False)
    assert late.value.status_code == 409


def test_watching_the_inbox(client: Any, server: Server) -> None:
    id = server.trigger(GATE)
    server.until_suspended(id)
    workflow = client.get_execution(None, None, id)["workflowId"]
    watch = client.suspensions.watch(workflow_id=workflow, snapshot=True)
    snapshot = next(watch)
    assert snapshot["type"] == "stream_snapshot"
    assert [one["executionId"] for one in snapshot["suspensions"]] == [id]
    client.approve(None, None, id)
    # What was stored a moment before the beginning may come as well.
    update = next(event for event in watch if event["type"] == "suspension_update")
    assert (update["executionId"], update["state"], update["action"]) == (id, "answered", "approved")
    cursor = watch.cursor
    watch.close()
    second = server.trigger(GATE)
    # Somebody who comes later begins where the first one ended.
    later = client.suspensions.watch(after=cursor, types=["execution_suspended"])
    assert next(event["executionId"] for event in later) == second
    later.close()


def test_watching_a_pod(client: Any, server: Server) -> None:
    workflow = client.workflows.create(None, None, name="Watched", definition=LINEAR)["id"]
    watch = client.pod_events(workflow_id=workflow, snapshot=True, full=True)
    assert next(watch)["executions"] == []
    ids = [client.trigger(workflow_id=workflow, input={"n": n})["id"] for n in range(3)]
    ended = list(islice((event for event in watch if event["type"] == "execution_complete"), 3))
    assert {event["executionId"]: event["output"]["n"] for event in ended} == dict(zip(ids, range(3), strict=True))
    watch.close()


def test_replay_retry_compare_logs(client: Any, server: Server) -> None:
    workflow = client.workflows.create(None, None, name="Again", definition=LINEAR)["id"]
    done = client.run(workflow_id=workflow, input={"n": 1})
    plan = client.plan_replay(None, None, done["id"], from_node_id="z")
    assert {node["nodeId"]: node["action"] for node in plan["nodes"]} == {"a": "reuse", "z": "run"}
    replayed = client.replay(None, None, done["id"], input={"n": 2})
    assert client.wait_for_completion(None, None, replayed["id"])["output"] == {"n": 2}
    assert replayed["replayOf"] == done["id"]
    retried = client.retry(None, None, done["id"])
    assert client.wait_for_completion(None, None, retried["id"])["output"] == {"n": 1}
    assert client.compare(None, None, done["id"], replayed["id"])["sameInput"] is False
    assert len(client.list_logs(None, None, done["id"], level="error")) == 0
    assert "nodes" not in client.get_execution(None, None, done["id"], include=["input"])


def test_workflows(client: Any, server: Server) -> None:
    workflows = client.workflows
    workflow = workflows.create(None, None, name="Mine", definition=LINEAR, description="A test.")
    id = workflow["id"]
    assert workflows.validate(None, None, {"nodes": []})
    assert workflows.validate(None, None, LINEAR) == []
    assert workflows.update(None, None, id, definition=GATE)["version"] == 2
    assert [version["version"] for version in workflows.versions(None, None, id)] == [2, 1]
    assert len(workflows.get_version(None, None, id, 1)["definition"]["nodes"]) == 2
    assert workflows.restore_version(None, None, id, 1)["version"] == 3
    assert workflows.deploy(None, None, id, version=2)["deployedVersion"] == 2
    assert workflows.deploy(None, None, id)["deployedVersion"] == 3
    assert workflows.undeploy(None, None, id)["state"] == "draft"
    assert workflows.star(None, None, id)["starred"]
    assert id in [one["id"] for one in workflows.list(starred=True).all()]
    assert not workflows.star(None, None, id, starred=False)["starred"]
    copy = workflows.duplicate(None, None, id, name="Copy")
    assert workflows.get(None, None, copy["id"])["name"] == "Copy"
    assert workflows.trash(None, None, copy["id"])["state"] == "trashed"
    assert workflows.restore(None, None, copy["id"])["state"] == "draft"
    workflows.trash(None, None, copy["id"])
    workflows.delete(None, None, copy["id"])
    with pytest.raises(SluicegateApiError) as gone:
        workflows.get(None, None, copy["id"])
    assert gone.value.status_code == 404


def test_schedules(client: Any, server: Server) -> None:
    workflow = client.workflows.create(None, None, name="Timed", definition=LINEAR)["id"]
    client.workflows.deploy(None, None, workflow)
    schedules = client.schedules
    id = schedules.create(None, None, name="Daily", workflow_id=workflow, cron_expression="0 9 * * *")["id"]
    assert schedules.get(None, None, id)["name"] == "Daily"
    assert schedules.update(None, None, id, timezone="Europe/Berlin")["timezone"] == "Europe/Berlin"
    assert len(schedules.preview(None, None, id, n=3)) == 3
    started = schedules.run(None, None, id)
    assert client.wait_for_completion(None, None, started["id"])["triggeredBy"] == "schedule"
    assert schedules.toggle(None, None, id, enabled=False)["enabled"] is False
    assert id in [one["id"] for one in schedules.list().all()]
    schedules.slots(None, None, id)
    schedules.delete(None, None, id)
    with pytest.raises(SluicegateApiError):
        schedules.get(None, None, id)


def test_webhooks(client: Any, server: Server) -> None:
    workflow = client.workflows.create(None, None, name="Called", definition=LINEAR)["id"]
    client.workflows.deploy(None, None, workflow)
    webhooks = client.webhooks
    made = webhooks.create(None, None, workflow_id=workflow, name="Hook", verification="none")
    id = made["id"]
    assert webhooks.update(None, None, id, name="Hooked")["name"] == "Hooked"
    httpx.post(made["url"], json={"n": 1}).raise_for_status()
    delivery = next(iter(webhooks.deliveries(None, None, id)))
    assert webhooks.get_delivery(None, None, id, delivery["id"])["id"] == delivery["id"]
    again = webhooks.redeliver(None, None, id, delivery["id"])
    client.wait_for_completion(None, None, again["id"])
    webhooks.update(None, None, id, verification="github", secret="s" * 32)
    assert webhooks.rotate(None, None, id)["secret"]
    assert webhooks.get(None, None, id)["name"] == "Hooked"
    assert id in [one["id"] for one in webhooks.list().all()]
    webhooks.delete(None, None, id)
    with pytest.raises(SluicegateApiError):
        webhooks.get(None, None, id)


def test_events_that_start_workflows(client: Any, server: Server) -> None:
    workflow = client.workflows.create(None, None, name="Subscribes", definition=SUBSCRIBING)["id"]
    client.workflows.deploy(None, None, workflow)
    published = client.publish_event(None, None, type="order.created", subject="o-1", data={"total": 5})
    started = [one["executionId"] for one in published["executions"] if one["workflowId"] == workflow]
    assert client.wait_for_completion(None, None, started[0])["output"] == {"total": 5}


def test_bulk_jobs(client: Any, server: Server) -> None:
    workflow = client.workflows.create(None, None, name="Bulk", definition=GATE)["id"]
    ids = [client.trigger(workflow_id=workflow)["id"] for _ in range(3)]
    job = client.bulk_jobs.cancel_executions(None, None, filter={"workflowId": workflow})

    def finished(id: str) -> Any:
        until(lambda: client.bulk_jobs.get(None, None, id)["state"] == "finished", "the job")
        return client.bulk_jobs.get(None, None, id)

    finished(job["id"])
    assert sorted(item["executionId"] for item in client.bulk_jobs.items(None, None, job["id"])) == sorted(ids)
    assert job["id"] in [one["id"] for one in client.bulk_jobs.list().all()]
    for start in (client.bulk_jobs.retry_executions, client.bulk_jobs.replay_executions):
        finished(start(None, None, ids=ids)["id"])
    job = client.bulk_jobs.cancel_executions(None, None, filter={"workflowId": workflow})
    with pytest.raises(SluicegateApiError) as over:
        client.bulk_jobs.cancel(None, None, finished(job["id"])["id"])
    assert over.value.status_code == 409


def test_the_snapshot_of_an_execution(client: Any, server: Server) -> None:
    id = server.trigger(GATE)
    server.until_suspended(id)
    events = client.events(None, None, id, after=2, snapshot=True)
    first, second = next(events), next(events)
    assert (first["type"], first["execution"]["id"]) == ("stream_snapshot", id)
    assert second["seq"] == 3
    assert events.cursor == "3"
    events.close()


def test_any_other_call(client: Any, server: Server) -> None:
    assert "start" in str(client.request("GET", "/v1/node-types"))
    made = client.request("POST", f"/v1/workspaces/{server.workspace_id}/pods", body={"name": "Other"})
    path = f"/v1/workspaces/{server.workspace_id}/pods/{made['id']}"
    assert client.request("PATCH", path, body={"name": "Renamed"}, idempotency_key=made["id"])["name"] == "Renamed"
    assert client.request("DELETE", path) is None
    path = f"/v1/workspaces/{server.workspace_id}/suspensions/events"
    assert client.create_stream_token(None, path)["token"]


def test_both_clients_have_the_same_methods() -> None:
    def surface(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")} - {"close", "aclose"}

    assert surface(Client) == surface(AsyncClient)
