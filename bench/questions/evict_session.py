"""The cost to evict one session of 100 entries, among few others and among many."""

from collections.abc import Mapping, Sequence
from random import Random

from bench.contest import Contest, contest, entries, losing_a_session, must_hold, sessions
from bench.measure import interleaved
from bench.question import Answer, Question, Run
from bench.questions import evicting
from bench.stores.store import fill
from drivers import SessionScope

IN_A_SESSION = 100
ROUNDS, ENOUGH = 31, 1.0
"""Turns of each, one at a time, and seconds of evicting after which some peers need no more of them."""
LOOKED_AT = 50
"""Sessions that are read when all is over: nobody else's entries have gone."""


async def measure(run: Run) -> Sequence[Answer]:
    """Measure at each size in turn, with everybody's entries in place at once."""
    sizes, held, found = run.pick((10_000, 100_000, 1_000_000), (1_000, 2_000, 4_000)), entries(IN_A_SESSION), []
    every = sessions(sizes[-1] // IN_A_SESSION, "system")
    async with contest(run.folder_of_its_own()) as field:
        filled = 0
        for size in sizes:
            among = every[: size // IN_A_SESSION]
            advance = run.begin(f"filling with {size:,} entries", len(field.stores) * (len(among) - filled))
            for store in field.stores:
                await fill(store, among[filled:], held, advance)
            filled = len(among)
            seconds = await _seconds(run, field, among, held)
            found.append(evicting.Evictions.of(f"{size:,} entries", seconds, field))
    return evicting.answers(found)


async def _seconds(run: Run, field: Contest, among: Sequence[SessionScope], held: Mapping[str, bytes]) -> dict[str, float]:
    samples = field.bare_samples() | {store.name: losing_a_session(store, among, held) for store in field.stores}
    rounds = run.pick(ROUNDS, 2)
    advance = run.begin(f"evicting among {len(among) * IN_A_SESSION:,} entries", rounds * len(samples))
    drawn = Random(1)  # noqa: S311 - no secret
    seconds = await interleaved(samples, rounds, advance, burst=1, enough=ENOUGH, order=drawn)
    for store in field.stores:
        for session in among[:: max(1, len(among) // LOOKED_AT)]:
            await must_hold(store, session, held)
    return seconds


QUESTION = Question("evict-session", "Evict one session of 100 entries", measure, evicting.panels, limits=evicting.LIMITS)
