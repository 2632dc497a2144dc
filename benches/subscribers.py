#!/usr/bin/env python3
"""How long an event takes to ten thousand subscribers of one execution, and what readers that have stopped reading cost the others.

    benches/subscribers.py [--subscribers 10000] [--events 60] [--json]

A worker reports log lines of a task; each is an event of the execution's stream. Measured is from the sending of the report to the moment in which the
last subscriber has read it. First everybody reads; then one in a hundred stops;
then those come back, must find every event, and everybody reads again: the execution's log is then as long as it was while they had stopped. The server is the
binary that SLUICEGATE_BIN names; the store is an SQLite file below target.
"""

import argparse
import http.client
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))
from run import BINARY, ROOT, answers, free_port, until  # noqa: E402

FOLDER = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "subscribers"
TEXT = "x" * 100
# Actions, reported once some have stopped to read, and not measured. Nobody else has asked for them; they fill the buffers of those connections
# (the kernel took 2.8 MB), so that the server can't send.
LONG_TEXT, LONG_EVENTS = "x" * 60_000, 60
MARK = re.compile(rb'"message":"event-(\d+)x')
ID = re.compile(rb"^id: ?(\d+)$", re.MULTILINE)
PATIENCE_SECONDS = 60


class Subscriber:
    def __init__(self, address: tuple[str, int], request: bytes, is_slow: bool) -> None:
        self.address, self.request, self.is_slow = address, request, is_slow
        self.last = -1
        self.last_id = b""
        self.in_order = True
        self.connect()

    def connect(self) -> None:
        self.rest = b""
        self.socket = socket.socket()
        if self.is_slow:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(self.address)
        again = b"last-event-id: " + self.last_id + b"\r\n" if self.last_id else b""
        self.socket.sendall(self.request + again + b"\r\n")
        self.socket.setblocking(False)

    def read(self) -> int:
        """Takes what is there; the number of the newest event."""
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return self.last
        if not data:
            raise ConnectionResetError(f"the server has closed a stream; its last words: {self.rest[-300:]}")
        frames = self.rest + data
        end = frames.rfind(b"\n\n") + 2
        if end > 1:
            complete, frames = frames[:end], frames[end:]
            for found in MARK.finditer(complete):
                number = int(found[1])
                self.in_order &= number == self.last + 1
                self.last = number
            if self.is_slow and (ids := ID.findall(complete)):
                self.last_id = ids[-1]
        self.rest = frames
        return self.last

    def catch_up(self, newest: int) -> bool:
        """Reads on until the newest event has come, over as many connections as it takes; whether all came once and in order."""
        begun = time.monotonic()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        while self.last < newest and time.monotonic() - begun < PATIENCE_SECONDS:
            waiting = select.poll()
            waiting.register(self.socket, select.POLLIN)
            waiting.poll(1000)
            try:
                self.read()
            except ConnectionResetError:
                self.socket.close()
                self.connect()
        return self.in_order and self.last == newest


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[round(share * (len(values) - 1))]


def queued_bytes(port: int, clients: set[int]) -> list[int]:
    """What the server's side of these connections has not been able to send, as the kernel tells."""
    queued = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues = line.split()[:5]
        if int(local.split(":")[1], 16) == port and int(remote.split(":")[1], 16) in clients:
            queued.append(int(queues.split(":")[0], 16))
    return queued


