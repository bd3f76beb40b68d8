"""After the last trouble: what is owed is done, what has to be open is used, all sessions are ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from connector.app import PARTS, create_app
from connector.ledger.port import Ledger
from connector.model.debts import LogoutState
from connector.model.errors import NoSuchDebt
from connector.model.listed import SessionState, Wanted
from connector.preflight.loading import load
from tests.torture.fleet.ground import Ground
from tests.torture.fleet.history import FleetHistory
from tests.torture.life.calls import NO_TICK, Life, now
from tests.torture.life.clients import Book, Crowd
from tests.torture.life.listening import Listening
from tests.torture.life.unused import may_be_reaped

WITHIN = 120.0
LOOK_EVERY = 0.25
AT_ONCE = 8
MANY = 1_000_000
UNLIMITED = {"CONNECTOR__END_SYSTEM__SEATS": str(MANY)}
OPEN_ROWS = "SELECT session_id FROM sessions"
NOBODY_KNOWS = Wanted(states=[SessionState.UNKNOWN])


async def ended(folder: Path, ground: Ground, place: Listening, crowd: Crowd) -> FleetHistory:
    """Have done what is owed, use what has to be open, end everything, and return all that was seen."""
    place.system.is_over = True
    await ground.restarts.restart_all_in_turn(UNLIMITED, tick=NO_TICK)
    async with _looking(folder, ground) as ledger:
        await _owing_nothing(ledger)
        settled = frozenset(place.system.alive)
        open_rows = frozenset(str(session) for (session,) in ground.database.rows(OPEN_ROWS))
        seen = seen_so_far(ground, place, crowd)
        await _end_everything(seen, crowd, settled)
        await _owing_nothing(ledger)
        unknown = [row.session_id for row in await ledger.session_listing(NOBODY_KNOWS, limit=MANY)]
    about = {"alive_when_settled": settled, "open_rows": open_rows, "unknown": unknown}
    return seen_so_far(ground, place, crowd, alive_in_the_end=frozenset(place.system.alive), **about)


def seen_so_far(ground: Ground, place: Listening, crowd: Crowd, **in_the_end: Any) -> FleetHistory:
    """Return all that was seen, and what was found `in_the_end`."""
    system, life = place.system, Life("the fleet", 0.0, tick=ground.deployment.tick)
    return FleetHistory(
        crowd.caller.calls,
        [life],
        [*system.logins],
        beyond=[*system.beyond],
        troubles=ground.troubles,
        lateness=ground.lateness,
        **in_the_end,
    )


@asynccontextmanager
async def _looking(folder: Path, ground: Ground) -> AsyncIterator[Ledger]:
    """Run one more replica in this process, which nobody calls, and return its ledger."""
    folder.joinpath("one more").mkdir()
    config = folder / "one more" / "config.toml"
    config.write_text(f"{ground.config}\n[server]\nport = 0\n")
    environ = {**ground.environ, **UNLIMITED}
    parts = create_app(load(config, environ).settings, environ=environ, tick=NO_TICK)[PARTS]
    async with parts.running(WITHIN):
        yield parts.ledger


async def _owing_nothing(ledger: Ledger) -> None:
    """Wait until nothing is owed. What waits for its time, or needs attention, is tried again by hand."""
    try:
        async with asyncio.timeout(WITHIN):
            while await _owes_something(ledger):  # noqa: ASYNC110 - the replicas change it
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        raise AssertionError(f"still owed: {await ledger.listing()}") from None


async def _owes_something(ledger: Ledger) -> bool:
    for debt in await ledger.listing(states=[LogoutState.OWED, LogoutState.WAITING]):
        with suppress(NoSuchDebt):  # it is done meanwhile
            await ledger.make_due(debt.id)
    totals = await ledger.statistics()
    return bool(totals.owed or totals.evictions or totals.waiting or totals.openings)


async def _end_everything(seen: FleetHistory, crowd: Crowd, alive: frozenset[str]) -> None:
    """Use each session that has to be open, then end it by its seal; end all others that have a login as OpsHub would: anew."""
    caller = crowd.caller
    caller.checking = True
    books, turns = {book.session: book for book in (*crowd.books, *crowd.alone)}, asyncio.Semaphore(AT_ONCE)
    still_open = {call.session: call.ticket for call in seen.left_open() if not may_be_reaped(seen, call, now())}
    others = {seen.initializes[login.ticket].session for login in seen.logins if login.token in alive} - still_open.keys()

    async def end(book: Book) -> None:
        async with turns:
            if book.session in still_open:
                await caller.use(book, still_open[book.session])
                await caller.cleanup(book, still_open[book.session])
            else:
                await caller.initialize(book, None)
                await caller.cleanup(book, book.current)

    async with asyncio.TaskGroup() as ending:
        for session in sorted(still_open.keys() | others):
            ending.create_task(end(books[session]))
