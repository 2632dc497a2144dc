#!/usr/bin/env python3
"""What many suspended executions cost a server: fills a store with them, and compares it with a store that has few.

    benches/suspended.py [--store sqlite|postgres] [--few 1000] [--many 1000000] [--wait] [--json]

One execution is suspended through the API. Its rows are then copied inside the database, with new ids, so that a million take minutes. That the
copies are as good as their original is shown by answering some of them: they go on and complete. The server is the binary that SLUICEGATE_BIN
names (target/release/sluicegate unless said otherwise); everything is below target/suspended and on loopback, and is removed at the end.
"""

import argparse
import atexit
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "suspended"
BINARY = Path(os.environ.get("SLUICEGATE_BIN", ROOT / "target/release/sluicegate")).resolve()
MEASURED = 200
PATIENCE_SECONDS = 120
WORKFLOW = {
    "nodes": [
        {"id": "begin", "type": "start"},
        {"id": "ask", "type": "ask-human", "data": {"question": "Do you agree, {{ input.name }}?"}},
        {"id": "finish", "type": "end", "data": {"output": "{{ ask.answer }}"}},
    ],
    "edges": [{"id": "e1", "source": "begin", "target": "ask"}, {"id": "e2", "source": "ask", "target": "finish"}],
}


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


class Sqlite:
    def __init__(self, name: str) -> None:
        self.path = TARGET / f"{name}.db"
        self.url = f"sqlite:{self.path}"

    def columns(self, table: str) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]

    def script(self, text: str) -> None:
        database = sqlite3.connect(self.path, isolation_level=None)
        # Older SQLite has none.
        database.create_function("unhex", 1, bytes.fromhex)
        # Only while the store is filled, and no server uses it; a server that opens the file goes back to its own.
        database.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;")
        database.executescript(text)
        database.close()

    def some(self, wanted: int, number: int) -> list[str]:
        rows = ",".join(str(row) for row in random.Random(1).sample(range(2, number + 2), wanted))
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            found = database.execute(f"SELECT lower(hex(id)) FROM executions WHERE rowid IN ({rows}) ORDER BY random()").fetchall()
        return [f"{id[:8]}-{id[8:12]}-{id[12:16]}-{id[16:20]}-{id[20:]}" for (id,) in found]

    def bytes(self) -> int:
        return sum(file.stat().st_size for file in TARGET.glob(f"{self.path.name}*"))

    # A text of 32 digits to an id, an id to the text of the wire, the numbers below one, and the digits of a number.
    id = "unhex({})"
    text = "lower(substr(hex({0}),1,8)||'-'||substr(hex({0}),9,4)||'-'||substr(hex({0}),13,4)||'-'||substr(hex({0}),17,4)||'-'||substr(hex({0}),21))"
    numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {}) "
    hex12, hex3, random15 = "printf('%012x', {})", "printf('%03x', {})", "substr(lower(hex(randomblob(8))),1,15)"
    # SQLite goes through the copies in the order in which they were made; told to sort them, it would sort millions of texts.
    temporary, after, order = "TEMPORARY ", "ANALYZE;", ""