def main() -> None:
    parser = argparse.ArgumentParser(description="measures an event's way to many subscribers")
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=60, help="for each of the three parts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < options.subscribers + 200:
        raise SystemExit(f"{options.subscribers} connections need as many open files; the limit is {hard}")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    env = {"PATH": os.environ["PATH"], "SLUICEGATE_STORE": f"sqlite:{FOLDER}/subscribers.db"}
    made = json.loads(subprocess.run([BINARY, "init", "--json"], env=env, check=True, stdout=subprocess.PIPE).stdout)
    port = free_port()
    command = [BINARY, "serve", "--listen", f"127.0.0.1:{port}", "--log", "error", "--streams-per-workspace", "1000000", "--stream-heartbeat", "60s"]
    server = subprocess.Popen(command, env=env)
    try:
        until("the server", lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        report = measure(options, server.pid, port, made)
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(FOLDER, ignore_errors=True)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        for name, value in report.items():
            print(f"{name:28}", value if not isinstance(value, dict) else "  ".join(f"{of} {number:.2f}" for of, number in value.items()))


def measure(options: argparse.Namespace, process: int, port: int, made: dict) -> dict:
    base = f"/v1/workspaces/{made['workspaceId']}/pods/{made['podId']}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def call(method: str, path: str, body: object = None) -> dict:
        headers = {"x-api-key": made["apiKey"], "content-type": "application/json"}
        connection.request(method, base + path, json.dumps(body), headers)
        reply = connection.getresponse()
        text = reply.read()
        if reply.status >= 300:
            raise SystemExit(f"{path} was answered {reply.status}: {text.decode()}")
        return json.loads(text)

    nodes = [{"id": "start", "type": "start"}, {"id": "work", "type": "task", "data": {"queue": "bench", "leaseSeconds": 600}}, {"id": "end", "type": "end"}]
    edges = [{"id": "e1", "source": "start", "target": "work"}, {"id": "e2", "source": "work", "target": "end"}]
    workflow = call("POST", "/workflows", {"name": "Subscribers", "definition": {"nodes": nodes, "edges": edges}})["id"]
    execution = call("POST", "/executions", {"workflowId": workflow, "input": {}})["id"]
    task = call("POST", "/tasks/lease", {"queues": ["bench"], "workerId": "bench", "waitSeconds": 10})["tasks"][0]

    def resident_kib() -> int:
        return int(Path(f"/proc/{process}/status").read_text().split("VmRSS:")[1].split()[0])

    before = resident_kib()
    request = f"GET {base}/executions/{execution}/events?TYPES HTTP/1.1\r\nhost: x\r\nx-api-key: {made['apiKey']}\r\naccept: text/event-stream\r\n".encode()
    slow_ones = max(1, options.subscribers // 100)
    poll = select.epoll()
    readers: dict[int, Subscriber] = {}
    slow: dict[int, Subscriber] = {}
    for number in range(options.subscribers):
        is_slow = number % 100 == 50 and len(slow) < slow_ones
        types = b"" if is_slow else b"types=node_log"
        one = Subscriber(("127.0.0.1", port), request.replace(b"TYPES", types), is_slow)
        (slow if is_slow else readers)[one.socket.fileno()] = one
        poll.register(one.socket, select.EPOLLIN)

    def drain(quiet_seconds: float) -> None:
        while ready := poll.poll(quiet_seconds, 1024):
            for descriptor, _ in ready:
                (readers.get(descriptor) or slow[descriptor]).read()

    print(f"{options.subscribers} have subscribed", file=sys.stderr)
    drain(1)
    opened = resident_kib()
    numbers = iter(range(10**9))
    door = f"/tasks/{task['taskId']}/heartbeat"
    taken_by_client = 0.0

    def one_event(waited_for: dict[int, Subscriber]) -> tuple[float, float, float]:
        """Milliseconds to the first one, the middle one, and the last one of those that are waited for."""
        nonlocal taken_by_client
        number = next(numbers)
        body = {"leaseToken": task["leaseToken"], "logs": [{"level": "info", "message": f"event-{number}{TEXT}"}]}
        begun = time.perf_counter()
        call("POST", door, body)
        missing, times = len(waited_for), []
        used = time.process_time()
        while missing:
            ready = poll.poll(PATIENCE_SECONDS, 512)
            if not ready:
                raise SystemExit(f"{missing} subscribers have not got an event in {PATIENCE_SECONDS} s")
            for descriptor, _ in ready:
                one = readers.get(descriptor) or slow[descriptor]
                had = one.last
                if one.read() == number and had < number:
                    if descriptor in waited_for:
                        missing -= 1
                        times.append(time.perf_counter())
        taken_by_client += time.process_time() - used
        return tuple((at - begun) * 1e3 for at in (times[0], times[len(times) // 2], times[-1]))

    def server_seconds() -> float:
        of = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(of[11]) + int(of[12])) / os.sysconf("SC_CLK_TCK")

    def part(waited_for: dict[int, Subscriber]) -> dict[str, float]:
        taken, used = [], server_seconds()
        for _ in range(options.events):
            taken.append(one_event(waited_for))
            time.sleep(0.02)
        first, _, last = zip(*taken, strict=True)
        shares = {"p50_ms": 0.5, "p99_ms": 0.99}
        result = {"first " + name: quantile(first, share) for name, share in shares.items()}
        result |= {"last " + name: quantile(last, share) for name, share in shares.items()}
        result["server's processor ms an event"] = (server_seconds() - used) * 1e3 / options.events
        print(result, file=sys.stderr)
        return result

    for _ in range(5):
        one_event(readers)
    results = {"all read": part(readers)}
    for descriptor in slow:
        poll.unregister(descriptor)
    for _ in range(LONG_EVENTS):
        call("POST", door, {"leaseToken": task["leaseToken"], "actions": [{"kind": "bench", "title": "long", "detail": {"text": LONG_TEXT}}]})
    time.sleep(2)
    stuck = statistics.median(queued_bytes(port, {one.socket.getsockname()[1] for one in slow.values()}))
    if stuck > 0.9 * LONG_EVENTS * len(LONG_TEXT):
        raise SystemExit(f"the buffers of the slow readers are not full: {stuck} bytes")
    results["1 % have stopped"] = part(readers)
    grown = resident_kib()
    newest = max(one.last for one in readers.values())
    complete = sum(one.catch_up(newest) for one in slow.values())
    if complete != len(slow) or not all(one.in_order and one.last == newest for one in readers.values()):
        raise SystemExit(f"only {complete} of {len(slow)} slow readers have got every event")
    # The server closes a connection on which nothing is asked for long: a new one comes by itself.
    connection.close()
    # Once more, with a log that is as long as before: what was measured with the slow ones is compared with this.
    slow = {one.socket.fileno(): one for one in slow.values()}
    for descriptor in slow:
        poll.register(descriptor, select.EPOLLIN)
    results["all read again"] = part(readers)
    return {
        "subscribers": options.subscribers,
        "slow": len(slow),
        "KiB of a subscriber": round((opened - before) / options.subscribers, 1),
        **results,
        "client's share, ms an event": round(taken_by_client * 1e3 / (3 * options.events + 5), 1),
        "bytes stuck for a slow one": stuck,
        "bytes it has not taken": LONG_EVENTS * len(LONG_TEXT),
        "KiB more at the end": grown - opened,
        "slow ones complete at last": complete,
        "load average": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
