"""An initialize that replaces a session: the new login reads nothing that the old one has cached."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest
from aiohttp import web

from connector.api.session_of_request import session as session_of
from connector.cache import Cache, Caches, Entries, Loads
from connector.ledger import bookkeeping
from connector.model.debts import LogoutState
from connector.model.errors import UnknownSession
from connector.sessions.opening_outcomes import OpeningRequest
from connector.sessions.renewals import Renewals
from connector.sessions.session import SessionsInUse
from drivers import DriverUnavailable, Scope, SessionScope
from drivers.group_commit import GroupCommit
from tests.e2e.connector_process import WITHIN
from tests.fleet.gates import answers_lost, gate_before
from tests.ledger.ledgers import until
from tests.sessions.desk import Desk, settings
from tests.sessions.lagging import LaggingDriver
from tests.sessions.reception import AUTHORITY, NEAR, ReceivingEndSystem, Reception, credential, reception
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM, opened


async def remember(request: web.Request) -> web.Response:
    session = session_of(request)
    await session.cache.set("who", "the old login")
    await session.system.cache.set("who", "anybody")
    return web.json_response({})


async def recall(request: web.Request) -> web.Response:
    session = session_of(request)
    return web.json_response({"own": await session.cache.get("who", str), "shared": await session.system.cache.get("who", str)})


ROUTES = [web.get("/remember", remember), web.get("/recall", recall)]


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Reception]:
    async with reception(tmp_path, ReceivingEndSystem()) as made:
        yield made


async def away() -> None:
    raise DriverUnavailable("the store is away")


async def owing(parts: Reception, driver: str) -> list[tuple[Scope, ...]]:
    return [debt.evictions[driver] for debt in await parts.ledger.owed_evictions(driver)]


@pytest.mark.parametrize("shows_its_seal", [True, False])
async def test_a_new_login_reads_what_its_system_has_cached_and_nothing_of_the_old_login(
    desk: Desk, session: str, tmp_path: Path, *, shows_its_seal: bool
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        old = await opened(server, session)
        await server.opshub.call("/remember", old)
        assert (await server.opshub.call("/recall", old)).body == {"own": "the old login", "shared": "anybody"}
        again = await server.opshub.initialize(session, settings(), old if shows_its_seal else None, SYSTEM)
        found = await server.opshub.call("/recall", again.session_headers)

    assert found.body == {"own": None, "shared": "anybody"}


async def test_a_new_login_reads_nothing_that_a_cleanup_under_way_has_still_to_evict(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    lagging = f'[storage]\ndrivers = ["lagging"]\n[storage.lagging]\ndriver = "{LaggingDriver.__module__}.LaggingDriver"\n'
    async with served(tmp_path, desk.section + lagging, routes=ROUTES) as server, asyncio.TaskGroup() as calls:
        old = await opened(server, session)
        await server.opshub.call("/remember", old)
        driver = LaggingDriver.by_name["lagging"]
        cleanup = calls.create_task(server.opshub.cleanup(session, old, SYSTEM))
        await driver.asked.wait()
        again = await server.opshub.initialize(session, settings(), query=SYSTEM)
        found = await server.opshub.call("/recall", again.session_headers)
        driver.release.set()

    assert found.body == {"own": None, "shared": "anybody"}
    assert cleanup.result().status == 200


async def test_a_new_session_that_replaces_none_costs_no_eviction(parts: Reception, session: str) -> None:
    evictions: list[str] = []

    async def evicting(driver: str) -> None:
        evictions.append(driver)

    for driver in parts.drivers:
        driver.before_evict = partial(evicting, driver.name)
    await parts.opened(OpeningRequest(session, "A", {}))
    assert evictions == []
    assert await parts.ledger.listing(states=[*LogoutState]) == []


async def test_only_a_session_that_replaces_another_wakes_the_retries(parts: Reception, session: str) -> None:
    await parts.opened(OpeningRequest(session, "A", {}))
    assert not parts.nudged.is_set()  # each look of theirs is a transaction more
    await parts.opened(OpeningRequest(session, "A", {}))
    assert parts.nudged.is_set()


async def test_an_eviction_is_owed_before_it_begins_and_the_old_seal_is_dead_by_then(parts: Reception, session: str) -> None:
    found: list[tuple[object, bool]] = []
    old = await parts.opened(OpeningRequest(session, "A", {}))

    async def look() -> None:
        found.append((await owing(parts, AUTHORITY), await parts.live.is_alive(old)))

    parts.drivers[1].before_evict = look
    await parts.opened(OpeningRequest(session, "A", {}))
    assert found == [([(SessionScope(session, "A"),)], False)]
    assert await owing(parts, AUTHORITY) == await owing(parts, NEAR) == []


async def test_a_session_of_another_ledger_whose_seal_is_shown_is_replaced_too(tmp_path: Path, session: str) -> None:
    async with reception(tmp_path / "a", ReceivingEndSystem()) as one, reception(tmp_path / "b", ReceivingEndSystem()) as other:
        shown = await one.opened(OpeningRequest(session, "A", {}))
        before = await other.storage.authority.stamp(SessionScope(session, "A"))
        await other.opened(OpeningRequest(session, "A", {}, shown))
        assert await other.storage.authority.stamp(SessionScope(session, "A")) != before


async def is_over(server: Served, headers: dict[str, str]) -> bool:
    """Tell whether a seal is dead and nothing is owed to a driver any more."""
    answer, authority = await server.opshub.call("/recall", headers), server.parts.storage.authority
    return answer.status == HTTPStatus.UNAUTHORIZED and not await server.parts.ledger.owed_evictions(authority.name)


async def test_a_seal_is_dead_if_its_login_was_replaced_and_nobody_was_told_so(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        with answers_lost(server.parts.ledger, "open_session"):
            assert (await server.opshub.initialize(session, settings(), query=SYSTEM)).status == HTTPStatus.SERVICE_UNAVAILABLE
        await until(partial(is_over, server, headers))
        assert len(server.parts.live) == 0


async def test_a_seal_is_dead_if_a_disk_that_hung_has_replaced_its_login_late(
    desk: Desk, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        await desk.logging_in.get()
        desk.answering.clear()
        opening = asyncio.create_task(server.opshub.initialize(session, settings(), query=SYSTEM))
        await desk.logging_in.get()
        with gate_before(GroupCommit, "_do") as disk, monkeypatch.context() as impatience:
            impatience.setattr(bookkeeping, "DEADLINE", 0.1)
            desk.answering.set()
            assert (await opening).status == HTTPStatus.SERVICE_UNAVAILABLE
            assert (await server.opshub.call("/recall", headers)).status == HTTPStatus.OK
            disk.open()
        await until(partial(is_over, server, headers))


@pytest.mark.parametrize("place", [0, 1])
async def test_a_driver_that_is_away_fails_no_initialize_and_is_unused_until_it_evicted(
    parts: Reception, session: str, place: int
) -> None:
    driver, other = parts.drivers[place], parts.drivers[1 - place]
    await parts.opened(OpeningRequest(session, "A", {}))
    driver.before_evict = away
    sealed = await parts.opened(OpeningRequest(session, "A", {}))
    await asyncio.wait_for(parts.storage.next_debt(driver), WITHIN)
    assert sealed.credential == credential(2)
    assert await owing(parts, driver.name) == [(SessionScope(session, "A"),)]
    assert await owing(parts, other.name) == []
    assert parts.storage.trusted == (driver.name == NEAR)


async def test_a_session_that_cached_without_a_login_is_evicted_too_and_no_logout_is_owed(tmp_path: Path, session: str) -> None:
    async with served(tmp_path, routes=ROUTES) as server:
        await server.opshub.call("/remember", await opened(server, session))
        found = await server.opshub.call("/recall", await opened(server, session))

    assert found.body == {"own": None, "shared": "anybody"}


async def test_a_call_that_begins_by_the_old_seal_caches_nothing_under_the_new_life(parts: Reception, session: str) -> None:
    request = OpeningRequest(session, "A", {})
    seal = parts.seals.make(await parts.opened(request))

    class Overtaken(Caches):
        """Caches that are found after the session was replaced."""

        async def of(self, scope: Scope, *, login_id: str = "") -> Cache:
            await parts.opened(request)
            return await super().of(scope, login_id=login_id)

    caches, renewals = Overtaken(Entries(parts.storage), Loads()), Renewals(parts.ledger, parts.live, nudge=lambda: None)
    with pytest.raises(UnknownSession):
        async with SessionsInUse(parts.seals, parts.live, caches, parts.logouts, renewals).of([seal]):
            raise AssertionError("it was replaced")
