"""What it takes to evict one session of 100 entries, among few others and among many."""

from collections.abc import Mapping, Sequence

from bench.contest import AIOCACHE, Contest, contest, entries, losing_a_session, must_hold, sessions
from bench.measure import interleaved
from bench.question import OURS, Answer, Panel, Question, Run, at_least, at_most
from bench.stores.store import Place, fill

IN_A_SESSION = 100
SECOND_THOUGHTS = 50
"""Sessions that are looked at when all is over: nobody else's entries have gone."""
FASTER = {Place.MEMORY: 1_000, Place.REDIS: 100}
"""How many times faster than aiocache."""
UNIT = {Place.MEMORY: "ms", Place.SQLITE: "committed rows", Place.REDIS: "round trips"}

Figures = Mapping[str, float]


async def measure(run: Run) -> Sequence[Answer]:
    """Measure at each size, with everybody's entries in place at once."""
    sizes = run.pick((10_000, 100_000, 1_000_000), (1_000, 2_000, 4_000))
    answers: list[Answer] = []
    flat: list[dict[Place, Figures]] = []
    for size in sizes:
        async with contest(run.folder_of_its_own()) as field:
            taken = await _taken(run, field, size)
        flat.append({place: _at(place, taken, field) for place in Place})
        answers += [_cost(place, flat[-1][place], size) for place in Place]
    answers += [_flatness(place, flat[0][place], flat[-1][place], sizes) for place in Place]
    return answers + [_speed(place, flat[-1][place], sizes[-1]) for place in FASTER]


async def _taken(run: Run, field: Contest, size: int) -> dict[str, float]:
    among, held = sessions(size // IN_A_SESSION, "system"), entries(IN_A_SESSION)
    advance = run.begin(f"filling with {size:,} entries", len(field.stores) * len(among))
    for store in field.stores:
        await fill(store, among, held, advance)
    samples = field.bare_samples() | {store.name: losing_a_session(store, among, held) for store in field.stores}
    rounds = run.pick(15 if size < 1_000_000 else 7, 2)
    taken = await interleaved(samples, rounds, run.begin(f"evicting among {size:,}", rounds * len(samples)))
    for store in field.stores:
        for session in among[:: max(1, len(among) // SECOND_THOUGHTS)]:
            await must_hold(store, session, held)
    return taken


def _at(place: Place, taken: Figures, field: Contest) -> Figures:
    """Return milliseconds for memory; for the others, how many times as long as the machine itself takes."""
    one = taken[field.bare[place].name] if place in field.bare else 0.001
    return {name: seconds / one for name, seconds in taken.items() if field.places()[name] == place}


def _cost(place: Place, figures: Figures, size: int) -> Answer:
    bound = 0.05 if place is Place.MEMORY else 1.5
    return Answer(f"{place}, among {size:,} entries", figures[_ours(place)], UNIT[place], at_most(bound), _peers(figures, place))


def _flatness(place: Place, few: Figures, many: Figures, sizes: Sequence[int]) -> Answer:
    ratios = {name: many[name] / few[name] for name in many}
    part = f"{place}, among {sizes[-1]:,} against {sizes[0]:,}"
    return Answer(part, ratios[_ours(place)], "times", at_most(1.5), _peers(ratios, place))


def _speed(place: Place, figures: Figures, size: int) -> Answer:
    ratios = {name: figures[AIOCACHE[place]] / figure for name, figure in figures.items()}
    part = f"{place}, among {size:,}, faster than aiocache"
    return Answer(part, ratios[_ours(place)], "times", at_least(FASTER[place]), _peers(ratios, place))


def _ours(place: Place) -> str:
    return f"{OURS}, {place}"


def _peers(figures: Figures, place: Place) -> Figures:
    return {name: figure for name, figure in figures.items() if name != _ours(place)}


def panels(answers: Sequence[Answer]) -> list[Panel]:
    """Draw a panel for each place, with a line from size to size for each contender."""
    drawn = []
    for place in Place:
        series: dict[str, dict[str, float]] = {}
        for answer in answers:
            if answer.part.startswith(f"{place}, among") and answer.part.endswith("entries"):
                size = answer.part.removeprefix(f"{place}, among ")
                for name, figure in {OURS: answer.figure, **answer.peers}.items():
                    series.setdefault(name, {})[size] = figure
        drawn.append(Panel(str(place), UNIT[place], series))
    return drawn


QUESTION = Question("evict-session", "Evict one session of 100 entries", measure, panels)
