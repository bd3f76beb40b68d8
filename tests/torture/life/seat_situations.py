"""Situations of seats and of idle time in which a mistake shows; see `situations`."""

import asyncio

from tests.torture.life.calls import now
from tests.torture.life.clients import Book
from tests.torture.life.end_system import SEATS
from tests.torture.life.history import WRITES
from tests.torture.life.orders import Fate
from tests.torture.life.stage import LONG, SOON, Stage

TICK = 0.5
"""Seconds of a minute of idle time, where sessions become idle."""
SHORT_CALL, GAP = 0.3, 0.6
"""Seconds of a call, and between two calls: more than a tick, and less than a session may be idle."""
LONG_CALL, ROUNDS = 10 * TICK, 5
"""Seconds of a call that outlasts the idle time, and how many short ones do so together."""


async def sessions_become_idle(stage: Stage) -> None:
    """One that nobody uses ends; one with a long call, and one that is used again and again, do not."""
    async with stage.server(tick=TICK):
        unused, called, used = await stage.opened(), await stage.opened(), await stage.opened()
        async with asyncio.TaskGroup() as uses:
            uses.create_task(_used_for_long(stage, called))
            uses.create_task(_used_again_and_again(stage, used))
            uses.create_task(stage.until(lambda: stage.is_dead(unused), LONG))


async def a_logout_keeps_its_seat_while_it_fails(stage: Stage) -> None:
    async with stage.server():
        books = await _all_seats(stage)
        stage.system.orders.fail("/leave", Fate.UNAVAILABLE)
        await stage.clean_up(books[0])
        await stage.log_in(stage.book("all"), patience=2 * SOON)


async def sessions_log_in_anew_while_another_waits(stage: Stage) -> None:
    """Each uses its own seat, and gives it to nobody meanwhile."""
    async with stage.server():
        books = await _all_seats(stage)
        async with stage.under_way(stage.log_in(stage.book("all"), patience=3 * SOON)) as waiting:
            await asyncio.wait([waiting], timeout=SOON / 2)
            for book in books:
                await stage.log_in(book)


async def a_seat_is_given_back(stage: Stage) -> None:
    """Another server finds it free."""
    async with stage.server():
        books = await _all_seats(stage)
        for book in books:
            await stage.clean_up(book)
        logins = [login for book in books for login in stage.logins(book)]
        await stage.until(lambda: min(login.proved_dead for login in logins) + 2 * WRITES < now(), LONG)
    async with stage.server(is_patient=False):
        await stage.log_in(stage.book("all"))


async def a_kill_meets_a_login(stage: Stage) -> None:
    """It may be alive, so that it holds a seat."""
    async with stage.server():
        for _ in range(SEATS - 1):
            await stage.opened("all")
        login = stage.system.orders.hold("/login")
        met = asyncio.ensure_future(stage.log_in(stage.book("all")))
        await login.done.wait()
    login.go.set()
    await met
    async with stage.server():
        await stage.log_in(stage.book("all"), patience=2 * SOON)


async def the_disk_is_full_when_a_session_needs_its_own_seat(stage: Stage) -> None:
    """Its login is not ended for a new one that could not be recorded either."""
    async with stage.server():
        books = await _all_seats(stage)
        stage.let_nothing_be_written()
        await stage.log_in(books[0], patience=2 * SOON)
        await stage.until(lambda: stage.is_dead(books[0]), SOON)


async def _used_for_long(stage: Stage, book: Book) -> None:
    await stage.use(book, seconds=LONG_CALL)
    await stage.use(book)


async def _used_again_and_again(stage: Stage, book: Book) -> None:
    """Use a session as soon as it is seen to end, although it is in use."""
    for _ in range(ROUNDS):
        await stage.use(book, seconds=SHORT_CALL)
        await stage.until(lambda: bool(stage.logins(book)[0].asked_to_end), GAP)
    await stage.use(book)


async def _all_seats(stage: Stage) -> list[Book]:
    """Return sessions that have all seats of a pool."""
    return [await stage.opened("all") for _ in range(SEATS)]
