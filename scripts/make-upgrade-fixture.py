#!/usr/bin/env python3
"""Writes what a server has in its database while work of every kind is half done, for the test of upgrades.

    scripts/make-upgrade-fixture.py PROGRAM STORE FOLDER

PROGRAM is a `sluicegate` of the commit whose schema the fixture is to have: the one that is released, not the one that is being
written. STORE is `sqlite:FILE` for a file that is not there yet, or `postgres://...` for an empty database. In FOLDER it writes
`sqlite.sql` or `postgres.sql` (the rows alone: the schema is made by the migrations up to the one that `expected.json` names),
`expected.json` (what the test has to find), and `secrets.key`. Run it once for each database with the same FOLDER. It needs `pg_dump` for
PostgreSQL. The server is killed in the middle: nothing is tidied up.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

JWT_SECRET = "a secret of the fixture: long enough"
PATIENCE_SECONDS = 60


def token(user: str) -> str:
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    head = part({"alg": "HS256", "typ": "JWT"}) + "." + part({"sub": user, "exp": int(time.time()) + 3600})
    mac = hmac.new(JWT_SECRET.encode(), head.encode(), hashlib.sha256).digest()
    return head + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


class Caller:
    def __init__(self, address: str):
        self.address, self.token = address, token("ann")

    def __call__(self, method: str, path: str, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers |= {"authorization": f"Bearer {self.token}", "content-type": "application/json", "accept": "application/json"}
        request = urllib.request.Request(f"http://{self.address}/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as reply:
                text = reply.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")
        return json.loads(text) if text else None


def node(name, kind, **data):
    return {"id": name, "type": kind, "data": data}


def line(*nodes, **settings):
    """The nodes in a row, between a start and an end."""
    row = [node("begin", "start"), *nodes, node("finish", "end")]
    edges = [{"source": a["id"], "target": b["id"]} for a, b in zip(row, row[1:])]
    return {"nodes": row, "edges": edges, "settings": settings}


def work(call: Caller) -> dict:
    """Everything that can be half done, and what the test needs to know of it."""
    workspace = call("POST", "/workspaces", {"name": "Upgrade"})["id"]
    home = f"/workspaces/{workspace}"
    call("PUT", f"{home}/secrets/api_key", {"value": "hunter2 of the fixture"})
    pod = call("POST", f"{home}/pods", {"name": "Pod"})["id"]
    here = f"{home}/pods/{pod}"

    def workflow(name, definition):
        made = call("POST", f"{here}/workflows", {"name": name, "definition": definition})["id"]
        call("POST", f"{here}/workflows/{made}/deploy", {})
        return made

    gate = node("gate", "approval-gate", message="Go on?")
    flows = {"gate": workflow("Gate", line(gate, node("after", "transform", output="{{ input }}")))}
    each = node("each", "loop", items="{{ [1, 2, 3] }}", concurrency=2)
    inside = node("ask", "ask-human", question="How much is {{ item }}?") | {"parentId": "each"}
    looping = line(each)
    looping["nodes"].append(inside)
    flows |= {
        "loop": workflow("Loop", looping),
        "parent": workflow("Parent", line(node("sub", "subworkflow", workflowId=flows["gate"]))),
        "timer": workflow("Timer", line(node("long", "wait", duration="400d"))),
        "expiry": workflow("Expiry", line(node("ask", "ask-human", question="Well?", expiresIn="400d", onExpiry="default", defaultAnswer="late"))),
        "task": workflow("Task", line(node("work", "task", queue="q", leaseSeconds=3600), concurrency={"limit": 1})),
        "secret": workflow("Secret", line(
            node("where", "ask-human", question="Where to?"),
            node("call", "http", httpUrl="{{ where.answer }}", httpHeaders=[{"key": "x-key", "value": "{{ secrets.api_key }}"}]),
        )),
        "plain": workflow("Plain", line(node("t", "transform", output="{{ input }}"))),
        "broken": workflow("Broken", line(node("t", "transform", output="{{ 1 / 0 }}"))),
    }

    def trigger(flow, **more):
        return call("POST", f"{here}/executions", {"workflowId": flows[flow], "input": {"of": flow}, **more})["id"]

    def until(execution, fits, what):
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            view = call("GET", f"{here}/executions/{execution}")
            if fits(view):
                return view
            time.sleep(0.05)
        sys.exit(f"execution {execution} never was {what}: {view}")

    def until_status(execution, status):
        return until(execution, lambda view: view["status"] == status, status)

    def open_of(execution):
        rows = call("GET", f"{home}/suspensions?state=open&executionId={execution}")
        return [row["id"] for row in rows]

    found = {"workspaceId": workspace, "podId": pod, "flows": flows, "executions": {}}
    of = found["executions"]
    for name, flow in [("suspended", "gate"), ("claimed", "gate"), ("timer", "timer"), ("expiry", "expiry"), ("secret", "secret"), ("loop", "loop")]:
        of[name] = trigger(flow)
        until_status(of[name], "suspended")
    of["parent"] = trigger("parent")
    until(of["parent"], lambda view: any(node.get("childExecutionId") for node in view["nodes"]), "waiting for its child")
    # One iteration is over, two ask.
    until(of["loop"], lambda _: len(open_of(of["loop"])) == 2, "asking twice")
    first = open_of(of["loop"])[-1]
    call("POST", f"{home}/suspensions/{first}/answer", {"answer": "one"})
    until(of["loop"], lambda _: len(open_of(of["loop"])) == 2 and first not in open_of(of["loop"]), "asking for the third")
    call("POST", f"{home}/suspensions/{open_of(of['claimed'])[0]}/claim", {})
    of["leased"] = trigger("task")
    until_status(of["leased"], "running")
    call("POST", f"{here}/tasks/lease", {"queues": ["q"], "workerId": "w", "waitSeconds": 30})
    of["held"] = trigger("task")
    of["pending"] = trigger("plain", runAt="2028-06-01T00:00:00.000Z")
    of["answered"] = trigger("gate")
    until_status(of["answered"], "suspended")
    call("PATCH", f"{here}/executions/{of['answered']}/respond", {"approved": True}, idempotency_key="decision")
    until_status(of["answered"], "completed")
    of["completed"] = trigger("plain")
    until_status(of["completed"], "completed")
    of["failed"] = trigger("broken")
    until_status(of["failed"], "failed")
    of["child"] = call("GET", f"{here}/executions?parentExecutionId={of['parent']}")[0]["id"]
    until_status(of["child"], "suspended")
    found["schedule"] = call("POST", f"{here}/schedules", {"workflowId": flows["plain"], "name": "Yearly", "cronExpression": "0 0 1 1 *"})["id"]
    webhook = call("POST", f"{here}/webhooks", {"workflowId": flows["plain"], "name": "Hook"})
    found["webhook"] = webhook["id"]
    logs = {name: call("GET", f"{here}/executions/{id}/events?limit=1000") for name, id in of.items()}
    found["logs"] = logs
    return found


def serve(program: str, store: str, key: pathlib.Path) -> dict:
    arguments = ["serve", "--listen", "127.0.0.1:0", "--store", store, "--log-format", "json", "--log", "warn,sluicegate::cli::serve=info"]
    arguments += ["--secrets-key-file", str(key), "--jwt-secret", JWT_SECRET]
    server = subprocess.Popen([program, *arguments], stderr=subprocess.PIPE, text=True)
    try:
        said = []
        for text in server.stderr:
            said.append(text)
            address = re.search(r'"address":"([^"]+)"', text)
            if address:
                return work(Caller(address.group(1)))
        sys.exit("the server did not start:\n" + "".join(said))
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def literal(value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def rows_of_sqlite(path: str) -> str:
    database = sqlite3.connect(path)
    tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name")
    lines = []
    for (table,) in tables.fetchall():
        # The index of words is kept by triggers; numbers that were given are kept with the rows.
        if table.startswith(("sqlite_", "documents_search_")):
            continue
        cursor = database.execute(f'SELECT * FROM "{table}"')
        columns = ", ".join(column[0] for column in cursor.description)
        lines += [f"INSERT INTO {table} ({columns}) VALUES ({', '.join(map(literal, row))});" for row in cursor]
    return "\n".join(lines) + "\n"


def rows_of_postgres(url: str) -> str:
    dump = subprocess.run(["pg_dump", "--data-only", "--column-inserts", "--no-owner", url], check=True, capture_output=True, text=True).stdout
    kept = [text for text in dump.splitlines() if text and not text.startswith(("--", "\\", "SET "))]
    return "\n".join(text for text in kept if "set_config" not in text) + "\n"


def main() -> None:
    program, store, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    key = folder / "secrets.key"
    if not key.exists():
        key.write_text(base64.b64encode(hashlib.sha256(b"the key of the fixture").digest()).decode() + "\n")
    found = serve(program, store, key)
    if store.startswith("sqlite:"):
        name, text = "sqlite", rows_of_sqlite(store.removeprefix("sqlite:"))
    else:
        name, text = "postgres", rows_of_postgres(store)
    applied = [int(version) for version in re.findall(r"INSERT INTO (?:public\.)?_sqlx_migrations \([^)]*\) VALUES \((\d+),", text)]
    found["schema"] = max(applied)
    (folder / f"{name}.sql").write_text(text)
    expected = folder / "expected.json"
    known = json.loads(expected.read_text()) if expected.exists() else {}
    known[name] = found
    expected.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    print(f"{name}: schema {found['schema']}, {len(text)} bytes, {len(found['executions'])} executions")


main()
