"""A cleanup while the ledger does not work: once it does again, what was closed stays closed, and what is left is owed."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest

from connector.api.answers import answer
from connector.model.cleanup import Missed
from connector.model.debts import LogoutState
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import IN_USE_AGAIN
from connector.runtime.supervision import supervised
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed
from drivers import DriverUnavailable, SystemScope
from tests.assembly import a_ledger, cleaner
from tests.doubles import ACKNOWLEDGED, ScriptedDriver, ScriptedEndSystem
from tests.fleet.gates import in_place_of
from tests.ledger.ledgers import ORIGIN, START, SetClock, all_due, logins, open_, opened, owed, raw, request, until
from tests.ledger.ledgers import session as a_session
from tests.ledger.test_evictions import away
from tests.sessions.desk import Desk, settings
from tests.sessions.served import served
from tests.sessions.test_cleanup import GLOBAL, SYSTEM
from tests.sessions.test_in_use import ROUTES

A_DAY = 86_400.0


@contextmanager
def out_of_order(folder: Path) -> Iterator[None]:
    """Keep the ledger from being written, as another program does that has it open."""
    with raw(folder) as file:
        file.execute("BEGIN IMMEDIATE")
        yield


async def has_no_open_session(folder: Path) -> bool:
    with raw(folder) as file:
        return file.execute("SELECT id FROM sessions").fetchall() == []


async def test_a_session_with_an_unrecorded_cleanup_is_closed_once_the_ledger_works(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = (await server.opshub.initialize(session, settings(), query=SYSTEM)).session_headers
        with out_of_order(tmp_path):
            refused = await server.opshub.cleanup(session, headers, SYSTEM)
        await until(partial(has_no_open_session, tmp_path))
    async with served(tmp_path, desk.section, routes=ROUTES) as restarted:
        call = await restarted.opshub.call("/about", headers)
        duplicate = await restarted.opshub.cleanup(session, headers, SYSTEM)

    assert (refused.status, refused.body["errors"]["code"]) == (503, "ledger_unavailable")
    assert call.status == 401
    assert (duplicate.status, duplicate.body["logout"]["outcome"]) == (200, "acknowledged")
    assert desk.logouts.total() == 1


async def test_a_server_that_ends_before_it_has_come_to_it_closes_the_session_at_its_end(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = (await server.opshub.initialize(session, settings(), query=SYSTEM)).session_headers
        with out_of_order(tmp_path):
            assert (await server.opshub.cleanup(session, headers, SYSTEM)).status == 503

    assert await has_no_open_session(tmp_path)


async def test_a_login_neither_recorded_nor_ended_is_ended_once_both_work_again(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = (await server.opshub.initialize(session, settings(), query=SYSTEM)).session_headers
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        with out_of_order(tmp_path):
            assert (await server.opshub.cleanup(session, headers, SYSTEM)).status == 503
        desk.status = HTTPStatus.OK
        await desk.ended.get()

    assert not desk.alive


async def test_a_clock_set_back_since_the_initialize_leaves_no_login_open(desk: Desk, session: str, tmp_path: Path) -> None:
    clock = SetClock(time.time())
    async with served(tmp_path, desk.section, clock=clock) as server:
        first = (await server.opshub.initialize(session, settings(), query=SYSTEM)).session_headers
        await server.opshub.initialize(session, settings(), first, SYSTEM)
        await desk.ended.get()
        clock.now -= A_DAY
        with out_of_order(tmp_path):
            assert (await server.opshub.cleanup(session, first, SYSTEM)).status == 503
        await until(partial(has_no_open_session, tmp_path))
        await desk.ended.get()

    assert not desk.alive


async def test_an_eviction_neither_recorded_nor_done_is_owed_once_the_ledger_works(tmp_path: Path) -> None:
    near, authority = (ScriptedDriver(name, ScriptedDriver.Settings()) for name in ("near", "authority"))
    authority.before_evict = away
    asked = request(1, everything=True)
    async with a_ledger(tmp_path).opened() as ledger:
        does = cleaner(ScriptedEndSystem(), [near, authority], ledger)
        with out_of_order(tmp_path):
            assert answer(await does.orchestrator.cleanup(asked)).status == 503

        async def is_owed() -> bool:
            return bool(await ledger.owed_evictions("authority"))

        async with supervised("catching up", does.catching_up.run):
            await until(is_owed)
        (debt,) = await ledger.listing()
        assert (debt.state, debt.evictions) == (LogoutState.CLOSED, {"authority": asked.scopes})


async def test_nothing_cached_before_an_eviction_neither_done_nor_recorded_is_served(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    """A full disk: the ledger takes nothing new, and tells what it has."""

    async def full(*_: object, **__: object) -> None:
        raise LedgerUnavailable("the disk is full")

    async def gone(*_: object) -> None:
        raise DriverUnavailable("the disk is full")

    async with served(tmp_path, desk.section) as server:
        storage, ledger, scope = server.parts.storage, server.parts.ledger, SystemScope("A")

        async def is_trusted() -> bool:
            return storage.trusted

        headers = (await server.opshub.initialize(session, settings(), query=SYSTEM)).session_headers
        before = await storage.authority.stamp(scope)
        with in_place_of(ledger, "record", full), in_place_of(ledger, "record_late", full):
            with in_place_of(storage.authority, "evict", gone):
                desk.ending.clear()
                cleanup = asyncio.create_task(server.opshub.cleanup(session, headers, GLOBAL))
                await desk.logging_out.get()
                await until(is_trusted)  # the ledger has been asked what is owed, and knows of nothing
                desk.ending.set()
                assert (await cleanup).status == 503
                assert not storage.trusted
            await until(is_trusted)
            assert await storage.authority.stamp(scope) != before


def missed(token: str, *logins: str) -> Missed:
    return Missed(request(1, token, login=logins[0]), ORIGIN, [], logins)


@pytest.mark.parametrize("later", [A_DAY, 0, -A_DAY], ids=["goes", "stands still", "was set back"])
async def test_a_session_opened_anew_meanwhile_stays_open_whatever_the_clock_says(tmp_path: Path, later: float) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, a_session(1, "old", "first"))
        await open_(ledger, replace(a_session(1, "new", "second"), opened_at=START + later))
        await ledger.record_late(missed("old", "first"))
        assert await logins(ledger) == {request(1).session_id: "second"}
        assert [debt.credential for debt in await owed(ledger)] == [request(1, "old").credential]


async def test_a_late_cleanup_ends_the_login_that_was_open_whatever_the_clock_says(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, a_session(1, "old", "first"))
        await open_(ledger, replace(a_session(1, "new", "second"), opened_at=START + A_DAY))
        await ledger.record_late(missed("old", "first", "second"))
        assert await logins(ledger) == {}
        assert [debt.credential for debt in await owed(ledger)] == [request(1, token).credential for token in ("old", "new")]


async def test_a_credential_that_was_handed_out_again_meanwhile_is_not_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, a_session(1, "same", "second"))
        await ledger.record_late(missed("same", "first"))
        assert await all_due(ledger) == []
        (debt,) = await ledger.listing(states=[LogoutState.CLOSED])
        assert debt.outcome == IN_USE_AGAIN


async def test_a_session_of_another_process_is_not_served_after_an_unrecorded_cleanup(tmp_path: Path) -> None:
    sealed = Sealed(request(1).session_id, "A", "l", b"another ledger", request(1).credential)
    async with opened(tmp_path) as ledger:
        live = LiveSessions(ledger)
        await live.load()
        alive = [await live.is_alive(sealed)]
        live.closing(sealed.session_id)
        live.unrecorded.keep_cleanup(missed("t", "l"), ACKNOWLEDGED)
        with pytest.raises(LedgerUnavailable):
            await live.is_alive(sealed)
        for kept in live.unrecorded:
            await ledger.record_late(missed("t", "l"))
            live.unrecorded.forget(kept)
        alive.append(await live.is_alive(sealed))
    assert alive == [True, False]
