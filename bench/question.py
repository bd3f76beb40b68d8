"""A question, its answers, and a run that finds them."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from bench.numbers import written

T = TypeVar("T")
Advance = Callable[[int], None]
"""Tells that so many steps more are done."""


class SanityCheckFailed(Exception):
    """A contender did not do its work, so its figure would mean nothing."""


def must(condition: object, what: str) -> None:
    """Raise `SanityCheckFailed` unless the condition holds; `what` says what it should have been."""
    if not condition:
        raise SanityCheckFailed(what)


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure has to reach: at most `bound`, or at least."""

    bound: float
    at_least: bool = False

    def reached_by(self, figure: float) -> bool:
        """Whether the figure is good enough."""
        return figure >= self.bound if self.at_least else figure <= self.bound

    def __str__(self) -> str:
        return f"at {'least' if self.at_least else 'most'} {written(self.bound, 6)}"


def at_most(bound: float) -> Goal:
    """Return the goal of a figure that should be small."""
    return Goal(bound)


def at_least(bound: float) -> Goal:
    """Return the goal of a figure that should be large."""
    return Goal(bound, at_least=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """One figure of this project, beside its peers' in the same unit."""

    part: str
    """The part of the question that it answers: "memory, among 1 M entries"."""
    figure: float
    unit: str
    """"ms", or "times" for a ratio."""
    goal: Goal
    peers: Mapping[str, float] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Whether the goal was reached."""
        return self.goal.reached_by(self.figure)


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a picture: bars, one for each name, or lines, one for each name and from point to point."""

    title: str
    unit: str
    series: Mapping[str, Mapping[str, float]]
    """Name -> where -> how much. One place for each name makes bars, several make lines."""
    logarithmic: bool = True
    """Whether it may be, if the figures are far apart."""
    goal: float | None = None
    is_in_order: bool = False
    """Whether the series are drawn in their own order. By default all pictures have the same one."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one question."""

    quick: bool
    folder: Path
    """For files, and for itself alone; empty at the beginning and gone at the end."""
    begin: Callable[[str, int], Advance]
    """Begin a stretch of so many steps under this name. Its progress is shown."""

    def folder_of_its_own(self) -> Path:
        """Return a new folder within."""
        return Path(mkdtemp(dir=self.folder))

    def pick(self, full: T, quick: T) -> T:
        """Return the first in a run that counts, the second in one that only shows that all works."""
        return quick if self.quick else full


def a_panel_for_each(answers: Sequence[Answer]) -> list[Panel]:
    """Draw each answer that has peers as bars."""
    return [
        Panel(
            answer.part,
            answer.unit,
            {name: {"": figure} for name, figure in {OURS: answer.figure, **answer.peers}.items()},
            goal=answer.goal.bound,
        )
        for answer in answers
        if answer.peers
    ]


def a_panel_of_parts(title: str, answer: Answer, order: Sequence[str]) -> Panel:
    """Draw what an answer is the sum of, in this order."""
    names = [*(name for name in order if name in answer.peers), *(name for name in answer.peers if name not in order)]
    return Panel(title, answer.unit, {name: {"": answer.peers[name]} for name in names}, logarithmic=False, is_in_order=True)


OURS = "this project"
"""How this project is called in pictures where it is one of many; names that begin so are drawn in its colour."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something to be measured."""

    name: str
    """On the command line and in file names: "evict-session"."""
    title: str
    measure: Callable[[Run], Coroutine[None, None, Sequence[Answer]]]
    panels: Callable[[Sequence[Answer]], Sequence[Panel]] = a_panel_for_each
    limits: Sequence[str] = ()
    """Peers that show what could be reached at all: the machine itself, or a server that does nothing but answer."""