class Postgres:
    def __init__(self, name: str) -> None:
        env = os.environ | {"CARGO_TARGET_DIR": str(TARGET)}
        cluster = subprocess.run([ROOT / "scripts/test-postgres.sh", "url", "--durable"], env=env, check=True, stdout=subprocess.PIPE)
        url = cluster.stdout.decode().strip()
        self.database = f"suspended_{name}"
        subprocess.run(["psql", url, "-qXc", f"DROP DATABASE IF EXISTS {self.database}", "-c", f"CREATE DATABASE {self.database}"], check=True)
        self.url = url.rsplit("/", 1)[0] + "/" + self.database

    def ask(self, text: str) -> str:
        asked = ["psql", self.url, "-qXAt", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        return subprocess.run(asked, input=text.encode(), check=True, stdout=subprocess.PIPE).stdout.decode().strip()

    def columns(self, table: str) -> list[str]:
        return self.ask(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position").split("\n")

    def script(self, text: str) -> None:
        self.ask("SET synchronous_commit = off; SET maintenance_work_mem = '512MB';" + text)

    def some(self, wanted: int, number: int) -> list[str]:
        share = min(100, 400 * wanted / number)
        return self.ask(f"SELECT id FROM (SELECT id FROM executions TABLESAMPLE BERNOULLI ({share}) WHERE status = 'suspended') AS some_of_them ORDER BY random() LIMIT {wanted}").split("\n")

    def bytes(self) -> int:
        return int(self.ask(f"SELECT pg_database_size('{self.database}')"))

    id = "({})::uuid"
    text = "({0})::text"
    numbers = "WITH numbers(n) AS (SELECT generate_series(1::bigint, {})) "
    hex12, hex3, random15 = "lpad(to_hex({}), 12, '0')", "lpad(to_hex({}), 3, '0')", "substr(md5(random()::text),1,15)"
    temporary, after, order = "TEMPORARY ", "CHECKPOINT; VACUUM ANALYZE;", " ORDER BY c.n"


def copy(store: Sqlite | Postgres, original: str, number: int) -> None:
    """Copies the one suspended execution so many times. Copies are older than it, as their ids say."""
    digits = original.replace("-", "")
    made_at = int(digits[:12], 16)
    one = store.id.format(f"'{digits}'")
    new_id = store.id.format(
        f"{store.hex12.format(f'{made_at} - 1 - {number} + n')} || '7' || {store.hex3.format('n % 4096')} || '8' || {store.random15}"
    )
    new_text, old_text = store.text.format("c.suspension_id"), store.text.format("s.id")

    def insert(table: str, left_out: tuple[str, ...] = (), join: str = "", where: str = "execution_id", **changed: str) -> str:
        names = [name for name in store.columns(table) if name not in left_out]
        values = ", ".join(changed.get(name, f"t.{name}") for name in names)
        return f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM clones c CROSS JOIN {table} t {join} WHERE t.{where} = {one}{store.order};\n"

    replaced = "replace(t.{}, " + old_text + ", " + new_text + ")"
    suspension = f"JOIN suspensions s ON s.execution_id = {one}"
    store.script(
        f"CREATE {store.temporary}TABLE clones AS {store.numbers.format(number)}SELECT n, {new_id} AS execution_id, {new_id} AS suspension_id FROM numbers;\n"
        "BEGIN;\n"
        + insert("events", execution_id="c.execution_id", body=replaced.format("body"), join=suspension)
        + insert("feed", left_out=("position",), execution_id="c.execution_id")
        + insert("suspensions", id="c.suspension_id", execution_id="c.execution_id", interrupt=replaced.format("interrupt").replace("s.id", "t.id"))
        + insert("executions", id="c.execution_id", where="id")
        + "COMMIT;\n"
        + store.after
    )


class Server:
    def __init__(self, store: Sqlite | Postgres, ids: dict[str, str]) -> None:
        self.ids = ids
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        begun = time.perf_counter()
        env = {"PATH": os.environ["PATH"], "SLUICEGATE_STORE": store.url}
        command = [BINARY, "serve", "--listen", f"127.0.0.1:{self.port}", "--log", "warn"]
        self.process = subprocess.Popen(command, env=env, stdout=sys.stderr)
        # However this ends; ending what has ended does nothing.
        atexit.register(self.process.kill)
        while not self.is_ready():
            if self.process.poll() is not None or time.perf_counter() - begun > PATIENCE_SECONDS:
                raise SystemExit("the server did not start")
            time.sleep(0.002)
        self.ready_ms = (time.perf_counter() - begun) * 1e3
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)

    def is_ready(self) -> bool:
        try:
            probe = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            probe.request("GET", "/readyz")
            return probe.getresponse().status == 200
        except OSError:
            return False

    def call(self, method: str, path: str, body: object = None) -> object:
        path = path.replace("~", f"/v1/workspaces/{self.ids['workspaceId']}").replace("^", f"/pods/{self.ids['podId']}")
        headers = {"x-api-key": self.ids["apiKey"], "content-type": "application/json"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = self.connection.getresponse()
        text = reply.read()
        if reply.status >= 300:
            raise SystemExit(f"{method} {path} was answered {reply.status}: {text.decode()}")
        return json.loads(text)

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def processor_seconds(self) -> float:
        of = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(of[11]) + int(of[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def quantiles(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {"p50_ms": statistics.median(ordered), "p95_ms": ordered[round(0.95 * (len(ordered) - 1))]}


def timed(call) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1e3


def fill(kind: type, name: str, number: int) -> dict:
    """Makes a store with so many suspended executions."""
    store = kind(name)
    init = [BINARY, "init", "--json"]
    made = subprocess.run(init, env={"PATH": os.environ["PATH"], "SLUICEGATE_STORE": store.url}, check=True, stdout=subprocess.PIPE)
    ids = json.loads(made.stdout)
    server = Server(store, ids)
    workflow = server.call("POST", "~^/workflows", {"name": "Suspended", "definition": WORKFLOW})["id"]
    trigger = {"workflowId": workflow, "input": {"name": "the reviewer"}}
    original = server.call("POST", "~^/executions", trigger)["id"]

    until(server, original, "suspended")
    server.stop()
    empty = store.bytes()
    say(f"{name}: copying {number}")
    begun = time.monotonic()
    copy(store, original, number)
    copied_in = time.monotonic() - begun
    facts = {"suspended": number, "copied_in_s": copied_in, "bytes_each": (store.bytes() - empty) / number}
    return {"name": name, "store": store, "ids": ids, "trigger": trigger, "facts": facts}


def until(server: Server, execution: str, status: str) -> None:
    begun = time.monotonic()
    while server.call("GET", f"~^/executions/{execution}")["status"] != status:
        if time.monotonic() - begun > PATIENCE_SECONDS:
            raise SystemExit(f"{execution} did not become {status}")


def measure(filled: dict) -> dict:
    store, ids, trigger, number = filled["store"], filled["ids"], filled["trigger"], filled["facts"]["suspended"]
    say(f"{filled['name']}: measuring")
    server = Server(store, ids)
    ready = [server.ready_ms]
    for _ in range(4):
        server.stop()
        server = Server(store, ids)
        ready.append(server.ready_ms)
    time.sleep(2)
    begun, used = time.monotonic(), server.processor_seconds()
    time.sleep(5)
    idle = (server.processor_seconds() - used) / (time.monotonic() - begun)
    result = filled["facts"] | {
        "load_average": os.getloadavg()[0],
        "ready_ms": statistics.median(ready),
        "resident_mib": server.resident_mib(),
        "idle_processor_share": idle,
    }
    pages = {
        "inbox": "~/suspensions?state=open&limit=10",
        "inbox_of_pod": f"~/suspensions?state=open&limit=10&podId={ids['podId']}",
        "inbox_to_answer": "~/suspensions?state=open&limit=10&mine=true",
        "suspended_executions": "~^/executions?status=suspended&limit=10",
        "executions": "~^/executions?limit=10",
        "counts": "~^/executions/counts",
    }
    for page, path in pages.items():
        for _ in range(3):
            server.call("GET", path)
        taken, begun = [], time.monotonic()
        while len(taken) < 5 or (len(taken) < MEASURED and time.monotonic() - begun < 10):
            taken.append(timed(lambda path=path: server.call("GET", path)))
        result[page] = quantiles(taken)

    # Executions all over the store, as people answer them: their rows are in no cache.
    copies = store.some(MEASURED + 20, number)
    answer = {"answer": "yes"}

    def respond(execution: str) -> float:
        return timed(lambda: server.call("PATCH", f"~^/executions/{execution}/respond", answer))

    for execution in copies[:20]:
        respond(execution)
    answered = copies[20 : 20 + MEASURED]
    result["answer"] = quantiles([respond(execution) for execution in answered])
    for execution in answered:
        until(server, execution, "completed")
    result["trigger"] = quantiles([timed(lambda: server.call("POST", "~^/executions", trigger)) for _ in range(MEASURED)])
    result["resident_mib_after"] = server.resident_mib()
    server.stop()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="measures what many suspended executions cost")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--wait", action="store_true", help="wait for a line on standard input before measuring, so that the machine can be made quiet")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    kind = Sqlite if options.store == "sqlite" else Postgres
    try:
        stores = fill(kind, "few", options.few), fill(kind, "many", options.many)
        if options.wait:
            say("filled; waiting for a line")
            sys.stdin.readline()
        few, many = (measure(filled) for filled in stores)
    finally:
        if kind is Postgres:
            env = os.environ | {"CARGO_TARGET_DIR": str(TARGET)}
            subprocess.run([ROOT / "scripts/test-postgres.sh", "stop"], env=env, check=True)
        shutil.rmtree(TARGET, ignore_errors=True)
    if options.json:
        print(json.dumps({"store": options.store, "few": few, "many": many}, indent=2))
        return
    for name, value in few.items():
        both = [(value, many[name])] if not isinstance(value, dict) else [(value[of], many[name][of]) for of in value]
        for of, (before, after) in zip([""] if not isinstance(value, dict) else value, both):
            print(f"{name + ' ' + of:32}{before:>14.2f}{after:>14.2f}{after / before if before else float('nan'):>9.2f} x")


if __name__ == "__main__":
    main()
