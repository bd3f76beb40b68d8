"""The cost of evictions of several sizes, for each place where entries can lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contest import Contest
from bench.question import OURS, Answer, Goal, Panel, at_least, at_most
from bench.stores.bare import BareRedis, BareSqlite
from bench.stores.local_peers import AiocacheMemory, NestedDict
from bench.stores.redis_peers import AiocacheRedis
from bench.stores.store import Place

MOST = {Place.MEMORY: 0.05, Place.SQLITE: 1.3, Place.REDIS: 1.5}
UNIT = {Place.MEMORY: "ms", Place.SQLITE: "committed rows", Place.REDIS: "round trips"}
FLAT = 1.5
LIMITS = (NestedDict.name, BareRedis.name, BareSqlite.name)
AIOCACHE = {Place.MEMORY: AiocacheMemory.name, Place.REDIS: AiocacheRedis.name}
FASTER = {Place.MEMORY: 1_000, Place.REDIS: 100}
"""How many times faster than aiocache, at the largest size."""

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evictions:
    """The cost of an eviction for each contender at one size, in the unit of its place."""

    size: str
    taken: Mapping[Place, Figures]

    @classmethod
    def of(cls, size: str, seconds: Figures, field: Contest) -> "Evictions":
        """Return milliseconds for memory; for the others, how many times as long as the machine itself takes."""
        places, taken = field.places(), {}
        for place in Place:
            one = seconds[field.bare[place].name] if place in field.bare else 0.001
            taken[place] = {name: figure / one for name, figure in seconds.items() if places[name] == place}
        return cls(size, taken)


def answers(found: Sequence[Evictions]) -> list[Answer]:
    """Return what it costs at each size, how flat that is, and how much faster than aiocache."""
    first, last = found[0], found[-1]
    costs = [_cost(place, each) for each in found for place in Place]
    flat = [_flatness(place, first, last) for place in Place]
    return [*costs, *flat, *(_speed(place, last) for place in FASTER)]


def _cost(place: Place, found: Evictions) -> Answer:
    return _answer(place, found.size, found.taken[place], UNIT[place], at_most(MOST[place]))


def _flatness(place: Place, first: Evictions, last: Evictions) -> Answer:
    ratios = {name: figure / first.taken[place][name] for name, figure in last.taken[place].items()}
    return _answer(place, f"{last.size} against {first.size}", ratios, "times", at_most(FLAT))


def _speed(place: Place, found: Evictions) -> Answer:
    aiocache = found.taken[place][AIOCACHE[place]]
    ratios = {name: aiocache / figure for name, figure in found.taken[place].items()}
    return _answer(place, f"{found.size}, faster than aiocache", ratios, "times", at_least(FASTER[place]))


def _answer(place: Place, what: str, figures: Figures, unit: str, goal: Goal) -> Answer:
    own = f"{OURS}, {place}"
    peers = {name: figure for name, figure in figures.items() if name != own}
    return Answer(f"{place}, {what}", figures[own], unit, goal, peers)


def panels(found: Sequence[Answer]) -> list[Panel]:
    """Draw a panel for each place, with a line from size to size for each contender."""
    drawn = []
    for place in Place:
        costs = [answer for answer in found if answer.part.startswith(f"{place}, ") and answer.unit == UNIT[place]]
        series: dict[str, dict[str, float]] = {}
        for answer in costs:
            for name, figure in {OURS: answer.figure, **answer.peers}.items():
                series.setdefault(name, {})[answer.part.removeprefix(f"{place}, ")] = figure
        drawn.append(Panel(str(place), UNIT[place], series))
    return drawn
