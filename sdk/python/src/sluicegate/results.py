"""Results on their way to the server.

One that comes alone goes at once, through the doors of its task. While such requests are under way, those that come
wait, and go together: a busy worker makes fewer requests, and an idle one waits for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from .errors import SluicegateApiError

REQUESTS = 2
"""So many requests with results at a time: with one, the server would have nothing to do until the next arrives."""
MOST_RESULTS = 100
"""How many results go together."""
MOST_LENGTH = 256 * 1024
"""And with how many characters."""
UNTAKEN = frozenset({401, 403, 404, 405})
"""What a server answers that does not know results of many tasks, or does not take them from this worker."""


@dataclass(eq=False)
class _Waiting:
    result: str
    alone: Callable[[], Awaitable[Any]]
    told: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def tell(self, error: BaseException | None) -> None:
        # Who waited may have given up.
        if not self.told.done():
            if error is None:
                self.told.set_result(None)
            else:
                self.told.set_exception(error)


class Results:
    """Those of one worker. Belongs to its loop."""

    def __init__(self, together: Callable[[str, int], Awaitable[list[BaseException | None]]]) -> None:
        """`together` sends a body with so many results, and gives what each of them is refused by."""
        self._together = together
        self._waiting: list[_Waiting] = []
        self._requests = 0
        self._go_together = True
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, result: str, alone: Callable[[], Awaitable[Any]]) -> None:
        """One attempt to send a result, a JSON object with the token of its lease; `alone` sends it by itself. Returns
        when it is recorded. It may be sent again, whatever became of the attempt."""
        if not self._go_together or len(result) > MOST_LENGTH / 2:
            await alone()
        elif self._requests < REQUESTS:
            self._requests += 1
            try:
                await alone()
            finally:
                self._over()
        else:
            waiting = _Waiting(result, alone)
            self._waiting.append(waiting)
            try:
                await waiting.told
            finally:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)

    async def aclose(self) -> None:
        """Ends the requests that nobody waits for any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _over(self) -> None:
        """A request is over: those that wait are sent, as far as there is room."""
        self._requests -= 1
        while self._requests < REQUESTS and self._waiting:
            count, length = 1, len(self._waiting[0].result)
            for waiting in self._waiting[1:MOST_RESULTS]:
                length += len(waiting.result)
                if length > MOST_LENGTH:
                    break
                count += 1
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
            self._requests += 1
            task = asyncio.ensure_future(self._send(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, batch: list[_Waiting]) -> None:
        """Sends some; each is told what became of it."""
        try:
            body = f'{{"results":[{",".join(waiting.result for waiting in batch)}]}}'
            for waiting, refusal in zip(batch, await self._together(body, len(batch)), strict=True):
                waiting.tell(refusal)
        except SluicegateApiError as error:
            # It says nothing of any of them.
            if error.status_code in UNTAKEN:
                self._go_together = False
            await asyncio.gather(*(self._alone(waiting) for waiting in batch))
        except BaseException as error:
            for waiting in batch:
                waiting.tell(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._over()

    async def _alone(self, waiting: _Waiting) -> None:
        if waiting.told.done():
            return
        try:
            await waiting.alone()
            waiting.tell(None)
        except Exception as error:
            waiting.tell(error)


def refusals(reply: Any, count: int) -> list[dict[str, Any] | None] | None:
    """The problem of each result in the reply to `count` of them; None if it is no such reply."""
    told: Any = cast("dict[str, Any]", reply).get("results") if isinstance(reply, dict) else None
    if not isinstance(told, list):
        return None
    told = cast("list[Any]", told)
    problems = [cast("dict[str, Any]", one).get("problem") for one in told if isinstance(one, dict)]
    return problems if len(problems) == count else None
