"""Results that go together: at a server that answers as a test wants."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from typing import Any

import pytest

from sluicegate.results import MOST_LENGTH, MOST_RESULTS, Results

from .support import Kind
from .tasks import CUT, Answer, Call, Tasks, Working, problem, serving, status

RECORDED = {"executionId": "e", "status": "running"}


class Busy:
    """A worker with so many tasks, of whose results two are under way until `open`, and the others wait."""

    def __init__(self, kind: Kind, tasks: Tasks, count: int, handler: Callable[[Any], Any] = lambda task: task.input):
        self.open = threading.Event()
        ended: list[Any] = []

        def late(call: Call) -> Answer:
            self.open.wait(20)
            return status(200, RECORDED)

        def handle(task: Any) -> Any:
            if task.input == "alone":
                return None
            ended.append(task)
            return handler(task)

        for door in ("complete", "fail"):
            tasks.next(door, late, late)
        for number in range(count):
            tasks.offer(number)
        self.working = Working(kind, tasks.url, {"q": handle}, concurrency=count)
        tasks.until(lambda: len(ended) == count, "all handlers")
        tasks.until(lambda: len(tasks.at("complete") + tasks.at("fail")) == 2, "two results under way")


@pytest.fixture
def tasks() -> Generator[Tasks, None, None]:
    with serving() as tasks:
        yield tasks


@pytest.fixture
def busy(kind: Kind, tasks: Tasks) -> Generator[Callable[..., Busy], None, None]:
    started: list[Busy] = []

    def start(count: int, *handler: Callable[[Any], Any]) -> Busy:
        started.append(Busy(kind, tasks, count, *handler))
        return started[-1]

    yield start
    for one in started:
        one.open.set()
        if one.working.alive:
            one.working.stop()


def each(answer: Callable[[str], dict[str, Any]]) -> Callable[[Call], Answer]:
    """Answers each result of a request by its task."""
    return lambda call: status(200, {"results": [answer(one["leaseToken"][6:]) for one in call.body["results"]]})


def together(tasks: Tasks) -> list[Any]:
    return [one for call in tasks.at("results") for one in call.body["results"]]


def recorded(task_id: str) -> dict[str, Any]:
    return {"taskId": task_id, **RECORDED}


def test_results_that_come_while_others_are_under_way_go_together(tasks: Tasks, busy: Callable[..., Busy]) -> None:
    def handle(task: Any) -> Any:
        if task.input == 5:
            raise ValueError("no")
        return {"n": task.input}

    tasks.always("results", each(recorded))
    one = busy(9, handle)
    assert tasks.at("results") == []
    one.open.set()
    tasks.until(lambda: len(together(tasks)) == 7, "the others together")
    alone = {call.task_id for call in tasks.at("complete") + tasks.at("fail")}
    assert sorted([*map(str, alone), *(result["leaseToken"][6:] for result in together(tasks))]) == [
        f"t{n}" for n in range(1, 10)
    ]
    for result in together(tasks):
        number = int(result["leaseToken"][7:]) - 1
        assert result["error"]["message"] == "no" if number == 5 else result["output"] == {"n": number}
    assert tasks.at("results")[0].headers["authorization"]
    # They are over, and one that comes alone goes alone.
    count = len(tasks.at("results"))
    tasks.offer("alone")
    tasks.until(lambda: tasks.at("complete", "t10"), "the one that came alone")
    one.working.stop()
    assert (len(tasks.at("results")), tasks.at("release")) == (count, [])


def test_each_is_told_what_became_of_it(tasks: Tasks, busy: Callable[..., Busy], caplog: Any) -> None:
    one = busy(5)
    under_way = {call.task_id for call in tasks.at("complete")}
    gone, refused, later = sorted({f"t{n}" for n in range(1, 6)} - under_way)
    answers = {
        gone: {"problem": {"status": 409, "code": "lease_lost", "detail": "it is over"}},
        refused: {"problem": {"status": 422, "code": "invalid_value", "detail": "too deep"}},
        later: {"problem": {"status": 503, "code": "unavailable", "detail": "not now"}},
    }
    tasks.next("results", each(lambda task_id: answers[task_id]))
    one.open.set()
    # What was refused is told as a failure, what may pass is tried again.
    tasks.until(lambda: tasks.at("fail", refused) and tasks.at("complete", later), "another word on two of them")
    assert tasks.at("fail", refused)[0].body["error"]["code"] == "invalid_output"
    one.working.stop()
    assert (tasks.at("complete", gone), tasks.at("release")) == ([], [])
    assert f"the lease of task {gone} is lost" in caplog.text


@pytest.mark.parametrize("answer", [problem(404, "unknown_path"), problem(403, "role_too_low")])
def test_a_server_that_does_not_take_them_gets_each_alone(
    tasks: Tasks, busy: Callable[..., Busy], answer: Answer
) -> None:
    tasks.next("results", answer)
    one = busy(5)
    one.open.set()
    tasks.until(lambda: len({call.task_id for call in tasks.at("complete")}) == 5, "each alone")
    one.working.stop()
    assert len(tasks.at("results")) == 1


@pytest.mark.parametrize("answer", [CUT, problem(503, "unavailable"), status(200, {"results": []}), status(200, [1])])
def test_what_gets_no_answer_is_sent_again(tasks: Tasks, busy: Callable[..., Busy], answer: Answer) -> None:
    tasks.next("results", answer)
    tasks.always("results", each(recorded))
    one = busy(4)
    one.open.set()

    def sent() -> set[str]:
        again = (result["leaseToken"][6:] for call in tasks.at("results")[1:] for result in call.body["results"])
        return {*again, *(call.task_id or "" for call in tasks.at("complete"))}

    tasks.until(lambda: len(sent()) == 4, "all of them")
    one.working.stop()
    assert tasks.at("release") == []


def test_requests_hold_so_much_and_nobody_who_gave_up() -> None:
    async def run() -> list[list[str]]:
        requests: list[list[str]] = []
        go = asyncio.Event()

        async def send(body: str, count: int) -> list[BaseException | None]:
            requests.append([part[0] for part in body.removeprefix('{"results":[').split(",")])
            return [None] * count

        results = Results(send)
        sending = [asyncio.ensure_future(results.send("x", go.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        texts = ["a"] * (MOST_RESULTS + 3) + ["b" * (MOST_LENGTH // 2)] * 3
        sending += [asyncio.ensure_future(results.send(text, go.wait)) for text in texts]
        given_up = asyncio.ensure_future(results.send("c", go.wait))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*sending)
        await results.aclose()
        return requests

    requests = asyncio.run(run())
    assert [len(request) for request in requests] == [MOST_RESULTS, 4, 2]
    assert sorted({text for request in requests for text in request}) == ["a", "b"]
