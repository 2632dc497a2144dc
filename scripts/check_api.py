"""What scripts/check-api.sh does: starts a server, puts things into it, and lets schemathesis loose on it.

Usage: check_api.py SCHEMATHESIS DOCUMENT
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

BINARY = os.environ["SLUICEGATE_BIN"]
SECONDS = int(os.environ.get("CHECK_API_SECONDS", "75"))
SEED = int(os.environ.get("CHECK_API_SEED", "1"))
# The budget is spent between requests; what is under way may take as long again as its slowest part.
GRACE_SECONDS = 90

# What is not called, and why.
LEFT_OUT = {
    # A stream lasts until its execution ends, or for ever.
    "stream_execution_events",
    "stream_pod_events",
    "stream_suspension_events",
    # Everything after it would be answered 404, which says nothing.
    "delete_workspace",
    "delete_pod",
    # The caller's own key.
    "delete_api_key",
}

# So many operations have to succeed once.
LEAST_SUCCEEDED = 80

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)

LINE = {
    "nodes": [{"id": "a", "type": "start"}, {"id": "z", "type": "end"}],
    "edges": [{"source": "a", "target": "z"}],
}


def between(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """A definition with one node between start and end."""
    return {
        "nodes": [LINE["nodes"][0], {"id": "n", "type": kind, "data": data}, LINE["nodes"][1]],
        "edges": [{"source": "a", "target": "n"}, {"source": "n", "target": "z"}],
    }


class Server:
    """`sluicegate serve` on a folder of its own."""

    def __init__(self, folder: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        store = ["--store", f"sqlite:{folder}/sluicegate.db"]
        made = subprocess.run([BINARY, "init", *store, "--workspace", "Check", "--json"], check=True, stdout=-1)
        place = json.loads(made.stdout)
        self.key: str = place["apiKey"]
        self.workspace_id: str = place["workspaceId"]
        self.workspace = f"/v1/workspaces/{place['workspaceId']}"
        self.pod_id: str = place["podId"]
        self.pod = f"{self.workspace}/pods/{self.pod_id}"
        self.log = Path(folder) / "log"
        command = [BINARY, "serve", *store, "--listen", f"127.0.0.1:{port}", "--log", "warn"]
        # Nearly everything that is sent is wrong.
        command += ["--stream-max-duration", "1s", "--refusal-rate", "0"]
        self.process = subprocess.Popen(command, stdout=self.log.open("wb"), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.call("GET", "/readyz")
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"the server does not start:\n{self.log.read_text()}")
                time.sleep(0.05)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The reply's JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("content-type", "application/json")
        request.add_header("x-api-key", self.key)
        request.add_header("x-kinetic-key", self.key)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                text = reply.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path} answers {error.code}: {error.read().decode()}")
        return json.loads(text) if text else None

    def stop(self) -> None:
        """SIGTERM, and until it has ended."""
        self.process.terminate()
        try:
            self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def furnish(server: Server) -> dict[str, list[str]]:
    """Makes several of everything, and tells the values of the path's parameters: one may be deleted and others are left."""
    ids: dict[str, list[str]] = {}

    def made(name: str, path: str, body: Any, method: str = "POST") -> str:
        thing = server.call(method, path, body)
        ids.setdefault(name, []).append(thing["id"])
        return thing["id"]

    pod, workspace = server.pod, server.workspace
    graphs = [LINE, between("approval-gate", {"message": "Go on?"}), between("task", {"queue": "q"})]
    graphs += [between("callback", {}), between("ask-human", {"question": "Which?"})]
    for round_ in range(3):
        for graph in graphs:
            workflow = made("workflowId", f"{pod}/workflows", {"name": f"W{round_}", "definition": graph})
            server.call("POST", f"{pod}/workflows/{workflow}/deploy", {})
            made("executionId", f"{pod}/executions", {"workflowId": workflow, "input": {"a": 1}})
        workflow = ids["workflowId"][-5]
        made("scheduleId", f"{pod}/schedules", {"workflowId": workflow, "name": "S", "cronExpression": "0 3 * * *"})
        hook = made("webhookId", f"{pod}/webhooks", {"workflowId": workflow, "verification": "none"})
        server.call("POST", f"/v1/webhooks/{hook}/trigger", {"a": 1})
        ids.setdefault("deliveryId", []).append(server.call("GET", f"{pod}/webhooks/{hook}/deliveries")[0]["id"])
        subject = made("subjectId", f"{pod}/subjects", {"path": f"a{round_}.pdf"})
        made("inviteId", f"{workspace}/invites", {"email": "a@example.com", "role": "viewer"})
        made("apiKeyId", f"{workspace}/api-keys", {"name": "k", "role": "viewer"})
        made("bulkJobId", f"{pod}/executions/bulk/cancel", {"ids": [ids["executionId"][0]]})
        server.call("PUT", f"{workspace}/secrets/s{round_}", {"value": "hunter2"})
        server.call("PUT", f"{workspace}/groups/g{round_}", {"members": []})
        server.call("PUT", f"{workspace}/collections/c{round_}/documents/k", {"value": {"a": "word"}})
        kinetic = {"name": f"Agent{round_}", "configuration": {"prompt": "p"}}
        made("workflowId", "/kinetic/api/workflows", kinetic)
        assistant = {"name": f"A{round_}", "options": {"pipeline": {"steps": []}}}
        assistant = server.call("POST", f"/kodexa/api/projects/{server.pod_id}/assistants", assistant)
        ids.setdefault("assistantId", []).append(assistant["id"])
        ids.setdefault("familyId", []).append(subject)
    for suspension in server.call("GET", f"{workspace}/suspensions"):
        ids.setdefault("suspensionId", []).append(suspension["id"])
    leased = server.call("POST", f"{pod}/tasks/lease", {"queues": ["q"], "workerId": "w", "waitSeconds": 20})
    for task in leased["tasks"]:
        ids.setdefault("taskId", []).append(task["taskId"])
    token = leased["tasks"][0]["leaseToken"]
    artifact = f"{pod}/tasks/{leased['tasks'][0]['taskId']}/artifacts/a.txt"
    artifact = server.call("PUT", artifact, {"a": 1}, x_lease_token=token)
    ids["artifactId"] = [artifact["id"]]
    ids["otherId"] = ids["executionId"]
    for name in ("secretName", "groupName", "collectionName"):
        ids[name] = [f"{name[0]}{round_}" for round_ in range(3)]
    ids["documentKey"] = ["k"]
    ids["organizationId"], ids["projectId"] = [server.workspace_id], [server.pod_id]
    return ids


