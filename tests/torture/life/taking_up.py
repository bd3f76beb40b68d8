"""After the last kill: the application takes up what is owed, by a clock that runs ahead; then all sessions are ended."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from aiohttp import web

from connector.api.parser import guarded_runner
from connector.app import PARTS, create_app
from connector.assembly.parts import Parts
from connector.endsystems.profile.conclusion import NEVER_ALIVE
from connector.model.debts import LogoutState
from connector.model.listed import SessionState, Wanted
from connector.preflight.loading import load
from tests.torture.life.calls import NO_TICK, now
from tests.torture.life.end_system import Regime
from tests.torture.life.history import History
from tests.torture.life.scene import Scene
from tests.torture.life.serving import ROUTES
from tests.torture.life.unused import may_be_reaped
from tests.torture.recovery import AHEAD, LOOK_EVERY, Clock, must_be_sound, nothing_is_due

WITHIN = 300.0
UNLIMITED = {"CONNECTOR__END_SYSTEM__SEATS": "1000000"}
NOBODY_KNOWS = Wanted(states=[SessionState.UNKNOWN])
MANY = 1_000_000


async def taken_up(config: Path, scene: Scene) -> History:
    """Have done what is owed, use what has to be open, end everything, and return all that was seen.

    Raises `AssertionError` if a file is damaged, or a row does not verify.
    """
    clock = Clock()
    scene.free()
    scene.place.system.is_over = True
    await scene.place.behave(Regime.FINE)
    await scene.place.system.idle()
    async with _served(config, clock) as parts:
        await _owing_nothing(parts, clock)
        settled, open_rows = frozenset(scene.place.system.alive), _open_in(config.parent / "data" / "ledger.sqlite3")
        await _end_everything(scene, settled)
        await _owing_nothing(parts, clock)
        unknown = [row.session_id for row in await parts.ledger.session_listing(NOBODY_KNOWS, limit=MANY)]
        assert not parts.ledger.lost_track, "the ledger was damaged"
    must_be_sound(*(config.parent / "data").glob("*.sqlite3"))
    in_the_end = frozenset(scene.place.system.alive)
    return scene.history(alive_when_settled=settled, alive_in_the_end=in_the_end, open_rows=open_rows, unknown=unknown)


def _open_in(ledger: Path) -> frozenset[str]:
    """Return the sessions that have a row as open, read by SQLite alone."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as file:
        return frozenset(session for (session,) in file.execute("SELECT session_id FROM sessions"))


@asynccontextmanager
async def _served(config: Path, clock: Callable[[], float]) -> AsyncIterator[Parts]:
    """Serve in this process, on the same port. Nobody becomes idle any more, and there are seats for all."""
    settings = load(config, UNLIMITED).settings
    app = create_app(settings, routes=ROUTES, environ={}, clock=clock, tick=NO_TICK)
    runner = guarded_runner(app, settings.server)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.server.host, settings.server.port, reuse_address=True).start()
        yield app[PARTS]
    finally:
        await runner.cleanup()


async def _owing_nothing(parts: Parts, clock: Clock) -> None:
    """Let time pass until nothing is owed. What needs attention is tried again by hand, as an administrator would."""
    try:
        async with asyncio.timeout(WITHIN):
            while await _owes_something(parts):
                if await nothing_is_due(parts.ledger, clock):
                    clock.ahead += AHEAD
                    parts.retries.nudge()
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        raise AssertionError(f"still owed: {await parts.ledger.listing()}") from None


async def _owes_something(parts: Parts) -> bool:
    for debt in await parts.ledger.listing(states=[LogoutState.WAITING]):
        if debt.outcome is not None and debt.outcome.code == NEVER_ALIVE.code:
            # No try can prove that a login which failed half-way is dead. Whoever dismisses it wrongly leaves a login that is
            # alive in the end, and the judge calls that lost.
            await parts.ledger.dismiss(debt.id, "the end system does not know it")
        else:
            await parts.ledger.make_due(debt.id)
    totals = await parts.ledger.statistics()
    return bool(totals.owed or totals.evictions or totals.waiting)


async def _end_everything(scene: Scene, alive: frozenset[str]) -> None:
    """Use each session that has to be open, then end it by its seal; end all others that have a login as OpsHub would: anew."""
    caller, history = scene.crowd.caller, scene.history()
    caller.checking = True
    books, still_open = (
        {book.session: book for book in (*scene.crowd.books, *scene.crowd.alone)},
        {call.session: call.ticket for call in history.left_open() if not may_be_reaped(history, call, now())},
    )
    for session, ticket in still_open.items():
        await caller.use(books[session], ticket)
        await caller.cleanup(books[session], ticket)
    others = {history.initializes[login.ticket].session for login in history.logins if login.token in alive} - still_open.keys()
    for session in sorted(others):
        await caller.initialize(books[session], None)
        await caller.cleanup(books[session], books[session].current)
