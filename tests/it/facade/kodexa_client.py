"""Drives the Kodexa face with the official client for Python, unmodified. The only argument is JSON: where the server is. The work of
the steps is done by the server's own doors for workers, as a worker would. The last line names the checks that have passed."""

import json
import sys

import requests
from kodexa.model.objects import Assistant, AssistantSchedule, DocumentStatus
from kodexa.platform.client import DocumentFamilyEndpoint, KodexaClient

SETTING = json.loads(sys.argv[1])
CLIENT = KodexaClient(url=SETTING["url"], access_token=SETTING["key"])
PASSED = []


def check(function):
    function()
    PASSED.append(function.__name__)


def worker(method, path, body):
    reply = requests.request(method, SETTING["native"] + path, json=body, headers={"x-api-key": SETTING["key"]}, timeout=60)
    reply.raise_for_status()
    return reply.json()


def lease(reference):
    wish = {"queues": [reference], "workerId": "python", "waitSeconds": 20}
    return worker("POST", "/tasks/lease", wish)["tasks"][0]


def say(task, word, **body):
    worker("POST", f"/tasks/{task['taskId']}/{word}", {"leaseToken": task["leaseToken"], **body})


def ended(execution):
    """Follows the event stream to its end, so that nothing has to be waited for by time."""
    url = f"{SETTING['native']}/executions/{execution.id}/events"
    headers = {"x-api-key": SETTING["key"], "accept": "text/event-stream"}
    with requests.get(url, headers=headers, stream=True, timeout=60) as stream:
        for line in stream.iter_lines():
            kind = json.loads(line[5:])["type"] if line.startswith(b"data:") else ""
            if kind in ("execution_complete", "execution_failed", "execution_cancelled", "execution_skipped"):
                return


def refused(function, *parts):
    try:
        function()
    except Exception as error:  # The client knows no other.
        text = str(error)
        assert all(part in text for part in parts), text
        return
    raise AssertionError("it was not refused")


def options(name):
    return {"pipeline": {"steps": [{"ref": f"module://acme/{name}", "name": name, "stepType": "MODEL"}]}}


PROJECT = CLIENT.get_project(SETTING["project"])
ASSISTANT = PROJECT.assistants.create(Assistant(name="Extract", description="Reads", options=options("extract"), priority_hint=1))
FAMILIES = [
    CLIENT.document_families.create(DocumentFamilyEndpoint(path=f"in/{number}.pdf", store_ref="acme/inbox:1.0.0", metadata={"n": number}))
    for number in range(3)
]


def overview():
    assert CLIENT.platform.name == "Sluicegate" and CLIENT.platform.version


def me():
    assert CLIENT.me.activated is True and CLIENT.me.id


def organizations():
    page = CLIENT.organizations.list()
    assert page.total_elements == 1 and page.content[0].id == SETTING["organization"]
    one = CLIENT.organizations.get(SETTING["organization"])
    assert CLIENT.organizations.find_by_slug(one.slug).id == one.id and one.reload().name == one.name
    assert CLIENT.organizations.find_by_slug("nobody") is None
    assert [project.id for project in one.projects.list().content] == [SETTING["project"]]


def projects():
    assert PROJECT.id == SETTING["project"] and PROJECT.organization.id == SETTING["organization"]
    assert CLIENT.projects.find_by_name(PROJECT.name).id == PROJECT.id
    assert CLIENT.projects.find_by_name("nobody") is None
    assert [project.id for project in CLIENT.projects.stream()] == [PROJECT.id]
    assert [project.id for project in CLIENT.projects.stream_query()] == [PROJECT.id]


def project_assistants_create_and_find():
    assert ASSISTANT.id and ASSISTANT.active is False and ASSISTANT.options == options("extract")
    assert ASSISTANT.id in [assistant.id for assistant in PROJECT.assistants.list()]
    assert PROJECT.assistants.find_by_id(ASSISTANT.id).name == "Extract"
    assert PROJECT.assistants.find_by_name("Extract").description == "Reads" and "Extract" in PROJECT.assistants.get_names()


def project_assistants_update_and_delete():
    made = PROJECT.assistants.create(Assistant(name="Spare"))
    made.description = "Changed"
    made.schedules = [AssistantSchedule(type="CRON", cron_expression="0 3 * * *")]
    after = made.update()
    assert after.description == "Changed" and after.change_sequence > made.change_sequence
    assert [schedule.cron_expression for schedule in after.schedules] == ["0 3 * * *"]
    after.schedule()
    after.delete()
    assert PROJECT.assistants.find_by_id(made.id) is None


