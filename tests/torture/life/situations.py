"""Situations in which a mistake in the life of sessions shows. Each campaign begins with them, whatever chance brings then."""

import asyncio
import signal

from tests.torture.life.calls import Call, End
from tests.torture.life.clients import Book
from tests.torture.life.end_system import SEATS
from tests.torture.life.logins import Way
from tests.torture.life.orders import Fate
from tests.torture.life.seat_situations import (
    a_kill_meets_a_login,
    a_logout_keeps_its_seat_while_it_fails,
    a_seat_is_given_back,
    sessions_become_idle,
    sessions_log_in_anew_while_another_waits,
    the_disk_is_full_when_a_session_needs_its_own_seat,
)
from tests.torture.life.stage import LONG, SOON, Situation, Stage


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


async def a_kill_meets_a_refresh(stage: Stage) -> None:
    """Nobody has the credential that it has made. The login may be alive, so that it holds a seat."""
    async with stage.server():
        for _ in range(SEATS - 1):
            await stage.opened("all")
        stage.renewing(Way.REFRESH)
        book, refresh = stage.book("all"), stage.system.orders.hold("/refresh")
        await stage.log_in(book)
        met = asyncio.ensure_future(_used(stage, book))
        await refresh.done.wait()
    refresh.go.set()
    await met
    async with stage.server():
        await stage.clean_up(book)
        await stage.log_in(stage.book("all"), patience=2 * SOON)


async def an_error_sets_a_cookie(stage: Stage) -> None:
    async with stage.server():
        book = await stage.opened()
        stage.system.orders.fail("/serial", Fate.REFUSED, times=1)
        await stage.use(book, times=1)
        await stage.use(book, times=1)


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


async def _used(stage: Stage, book: Book) -> Call:
    assert book.current is not None
    return await stage.caller.use(book, book.current, times=1)


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
        a_kill_meets_a_refresh,
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
