"""LangGraph runs inside the program that uses it, so callers and nodes are in one process, and no HTTP is between them.

`load.py '{"store": "postgresql://... or a file", "durability": "sync", "seconds": 3, "callers": 64, "workloads": [...]}'`
"""

import asyncio
import itertools
import json
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypedDict

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from langgraph.checkpoint.base import BaseCheckpointSaver  # noqa: E402
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # noqa: E402
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: E402
from langgraph.graph import END, START, StateGraph  # noqa: E402
from langgraph.types import Command, interrupt  # noqa: E402
from measure import latency, rate, tell, timed  # noqa: E402
from psycopg.rows import dict_row  # noqa: E402
from psycopg_pool import AsyncConnectionPool  # noqa: E402

# A saver has one lock, whatever the size of its pool: several savers use PostgreSQL better than one.
SAVERS = 8


class State(TypedDict):
    order: str
    amount: int


async def add(state: State) -> dict[str, int]:
    return {"amount": state["amount"] + 1}


async def ask(_state: State) -> dict[str, int]:
    interrupt("Go on?")
    return {}


def graph(saver: BaseCheckpointSaver, nodes: list):
    """The nodes in a row."""
    builder = StateGraph(State)
    before = START
    for at, node in enumerate(nodes):
        name = f"node{at}"
        builder.add_node(name, node)
        builder.add_edge(before, name)
        before = name
    builder.add_edge(before, END)
    return builder.compile(checkpointer=saver)


async def savers(store: str, stack: AsyncExitStack) -> list[BaseCheckpointSaver]:
    if not store.startswith("postgres"):
        saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(store))
        await saver.setup()
        async with saver.conn.execute("PRAGMA synchronous") as cursor:
            (synchronous,) = await cursor.fetchone()
        if synchronous != 2:
            raise SystemExit(f"SQLite does not sync every commit: {synchronous}")
        return [saver]
    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool = AsyncConnectionPool(store, min_size=SAVERS, max_size=SAVERS, open=False, kwargs=settings)
    await stack.enter_async_context(pool)
    made = [AsyncPostgresSaver(pool) for _ in range(SAVERS)]
    await made[0].setup()
    return made


async def main(settings: dict) -> None:
    seconds, callers, durability = settings["seconds"], settings["callers"], settings["durability"]
    numbers = itertools.count()

    def thread() -> dict:
        return {"configurable": {"thread_id": f"{time.time_ns()}-{next(numbers)}"}}

    async with AsyncExitStack() as stack:
        made = await savers(settings["store"], stack)
        chains = itertools.cycle([graph(saver, [add] * 5) for saver in made])
        gate = graph(made[0], [ask, add])
        start = {"order": "A-1", "amount": 250}

        async def chain() -> None:
            await next(chains).ainvoke(start, thread(), durability=durability)

        async def answer() -> float:
            """From the answer to the return of what goes on after it: then the next node's checkpoint is written."""
            config = thread()
            await gate.ainvoke(start, config, durability=durability)
            begun = time.perf_counter()
            await gate.ainvoke(Command(resume=True), config, durability=durability)
            return time.perf_counter() - begun

        for workload in settings["workloads"]:
            if workload == "answer":
                tell(workload, await latency(seconds, answer))
                continue
            await rate(callers, seconds / 3, chain)
            per_second = await rate(callers, seconds, chain)
            tell(workload, {"per_second": per_second, **await latency(seconds / 2, lambda: timed(chain))})


asyncio.run(main(json.loads(sys.argv[1])))