def configuration(server: Server, ids: dict[str, list[str]]) -> str:
    """The settings of the run, as TOML: JSON's texts and lists are TOML's, too."""
    lines = [
        f"seed = {SEED}",
        f"max-time = {SECONDS}",
        "request-timeout = 20",
        "continue-on-failure = true",
        # Two of them make the tool trip over itself, and it is it that computes.
        "workers = 1",
        'warnings = false',
        "[parameters]",
        f'"path.workspaceId" = {json.dumps(server.workspace_id)}',
        f'"path.podId" = {json.dumps(server.pod_id)}',
    ]
    # Now and then something else, which is not there.
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.9 }}' for name in ids]
    for name, values in ids.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines += ["[headers]", f"x-api-key = {json.dumps(server.key)}", f"x-kinetic-key = {json.dumps(server.key)}"]
    # Generated credentials would have nearly everything answered 401.
    lines += ["[generation]", "with-security-parameters = false"]
    lines += ["[checks]", "enabled = false"]
    lines += [f"[checks.{check}]\nenabled = true" for check in CHECKS]
    lines += [f'[[operations]]\ninclude-operation-id = "{name}"\nenabled = false' for name in sorted(LEFT_OUT)]
    return "\n".join(lines) + "\n"


def has_gone_deep(server: Server) -> bool:
    """Whether most operations have succeeded at least once: refusals alone would say little about replies."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as reply:
        text = reply.read().decode()
    statuses: dict[str, int] = {}
    routes: dict[str, bool] = {}
    for line in text.splitlines():
        found = re.match(r"sluicegate_http_requests_total\{(.*)\} (\d+)", line)
        if found:
            labels = dict(re.findall(r'(\w+)="([^"]*)"', found[1]))
            status, operation = labels["status"], f"{labels['method']} {labels['route']}"
            statuses[status] = statuses.get(status, 0) + int(found[2])
            routes[operation] = routes.get(operation, False) or status.startswith(("2", "3"))
    succeeded = sum(routes.values())
    print("replies by status:", ", ".join(f"{status}: {statuses[status]}" for status in sorted(statuses)))
    print(f"{succeeded} operations have succeeded at least once")
    if succeeded < LEAST_SUCCEEDED:
        print(f"these are fewer than {LEAST_SUCCEEDED}: is the key still good?", file=sys.stderr)
    return succeeded >= LEAST_SUCCEEDED


def main() -> int:
    tool, document = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            settings = Path(folder) / "schemathesis.toml"
            settings.write_text(configuration(server, furnish(server)))
            command = [tool, "--config-file", str(settings), "run", document, "--url", server.url, "--no-color"]
            command += ["--phases", "coverage,fuzzing", "--generation-database", "none"]
            status = subprocess.run(command, cwd=folder, timeout=SECONDS + GRACE_SECONDS).returncode
            if not has_gone_deep(server):
                status = 1
            if server.process.poll() is not None:
                print("the server has ended", file=sys.stderr)
                status = 1
        finally:
            server.stop()
            log = server.log.read_text()
        if " ERROR " in log or "panic" in log:
            print(f"the server's log has errors:\n{log[-5000:]}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
