"""The bench itself: who has a turn when, what is kept of what was measured, and what is written."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from bench.__main__ import run
from bench.measure import FEWEST, Stalls, interleaved, isolated
from bench.page import TEMPLATE, write_page
from bench.question import OURS, Answer, Question, Run, SanityCheckFailed, at_least, at_most, must
from bench.questions import ALL, memory_per_entry
from bench.results import Results

KEYS = {"question", "figure", "unit", "goal", "reached", "peers", "machine"}


def question(name: str, *answers: Answer) -> Question:
    async def measure(_run: Run) -> Sequence[Answer]:
        return answers

    return Question(name, f"The question of {name}", measure)


def costing(figure: float, part: str = "memory") -> Answer:
    return Answer(part, figure, "ms", at_most(2), {"a peer": 3.0, "another": 30.0})


FIRST, SECOND = question("first", costing(1), costing(4, "SQLite")), question("second", costing(2))
MACHINE = {"cores": 2, "cpu": "any", "system": "any", "python": "3", "versions": {"sqlite": "3"}}


def measured(*found: tuple[Question, Sequence[Answer]]) -> Results:
    results = Results([])
    for each, answers in found:
        results = results.with_answers(each, answers, MACHINE, (FIRST, SECOND))
    return results


def _contenders(turns: list[str]) -> dict[str, Callable[[], "asyncio.Future[float]"]]:
    """Return two that note whose turn it is, with three samples each."""

    def contender(name: str, *figures: float) -> Callable[[], "asyncio.Future[float]"]:
        given = iter(figures)

        def sample() -> "asyncio.Future[float]":
            turns.append(name)
            future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            future.set_result(next(given))
            return future

        return sample

    return {"a": contender("a", 1, 9, 2), "b": contender("b", 5, 5, 7)}


async def test_all_have_a_turn_in_each_round_and_each_gets_its_median() -> None:
    turns: list[str] = []
    assert await interleaved(_contenders(turns), 3, lambda _done: None, burst=1) == {"a": 2, "b": 5}
    assert turns == ["a", "b"] * 3


async def test_who_comes_after_whom_may_be_drawn_for_each_round() -> None:
    turns: list[str] = []
    drawn = Random(1)
    assert await interleaved(_contenders(turns), 3, lambda _done: None, burst=1, order=drawn) == {"a": 2, "b": 5}
    rounds = [turns[start : start + 2] for start in range(0, len(turns), 2)]
    assert all(sorted(each) == ["a", "b"] for each in rounds)
    assert ["a", "b"] in rounds
    assert ["b", "a"] in rounds


async def test_a_contender_that_has_taken_long_enough_has_no_further_turn() -> None:
    turns: list[float] = []

    async def slow() -> float:
        turns.append(10.0)
        return turns[-1]

    assert await interleaved({"slow": slow}, 3 * FEWEST, lambda _done: None, burst=1, enough=1) == {"slow": 10}
    assert len(turns) == FEWEST


async def test_what_holds_the_event_loop_up_is_seen() -> None:
    async with Stalls().watching() as stalls:
        _busy(0.05)
    assert stalls.longest > 0.04


def _busy(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def twice(number: int) -> int:
    return 2 * number


async def broken() -> None:
    must(False, "this holds")


async def test_an_isolated_function_gets_and_returns_values() -> None:
    assert await isolated(twice, number=21) == 42


async def test_an_isolated_function_that_fails_fails_the_question() -> None:
    with pytest.raises(SanityCheckFailed, match="broken"):
        await isolated(broken)


def test_a_goal_is_reached_at_its_bound() -> None:
    figures = (1.9, 2.0, 2.1)
    assert [at_most(2).reached_by(figure) for figure in figures] == [True, True, False]
    assert [at_least(2).reached_by(figure) for figure in figures] == [False, True, True]


def test_a_question_that_is_measured_again_replaces_its_own_answers_alone(tmp_path: Path) -> None:
    measured((SECOND, [costing(2)]), (FIRST, [costing(1), costing(4, "SQLite")])).write(tmp_path)
    again = Results.read(tmp_path).with_answers(FIRST, [costing(1.5)], MACHINE, (FIRST, SECOND))
    assert [(row["question"], row["figure"]) for row in again.rows] == [("first: memory", 1.5), ("second: memory", 2)]


def test_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    answers = [costing(1), Answer("SQLite", 1_234, "times", at_least(1_000))]
    measured((FIRST, answers)).write(tmp_path)
    assert Results.read(tmp_path).answers(FIRST) == answers
    assert {*json.loads((tmp_path / "results.json").read_text())[0]} == KEYS


def test_a_question_that_is_no_longer_asked_is_dropped() -> None:
    results = measured((FIRST, [costing(1)]), (SECOND, [costing(2)])).with_answers(SECOND, [costing(2)], MACHINE, (SECOND,))
    assert [row["question"] for row in results.rows] == ["second: memory"]


def test_the_same_answers_make_the_same_page_and_pictures(tmp_path: Path) -> None:
    results = measured((FIRST, [costing(1), costing(4, "SQLite")]))
    for folder in ("one", "two"):
        write_page(results, (FIRST,), tmp_path / folder)
    one, two = ({file.name: file.read_bytes() for file in (tmp_path / each).rglob("*.*")} for each in ("one", "two"))
    assert one == two
    assert {*one} == {"performance.md", "first.svg"}
    assert OURS in one["first.svg"].decode()


def test_a_figure_of_nothing_can_be_drawn(tmp_path: Path) -> None:
    write_page(measured((FIRST, [Answer("kept", 0, "%", at_most(2), {"a peer": 3.0})])), (FIRST,), tmp_path)
    assert (tmp_path / "pictures" / "first.svg").exists()


def test_every_question_has_its_place_on_the_page() -> None:
    text = TEMPLATE.read_text("utf-8")
    assert [each.name for each in ALL if text.count(f"<!-- {each.name} -->") != 1] == []


def test_a_run_writes_what_it_has_measured(tmp_path: Path) -> None:
    assert run([question(memory_per_entry.QUESTION.name, costing(1))], tmp_path, tmp_path, quick=True) == 0
    assert [answer.figure for answer in Results.read(tmp_path).answers(memory_per_entry.QUESTION)] == [1]
    assert {"results.json", "performance.md", "pictures"} == {file.name for file in tmp_path.iterdir()}


def test_a_check_that_fails_ends_the_run_and_writes_nothing(tmp_path: Path) -> None:
    async def measure(_run: Run) -> Sequence[Answer]:
        must(False, "something was evicted")
        return []

    assert run([Question("any", "Any", measure)], tmp_path, tmp_path, quick=True) == 1
    assert [*tmp_path.iterdir()] == []
