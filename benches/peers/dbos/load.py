"""DBOS Transact runs inside the program that uses it, so callers and steps are in one process, and no HTTP is between them.

`load.py '{"store": "postgresql://...", "seconds": 3, "callers": 64, "workloads": [...]}'`; with `"part": "worker"` it is the process
that dequeues what `work` enqueues.
"""

import asyncio
import itertools
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dbos import DBOS, DBOSClient, DBOSConfig, SetWorkflowID  # noqa: E402
from measure import latency, rate, tell, timed  # noqa: E402

# DBOS polls where nothing notifies: queues and the results of other processes, each second by default. So often here.
POLLING_SECONDS = 0.01


@DBOS.step()
async def add(amount: int) -> int:
    return amount + 1


@DBOS.workflow()
async def chain(order: str, amount: int) -> dict[str, object]:
    for _ in range(5):
        amount = await add(amount)
    return {"order": order, "amount": amount}


@DBOS.workflow()
async def gate(amount: int) -> int:
    waits[DBOS.workflow_id].set()
    await DBOS.recv_async("answer", timeout_seconds=60)
    return await add(amount)


@DBOS.workflow()
async def work(amount: int) -> int:
    return await add(amount)


waits: dict[str | None, asyncio.Event] = {}
numbers = itertools.count()


async def answer() -> float:
    """From the sending of a message to the result of the workflow that has waited for it."""
    name = f"gate-{time.time_ns()}-{next(numbers)}"
    waits[name] = asyncio.Event()
    with SetWorkflowID(name):
        handle = await DBOS.start_workflow_async(gate, 250)
    await waits[name].wait()
    del waits[name]
    # Between the word and the waiting of `recv` there is a transaction.
    await asyncio.sleep(0.025)
    begun = time.perf_counter()
    await DBOS.send_async(name, True, "answer")
    await handle.get_result()
    return time.perf_counter() - begun


def launch(settings: dict) -> None:
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": settings["store"],
        "sys_db_pool_size": 40,
        "application_version": "1",
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()


async def main(settings: dict) -> None:
    seconds, callers = settings["seconds"], settings["callers"]
    for workload in settings["workloads"]:
        if workload == "answer":
            tell(workload, await latency(seconds, answer))
            continue

        if workload == "chain":

            async def call() -> None:
                await chain("A-1", 250)

        else:
            client = DBOSClient(system_database_url=settings["store"])

            async def call() -> None:
                handle = await client.enqueue_async({"workflow_name": "work", "queue_name": "bench"}, 250)
                await handle.get_result(polling_interval_sec=POLLING_SECONDS)

        await rate(callers, seconds / 3, call)
        per_second = await rate(callers, seconds, call)
        tell(workload, {"per_second": per_second, **await latency(seconds / 2, lambda: timed(call))})


async def serve() -> None:
    await DBOS.register_queue_async("bench", polling_interval_sec=POLLING_SECONDS)
    print("ready", flush=True)
    await asyncio.Event().wait()


settings = json.loads(sys.argv[1])
if settings.get("part") == "worker":
    launch(settings)
    asyncio.run(serve())
else:
    if any(workload != "work" for workload in settings["workloads"]):
        launch(settings)
    asyncio.run(main(settings))
    DBOS.destroy()
