"""What it takes to evict one session of 100 entries, among few others and among many."""

from collections.abc import Sequence

from bench.contest import Contest, contest, entries, losing_a_session, must_hold, sessions
from bench.measure import interleaved
from bench.question import Answer, Question, Run
from bench.questions import evicting
from bench.stores.store import fill

IN_A_SESSION = 100
LOOKED_AT = 50
"""Sessions that are read when all is over: nobody else's entries have gone."""


async def measure(run: Run) -> Sequence[Answer]:
    """Measure at each size, with everybody's entries in place at once."""
    found = []
    for size in run.pick((10_000, 100_000, 1_000_000), (1_000, 2_000, 4_000)):
        async with contest(run.folder_of_its_own()) as field:
            found.append(evicting.Evictions.of(f"among {size:,}", await _seconds(run, field, size), field))
    return evicting.answers(found)


async def _seconds(run: Run, field: Contest, size: int) -> dict[str, float]:
    among, held = sessions(size // IN_A_SESSION, "system"), entries(IN_A_SESSION)
    advance = run.begin(f"filling with {size:,} entries", len(field.stores) * len(among))
    for store in field.stores:
        await fill(store, among, held, advance)
    samples = field.bare_samples() | {store.name: losing_a_session(store, among, held) for store in field.stores}
    rounds = run.pick(15 if size < 1_000_000 else 7, 2)
    seconds = await interleaved(samples, rounds, run.begin(f"evicting among {size:,}", rounds * len(samples)))
    for store in field.stores:
        for session in among[:: max(1, len(among) // LOOKED_AT)]:
            await must_hold(store, session, held)
    return seconds


QUESTION = Question("evict-session", "Evict one session of 100 entries", measure, evicting.panels)