def conflict_is_an_exception():
    stale = PROJECT.assistants.find_by_id(ASSISTANT.id)
    fresh = PROJECT.assistants.find_by_id(ASSISTANT.id)
    fresh.color = "#123456"
    fresh.update()
    stale.color = "#654321"
    refused(stale.update, "Conflict")


def activate_and_deactivate():
    one = PROJECT.assistants.find_by_id(ASSISTANT.id)
    before = one.change_sequence
    one.activate()
    assert one.change_sequence > before and PROJECT.assistants.find_by_id(one.id).active is True
    one.deactivate()
    assert PROJECT.assistants.find_by_id(one.id).active is False
    one.activate()


def assistants_list_and_get():
    # The client reads the assistants of a page as definitions of assistants, which they are not: only an empty one is read.
    assert CLIENT.assistants.list(filters=["name: 'Nobody'"]).total_elements == 0
    page = CLIENT.get("/api/assistants", params={"filter": ["name: 'Extract'"], "sort": "createdOn:desc"}).json()
    assert ASSISTANT.id in [assistant["id"] for assistant in page["content"]]
    one = CLIENT.assistants.get(ASSISTANT.id)
    assert one.priority_hint == 1 and one.project.id == PROJECT.id


def event(family, kind="CONTENT_CREATED"):
    return ASSISTANT.send_event(kind, {"documentFamilyId": family.id, "deep": {"n": 1}})


def send_event():
    execution = event(FAMILIES[0])
    assert execution.status in ("PENDING", "RUNNING") and execution.context["options"]["deep"] == {"n": 1}
    task = lease("module://acme/extract")
    assert task["executionId"] == execution.id and task["input"]["documentFamilyId"] == FAMILIES[0].id
    say(task, "heartbeat", logs=[{"level": "info", "message": "from Python"}])
    assert execution.reload().pipeline.steps[0].status == "RUNNING"
    say(task, "complete", output={"ok": True})
    ended(execution)


def newest():
    return CLIENT.executions.list(sort="createdOn,desc", filters=[f"assistantId eq '{ASSISTANT.id}'"]).content[0]


def wait_for():
    done = newest().wait_for()
    assert [execution.status for execution in done] == ["SUCCEEDED"] and done[0].child_executions == []


def executions_get_and_reload():
    execution = CLIENT.executions.get(newest().id)
    assert execution.status == "SUCCEEDED" and execution.reload().change_sequence == execution.change_sequence
    assert execution.pipeline.steps[0].ref == "module://acme/extract" and execution.processing_time >= 0
    assert execution.start_date <= execution.end_date and execution.targets.instances[0].document_family_id == FAMILIES[0].id


def logs():
    lines = newest().logs().json()
    assert any(line["entry"].endswith("from Python") for line in lines)


def executions_filter_and_sort():
    for family in FAMILIES[1:]:
        execution = event(family)
        task = lease("module://acme/extract")
        say(task, "fail", error={"message": "no PDF", "retryable": False, "details": {"advice": "Send one."}})
        ended(execution)
    failed = CLIENT.executions.list(filters=["status eq 'FAILED'", f"assistantId: '{ASSISTANT.id}'"], sort="createdOn:desc")
    assert failed.total_elements == 2 and failed.content[0].created_on >= failed.content[1].created_on
    assert failed.content[0].exception_details.error_message == "no PDF" and failed.content[0].exception_details.advice == "Send one."
    of_family = CLIENT.executions.list(filters=[f"documentFamilyId=='{FAMILIES[1].id}'"])
    assert [execution.status for execution in of_family.content] == ["FAILED"]


def executions_stream_over_pages():
    for number in range(5):
        ASSISTANT.send_event(f"own{number}", {})
    streamed = [execution.id for execution in CLIENT.executions.stream(filters=[f"assistantId: '{ASSISTANT.id}'"])]
    assert len(streamed) == len(set(streamed)) == 8 and streamed == sorted(streamed)


def executions_of_an_assistant():
    assert len(ASSISTANT.executions()) == 8


def cancel():
    execution = CLIENT.executions.list(filters=["status: 'RUNNING'", f"assistantId: '{ASSISTANT.id}'"]).content[0]
    execution.cancel()
    ended(execution)
    assert execution.reload().status == "CANCELLED"
    execution.cancel()


