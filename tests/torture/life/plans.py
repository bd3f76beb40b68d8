"""What happens to each server in its life: drawn from a seed, so that the same seed makes the same plans."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import TypeVar

from tests.torture.failpoints import OF_OPENINGS, OF_RENEWALS, STEPS, Failpoint
from tests.torture.life.calls import End
from tests.torture.life.end_system import Regime

T = TypeVar("T")
SPANS = {(0.0, 0.6): 80, (0.6, 2.0): 14, (2.0, 5.0): 6}
"""How long a server lives after it has come up, in seconds, and how often."""
REGIMES = {Regime.FINE: 45, Regime.ROUGH: 25, Regime.SLOW: 10, Regime.REFUSING: 8, Regime.AWAY: 12}
ENDS = {End.KILLED: 80, End.KILLED_PAUSED: 8, End.STOPPED: 7, End.KILLED_STOPPING: 5}
ARMED = 0.35
"""The share of servers that kill themselves at a step; those who never come by it are killed as planned."""
PASSES = 6
PAUSED, PAUSED_LONG = 0.12, 0.03
"""The share of servers that are stopped for a while, and for longer than anybody waits for a login."""
CROWDED = 0.15
"""The share of servers whose disk is full for a while."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens so many seconds after the server has come up."""

    at: float


@dataclass(frozen=True, slots=True)
class Changes(Event):
    """The end system begins to behave like this."""

    regime: Regime

    def __str__(self) -> str:
        return f"end system {self.regime} at {self.at:.3f}"


@dataclass(frozen=True, slots=True)
class Pause(Event):
    """SIGSTOP, and SIGCONT after so many seconds."""

    seconds: float

    def __str__(self) -> str:
        return f"stopped for {self.seconds:.3f} s at {self.at:.3f}"


@dataclass(frozen=True, slots=True)
class Fill(Event):
    """The disk is full, until there is a `Free`, in this server's life or the next one's."""

    def __str__(self) -> str:
        return f"disk full at {self.at:.3f}"


@dataclass(frozen=True, slots=True)
class Free(Event):
    """There is room on the disk again, if there was none."""

    def __str__(self) -> str:
        return f"room at {self.at:.3f}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One server's life."""

    number: int
    span: float
    end: End
    failpoint: Failpoint | None
    events: tuple[Event, ...]

    def __str__(self) -> str:
        armed = "" if self.failpoint is None else f" or {self.failpoint}, passed {self.failpoint.passes} times"
        return f"no. {self.number}, {', '.join(map(str, self.events))}; {self.end} after {self.span:.3f} s{armed}"


def plans(seed: int) -> Iterator[Plan]:
    """Draw one life after the other, for ever."""
    random = Random(seed)
    for number in count(1):
        yield _drawn(number, random)


def _drawn(number: int, random: Random) -> Plan:
    span, end = random.uniform(*_one_of(SPANS, random)), _one_of(ENDS, random)
    events = sorted([*_regimes(span, random), *_pauses(span, random), *_room(span, random)], key=lambda event: event.at)
    armed = end is End.KILLED and random.random() < ARMED
    return Plan(number, span, end, _failpoint(random) if armed else None, tuple(events))


def _regimes(span: float, random: Random) -> Iterator[Event]:
    yield Changes(0.0, _one_of(REGIMES, random))
    if random.random() < 0.5:
        yield Changes(random.uniform(0, span), _one_of(REGIMES, random))


def _pauses(span: float, random: Random) -> Iterator[Event]:
    if random.random() < PAUSED:
        yield Pause(random.uniform(0, span), random.uniform(0.02, 0.4))
    elif random.random() < PAUSED_LONG:
        yield Pause(random.uniform(0, span), random.uniform(1.6, 2.5))


def _room(span: float, random: Random) -> Iterator[Event]:
    """A disk that was full may be so until the next server has begun, at most."""
    yield Free(random.uniform(0, 0.1))
    if random.random() < CROWDED:
        full = random.uniform(0.1, max(0.1, span))
        yield Fill(full)
        if random.random() < 0.6:
            yield Free(full + random.uniform(0.1, 0.8))


def _failpoint(random: Random) -> Failpoint:
    step = random.choice([*STEPS, *OF_OPENINGS, *OF_RENEWALS])
    return Failpoint(step, random.choice(["before", "after"]), random.randint(1, PASSES))


def _one_of(weights: dict[T, int], random: Random) -> T:
    (found,) = random.choices([*weights], [*weights.values()])
    return found
