"""What the programs that measure Python libraries share: the same loops as those of http.mjs, in asyncio."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable


def quantile(values: list[float], share: float) -> float:
    """A quantile: one of the values."""
    return sorted(values)[round(share * (len(values) - 1))]


async def rate(callers: int, seconds: float, call: Callable[[], Awaitable[object]]) -> float:
    """As many callers at once for so many seconds; completed calls per second."""
    completed = 0
    begun = time.perf_counter()

    async def caller() -> None:
        nonlocal completed
        while time.perf_counter() - begun < seconds:
            await call()
            completed += 1

    await asyncio.gather(*(caller() for _ in range(callers)))
    return completed / (time.perf_counter() - begun)


async def latency(seconds: float, call: Callable[[], Awaitable[float]], warm_up: int = 20) -> dict[str, float]:
    """One caller for so many seconds; `call` gives seconds."""
    for _ in range(warm_up):
        await call()
    taken = []
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        taken.append(await call())
    return {"p50_ms": quantile(taken, 0.5) * 1e3, "p95_ms": quantile(taken, 0.95) * 1e3, "samples": len(taken)}


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """How many seconds a call takes."""
    begun = time.perf_counter()
    await call()
    return time.perf_counter() - begun


def tell(workload: str, result: dict[str, float]) -> None:
    """Prints a result as one line."""
    print(json.dumps({"workload": workload, **result}), flush=True)