def document_families_list_get_create():
    page = CLIENT.document_families.list(filters=["path=='in/*'"], sort="path")
    assert [family.path for family in page.content] == ["in/0.pdf", "in/1.pdf", "in/2.pdf"]
    one = CLIENT.document_families.get(FAMILIES[0].id)
    assert one.metadata == {"n": 0} and one.store_ref == "acme/inbox:1.0.0" and one.content_objects == []
    assert [family.id for family in CLIENT.document_families.stream(filters=["path=='in/*'"])] == [family.id for family in FAMILIES]


def document_family_changes():
    one = CLIENT.document_families.get(FAMILIES[0].id)
    one.metadata = {"n": 7}
    one.update()
    one.lock()
    one.unlock()
    one.set_external_data({"id": 7}, key="erp")
    assert one.get_external_data("erp") == {"id": 7} and one.get_external_data_keys() == ["erp"]
    one.set_document_status(DocumentStatus(status="DONE"))
    one = CLIENT.document_families.get(one.id)
    assert one.metadata == {"n": 7} and one.locked is False and one.document_status.status == "DONE"
    spare = CLIENT.document_families.create(DocumentFamilyEndpoint(path="spare"))
    spare.delete()
    refused(lambda: CLIENT.document_families.get(spare.id), "Not found")


def labels_and_waiting_for_one():
    one = CLIENT.document_families.get(FAMILIES[0].id)
    one.add_label("checked")
    assert [label.name for label in one.wait_for(label="checked").labels] == ["checked"]
    one.remove_label("checked")
    assert CLIENT.document_families.get(one.id).labels == []


def reprocess():
    one = CLIENT.document_families.get(FAMILIES[1].id)
    one.reprocess(ASSISTANT)
    found = CLIENT.executions.list(filters=[f"documentFamilyId: '{one.id}'"], sort="createdOn:desc").content
    assert len(found) == 2 and found[1].status == "PENDING_REPROCESSING"
    # Others of the stream above are in the same queue.
    while True:
        task = lease("module://acme/extract")
        say(task, "complete", output={})
        if task["executionId"] == found[0].id:
            break
    ended(found[0])
    raw = CLIENT.get(f"/api/executions/{found[1].id}").json()
    assert raw["status"] == "REPROCESSED"
    # The client does not know that word.
    refused(lambda: CLIENT.executions.get(found[1].id), "status")
    assert CLIENT.executions.get(found[0].id).status == "SUCCEEDED"


def statuses():
    begun = CLIENT.post("/api/executions", body={"assistantId": SETTING["parent"]}).json()
    execution = CLIENT.executions.get(begun["id"])
    while [child.status for child in execution.child_executions] != ["RUNNING"]:
        execution = execution.reload()
    assert execution.status == "RUNNING"
    family = FAMILIES[2]
    first = event(family, "equal")
    assert event(family, "equal").status == "SKIPPED"
    requested = CLIENT.executions.list(filters=["status: 'REQUESTED'"])
    assert [execution.status for execution in requested.content] == ["REQUESTED"]
    assert CLIENT.put(f"/api/executions/{execution.id}/cancel").json()["status"] == "CANCELLING"
    first.cancel()
    ended(execution)
    ended(first)
    seen = set()
    for status in ("SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED", "REQUESTED"):
        page = CLIENT.executions.list(filters=[f"status: '{status}'"], page_size=100)
        seen |= {execution.status for execution in page.content}
    assert seen == {"SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED", "REQUESTED"}


def refusals_name_the_field():
    refused(lambda: CLIENT.executions.list(filters=["nothing eq 1"]), "filter:", "nothing")
    refused(lambda: CLIENT.executions.list(sort="nothing"), "sort:")
    refused(lambda: PROJECT.assistants.create(Assistant(name="X", subscription="hasLabel(")), "subscription:", "character")
    wrong = Assistant(name="X", options={"pipeline": {"steps": [{"name": "no ref"}]}})
    refused(lambda: PROJECT.assistants.create(wrong), "options.pipeline.steps[0].ref:")


def unknown_calls_are_exceptions():
    refused(CLIENT.channels.list, "Not found")
    refused(CLIENT.knowledge_sets.list, "Not found", "no such call")


for step in [
    overview, me, organizations, projects, project_assistants_create_and_find, project_assistants_update_and_delete,
    conflict_is_an_exception, activate_and_deactivate, assistants_list_and_get, send_event, wait_for, executions_get_and_reload,
    logs, executions_filter_and_sort, executions_stream_over_pages, executions_of_an_assistant, cancel,
    document_families_list_get_create, document_family_changes, labels_and_waiting_for_one, reprocess, statuses,
    refusals_name_the_field, unknown_calls_are_exceptions,
]:
    check(step)
print(json.dumps({"passed": PASSED}))
