"""Situations in which a mistake in the life of sessions shows. Each campaign begins with them, whatever chance brings then."""

import asyncio
import signal

from tests.torture.life.calls import Call, End, now
from tests.torture.life.clients import Book
from tests.torture.life.end_system import SEATS
from tests.torture.life.history import WRITES
from tests.torture.life.logins import Way
from tests.torture.life.orders import Fate
from tests.torture.life.stage import Situation, Stage

SOON, LONG = 1.0, 10.0
"""Seconds that something may take that has begun, and that comes in any case."""
TICK = 0.5
"""Seconds of a minute of idle time, where sessions become idle."""
SHORT_CALL, GAP = 0.3, 0.6
"""Seconds of a call, and between two calls: more than a tick, and less than a session may be idle."""
LONG_CALL = 10 * TICK
ROUNDS = 5


async def a_session_logs_in_anew(stage: Stage) -> None:
    """Its earlier login ends, and the new one does not."""
    async with stage.server():
        book = await stage.opened()
        await stage.log_in(book)
        await stage.use(book)
        await stage.until(lambda: stage.is_dead(book, 0), LONG)
        await stage.until(lambda: stage.is_dead(book), SOON)
        await stage.use(book, times=1)


async def an_older_seal_cleans_up(stage: Stage) -> None:
    async with stage.server():
        book = await stage.opened()
        older = book.current
        await stage.log_in(book)
        await stage.until(lambda: stage.is_dead(book, 0), LONG)
        await stage.caller.cleanup(book, older)


async def a_cleanup_overtakes_a_login(stage: Stage) -> None:
    async with stage.server(End.STOPPED):
        book, login = stage.book(), stage.system.orders.hold("/login")
        async with stage.under_way(stage.log_in(book)):
            await login.done.wait()
            await stage.caller.cleanup(book, None)
            login.go.set()
        await stage.use(book)


async def a_kill_follows_a_login(stage: Stage) -> None:
    async with stage.server():
        book = await stage.opened()
    async with stage.server():
        await stage.use(book, times=1)


async def a_logout_fails_and_a_kill_follows(stage: Stage) -> None:
    """The seal is dead before the kill and after it, and the login ends in the end."""
    stage.system.orders.fail("/leave", Fate.UNAVAILABLE)
    async with stage.server():
        book = await stage.opened()
        await stage.clean_up(book)
        await stage.use(book)
    async with stage.server():
        await stage.use(book)


async def a_login_fails_half_way(stage: Stage) -> None:
    stage.system.orders.fail("/enter", Fate.UNAVAILABLE, times=1)
    async with stage.server(End.STOPPED):
        await stage.log_in(stage.book())


async def a_server_is_stopped_during_a_login(stage: Stage) -> None:
    """It waits for the end system's answer, for longer than its caller does."""
    async with stage.server(End.STOPPED, is_patient=False):
        login = stage.system.orders.hold("/login")
        async with stage.under_way(stage.log_in(stage.book())):
            await login.done.wait()
            stage.scene.server.send(signal.SIGTERM)
            await stage.scene.server.gone_within(3 * SOON)
            login.go.set()


async def a_system_is_cleaned_up(stage: Stage) -> None:
    """Neither its sessions nor it itself are given what was cached before."""
    async with stage.server():
        book, other = await stage.opened(), await stage.opened()
        await stage.clean_up(book, whole_system=True)
        await stage.use(other)
        await stage.log_in(book)
        await stage.use(book)


async def cookies_outlive_a_kill(stage: Stage) -> None:
    stage.renewing(Way.COOKIE)
    async with stage.server():
        book = await stage.opened()
        await stage.use(book, times=1)
    async with stage.server():
        await stage.use(book, times=1)
        await stage.clean_up(book)


async def a_newer_cookie_overtakes_an_older_one(stage: Stage) -> None:
    """The answer that brings the older one comes when the newer one was used, and has ended the older one."""
    stage.renewing(Way.COOKIE)
    async with stage.server():
        book = await stage.opened()
        answer = stage.system.orders.hold("/serial")
        async with stage.under_way(_used(stage, book)):
            await answer.done.wait()
            await stage.use(book, times=1)
            answer.go.set()
        await stage.use(book, times=1)


async def two_calls_need_a_refresh(stage: Stage) -> None:
    stage.renewing(Way.REFRESH)
    async with stage.server():
        book, refresh = stage.book(), stage.system.orders.hold("/refresh")
        refusals = [stage.system.orders.hold("/serial") for _ in range(2)]
        await stage.log_in(book)
        async with stage.under_way(_used(stage, book)), stage.under_way(_used(stage, book)):
            for refusal in refusals:
                await refusal.done.wait()
            for refusal in refusals:
                refusal.go.set()
            await refresh.done.wait()
            await stage.until(lambda: bool(stage.logins(book)[0].spent_again), SOON)
            refresh.go.set()


async def an_error_sets_a_cookie(stage: Stage) -> None:
    async with stage.server():
        book = await stage.opened()
        stage.system.orders.fail("/serial", Fate.REFUSED, times=1)
        await stage.use(book, times=1)
        await stage.use(book, times=1)


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


async def a_cleanup_comes_twice(stage: Stage) -> None:
    async with stage.server():
        book = await stage.opened()
        await stage.clean_up(book)
        await stage.clean_up(book)


async def a_kill_meets_a_cleanup_that_is_not_recorded(stage: Stage) -> None:
    """Nobody was told that the session is closed."""
    stage.system.orders.fail("/leave", Fate.UNAVAILABLE)
    async with stage.server():
        book = await stage.opened()
        with stage.ledger_locked():
            await stage.clean_up(book)
            await stage.use(book)
            await stage.scene.server.kill()
    async with stage.server():
        await stage.use(book)


async def the_disk_is_full_when_a_session_needs_its_own_seat(stage: Stage) -> None:
    """Its login is not ended for a new one that could not be recorded either."""
    async with stage.server():
        books = await _all_seats(stage)
        stage.let_nothing_be_written()
        await stage.log_in(books[0], patience=2 * SOON)
        await stage.until(lambda: stage.is_dead(books[0]), SOON)


async def _used(stage: Stage, book: Book) -> Call:
    assert book.current is not None
    return await stage.caller.use(book, book.current, times=1)


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


SITUATIONS: dict[str, Situation] = {
    situation.__name__.replace("_", " "): situation
    for situation in (
        a_session_logs_in_anew,
        an_older_seal_cleans_up,
        a_cleanup_overtakes_a_login,
        a_kill_follows_a_login,
        a_logout_fails_and_a_kill_follows,
        a_login_fails_half_way,
        a_server_is_stopped_during_a_login,
        a_system_is_cleaned_up,
        cookies_outlive_a_kill,
        a_newer_cookie_overtakes_an_older_one,
        two_calls_need_a_refresh,
        an_error_sets_a_cookie,
        sessions_become_idle,
        a_logout_keeps_its_seat_while_it_fails,
        sessions_log_in_anew_while_another_waits,
        a_seat_is_given_back,
        a_kill_meets_a_login,
        a_cleanup_comes_twice,
        a_kill_meets_a_cleanup_that_is_not_recorded,
        the_disk_is_full_when_a_session_needs_its_own_seat,
    )
}
"""By what happens."""
