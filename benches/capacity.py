#!/usr/bin/env python3
"""What an execution costs, and whether the capacity model of docs/scaling.md says what this machine does.

    benches/capacity.py [--seconds 3] [--json]

For a chain of five nodes and for one with an approval, on SQLite and on one PostgreSQL (fsync on) with one, two and three instances: executions
per second, latency, processor time of client, instances and database, commits, bytes. The model is calibrated with one and two instances, and
then has to say what three do. The server is the binary that SLUICEGATE_BIN names. Everything is below target and on loopback.
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))
from run import BINARY, ROOT, Postgres, answers, free_port, until  # noqa: E402

HERE = Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
CALLERS = 64
FOLDER = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "capacity"


def processor_seconds(process: int, with_children: bool = False) -> float:
    """What a process has used; with its children, also those that have ended."""
    of = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(of[11]) + int(of[12])
    if with_children:
        ticks += int(of[13]) + int(of[14])
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                child = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(child[1]) == process:
                ticks += int(child[11]) + int(child[12])
    return ticks / TICKS


def idle_seconds() -> float:
    """What all processors together have been idle; waiting for a disk is idle, too."""
    of = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(of[4]) + int(of[5])) / TICKS


def metric(url: str, name: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as reply:
        lines = [line for line in reply.read().decode().splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def psql(url: str, text: str) -> str:
    return subprocess.run(["psql", url, "-qXAtc", text], check=True, stdout=subprocess.PIPE).stdout.decode().strip()


def measure(store: str, instances: int, workload: str, seconds: float) -> dict:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    database = Postgres.database() if store == "postgres" else None
    url = database or f"sqlite:{FOLDER}/capacity.db"
    env = {"PATH": os.environ["PATH"], "SLUICEGATE_STORE": url}
    made = json.loads(subprocess.run([BINARY, "init", "--json"], env=env, check=True, stdout=subprocess.PIPE).stdout)
    postmaster = int(psql(database, "SELECT pg_read_file('postmaster.pid')").split("\n")[0]) if database else None

    def size() -> int:
        if database:
            psql(database, "CHECKPOINT")
            return int(psql(database, "SELECT pg_database_size(current_database())"))
        return (FOLDER / "capacity.db").stat().st_size

    servers, urls = [], []
    try:
        for _ in range(instances):
            port = free_port()
            command = [BINARY, "serve", "--listen", f"127.0.0.1:{port}", "--log", "error"]
            servers.append(subprocess.Popen(command, env=env))
            urls.append(f"http://127.0.0.1:{port}")
            until("a server", lambda: answers(f"{urls[-1]}/readyz"))

        def all_used() -> dict[str, float]:
            return {
                "server_us": sum(processor_seconds(server.pid) for server in servers),
                "database_us": processor_seconds(postmaster, with_children=True) if postmaster else 0.0,
                "idle": idle_seconds(),
                "commits": sum(metric(one, "sluicegate_flush_seconds_count") for one in urls),
                "syncs": float(psql(database, "SELECT wal_sync FROM pg_stat_wal")) if database else 0.0,
                "wal_bytes": float(psql(database, "SELECT pg_current_wal_lsn() - '0/0'")) if database else 0.0,
                "at": time.monotonic(),
            }

        settings = {name: made[name] for name in ("workspaceId", "podId", "apiKey")}
        settings |= {"urls": urls, "workload": workload, "callers": CALLERS, "seconds": seconds}
        before_all = size()
        load = subprocess.Popen([shutil.which("node"), HERE / "capacity.mjs", json.dumps(settings)], stdout=subprocess.PIPE, text=True)
        if load.stdout.readline() != "begin\n":
            raise SystemExit("the load did not begin")
        before = all_used()
        line = load.stdout.readline()
        after = all_used()
        result = json.loads(line)
        alone = json.loads(load.stdout.readline())
        load.wait(30)
        spent = {name: after[name] - before[name] for name in before}
        executions = result["executions"]
        result |= {name: spent[name] * 1e6 / executions for name in ("server_us", "database_us")}
        result |= {"commits_each": spent["commits"] / executions, "syncs_each": spent["syncs"] / executions}
        result |= {"wal_bytes_each": spent["wal_bytes"] / executions, "alone_p50_ms": alone["p50_ms"], "alone_p95_ms": alone["p95_ms"]}
        ours = (result["client_us"] + result["server_us"] + result["database_us"]) * executions / 1e6
        # What there was for us: what we have used, and what nobody has.
        result["processors"] = (ours + spent["idle"]) / spent["at"]
        result["used_share"] = ours / (ours + spent["idle"])
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(60)
    if database:
        count = int(psql(database, "SELECT count(*) FROM executions"))
        tables = "executions events feed suspensions timers queue snapshots audit idempotency dedupe_keys tasks".split()
        rows = {table: int(psql(database, f"SELECT count(*) FROM {table}")) / count for table in tables}
    else:
        reader = sqlite3.connect(FOLDER / "capacity.db")
        count = reader.execute("SELECT count(*) FROM executions").fetchone()[0]
        tables = "executions events feed suspensions timers queue snapshots audit idempotency dedupe_keys tasks".split()
        rows = {table: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] / count for table in tables}
        reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        reader.close()
    result["bytes_each"] = (size() - before_all) / count
    result["rows"] = {table: round(number, 2) for table, number in rows.items() if number >= 0.01}
    return {"store": store, "instances": instances, "workload": workload, **result}


def cost_us(run: dict) -> float:
    return run["client_us"] + run["server_us"] + run["database_us"]


def predict(one: dict, two: dict, run: dict) -> float:
    """Executions per second, from a run with one instance and a run with two.

    An execution costs something by itself, and its part of a commit; the two runs tell both. As many callers at several instances share commits with
    fewer others: each instance makes as many as one makes alone.
    """
    of_commit = (cost_us(two) - cost_us(one)) / (two["commits_each"] - one["commits_each"])
    cost = cost_us(one) + of_commit * (run["instances"] - 1) * one["commits_each"]
    return min(one["used_share"] * run["processors"] / (cost / 1e6), CALLERS / (one["alone_p50_ms"] / 1e3))


def main() -> None:
    parser = argparse.ArgumentParser(description="measures what executions cost, and checks the capacity model")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    runs = []
    try:
        for workload in ("chain", "approval"):
            for store, instances in (("sqlite", 1), ("postgres", 1), ("postgres", 2), ("postgres", 3)):
                print(f"{workload} on {store}, {instances}", file=sys.stderr)
                runs.append(measure(store, instances, workload, options.seconds))
    finally:
        Postgres.call("stop")
        shutil.rmtree(FOLDER, ignore_errors=True)
    for workload in ("chain", "approval"):
        of = {run["instances"]: run for run in runs if (run["workload"], run["store"]) == (workload, "postgres")}
        of[3]["predicted"] = predict(of[1], of[2], of[3])
        of[3]["error_percent"] = 100 * (of[3]["predicted"] / of[3]["per_second"] - 1)
    if options.json:
        print(json.dumps({"runs": runs, "load_average": os.getloadavg()}, indent=2))
        return
    columns = "per_second predicted error_percent p50_ms p95_ms alone_p50_ms client_us server_us database_us processors used_share commits_each syncs_each wal_bytes_each bytes_each".split()
    print(f"{'':24}" + "".join(f"{column:>15}" for column in columns))
    for run in runs:
        name = f"{run['workload']} {run['store']} {run['instances']}"
        print(f"{name:24}" + "".join(f"{run[column]:>15.2f}" if column in run else f"{'-':>15}" for column in columns))
    for run in runs:
        print(run["workload"], run["store"], run["instances"], run["rows"])
    print("load average:", os.getloadavg())


if __name__ == "__main__":
    main()
