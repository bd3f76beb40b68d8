"""The cost to evict a system, with few sessions and with many."""

from collections.abc import Sequence

from bench.contest import contest, entries, losing_a_system, must_hold, sessions
from bench.measure import interleaved
from bench.question import Answer, Question, Run
from bench.questions import evicting
from bench.stores.store import fill

IN_A_SESSION = 1
ANOTHER = sessions(100, "another-system")


async def measure(run: Run) -> Sequence[Answer]:
    """Let all hold as many systems of each size as there are rounds, and lose one of them in each."""
    sizes, rounds, held = run.pick((100, 1_000, 10_000), (10, 20, 40)), run.pick(9, 3), entries(IN_A_SESSION)
    systems = {size: {name: sessions(size, name) for name in _names(size, rounds)} for size in sizes}
    every = [*ANOTHER, *(session for each in systems.values() for some in each.values() for session in some)]
    async with contest(run.folder_of_its_own(), tag_systems=True) as field:
        advance = run.begin(f"filling with {len(every):,} sessions", len(every) * len(field.stores))
        for store in field.stores:
            await fill(store, every, held, advance)
        found = []
        for size in sizes:
            samples = {store.name: losing_a_system(store, systems[size], held) for store in field.stores}
            advance = run.begin(f"evicting systems of {size:,} sessions", rounds * len(samples))
            seconds = await interleaved(field.bare_samples() | samples, rounds, advance, burst=1)
            found.append(evicting.Evictions.of(f"{size:,} sessions", seconds, field))
        for store in field.stores:
            await must_hold(store, ANOTHER[-1], held)
    return evicting.answers(found)


def _names(size: int, rounds: int) -> list[str]:
    return [f"system-{size:06}-{number:03}" for number in range(rounds)]


QUESTION = Question("evict-system", "Evict a system with all of its sessions", measure, evicting.panels, limits=evicting.LIMITS)
