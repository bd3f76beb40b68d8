"""Who waits for a seat may have one of an idle session: one for each who waits, and none as long as a logout is not confirmed."""

import asyncio
from http import HTTPStatus
from pathlib import Path

import pytest

from connector.model.errors import ConfigurationError, LedgerUnavailable
from connector.model.seat_pools import HeldSeats
from connector.preflight.loading import load
from connector.sessions import seat_lines
from tests.fleet.gates import gate_before, in_place_of
from tests.sessions.desk import Desk
from tests.sessions.records import open_sessions
from tests.sessions.served import KEYS, Served, served
from tests.sessions.test_reaping import BEYOND, Handlers, pass_time
from tests.sessions.test_seats import NO_SEAT, OPEN, held, ids, initialize, one, opened, out_of_order, section, told

IDLE = "[sessions]\nseat_idle = 60\n"


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is first in a line looks at once, because what is shown here is that he gets nothing by it."""
    monkeypatch.setattr(seat_lines, "LOOK_EVERY", 0.01)


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


def reaped(server: Served) -> int:
    return server.parts.reaper.reaped["seat"]


async def used(server: Served, headers: dict[str, str]) -> None:
    assert (await server.opshub.call("/twice", headers)).body == [200, 200]


async def test_the_longest_idle_session_makes_room_for_the_first_in_line(desk: Desk, tmp_path: Path, handlers: Handlers) -> None:
    async with served(tmp_path, section(desk, 3) + IDLE, routes=handlers.routes) as server:
        busy, longest, idle, new = ids(4)
        headers = {session: await opened(server, session) for session in (busy, longest, idle)}
        await pass_time(server, 1)
        await used(server, headers[idle])
        await pass_time(server, BEYOND)
        await used(server, headers[busy])
        assert told(await initialize(server, new)) == OPEN
        assert (await server.opshub.call("/twice", headers[longest])).status == HTTPStatus.UNAUTHORIZED
        assert reaped(server) == 1
    assert await open_sessions(tmp_path) == {busy, idle, new}
    assert (desk.logins, desk.refused) == (4, 0)


async def test_each_who_waits_costs_one_session_at_most(desk: Desk, tmp_path: Path, handlers: Handlers) -> None:
    async with served(tmp_path, section(desk, 6) + IDLE, routes=handlers.routes) as server:
        for session in ids(6):
            await opened(server, session)
        await pass_time(server, BEYOND)
        assert [told(answer) for answer in await asyncio.gather(*(initialize(server, new) for new in ids(3)))] == [OPEN] * 3
        assert reaped(server) == 3
    assert desk.refused == 0


async def test_who_waits_costs_no_second_session_if_the_seat_of_the_first_does_not_do(
    desk: Desk, tmp_path: Path, handlers: Handlers
) -> None:
    async with served(tmp_path, section(desk, 4)) as server:
        for session in ids(4):
            await opened(server, session)
    async with served(tmp_path, section(desk, 2, total=0.5) + IDLE, routes=handlers.routes) as server:
        await pass_time(server, BEYOND)
        assert told(await initialize(server, one())) == NO_SEAT
        assert await held(server) == HeldSeats(sessions=3)


async def test_none_makes_room_as_long_as_a_logout_of_the_pool_is_owed(desk: Desk, tmp_path: Path, handlers: Handlers) -> None:
    async with served(tmp_path, section(desk, 4, total=0.5) + IDLE, routes=handlers.routes) as server:
        for session in ids(4):
            await opened(server, session)
        await pass_time(server, BEYOND)
        with out_of_order(desk):
            assert [told(await initialize(server, new)) for new in ids(3)] == [NO_SEAT] * 3
            assert await held(server) == HeldSeats(sessions=3, owed=1)
    assert desk.logins == 4


async def test_none_makes_room_as_long_as_a_logout_of_the_pool_needs_attention(
    desk: Desk, tmp_path: Path, handlers: Handlers
) -> None:
    async with served(tmp_path, section(desk, 3, total=0.5) + IDLE, routes=handlers.routes) as server:
        for session in ids(3):
            await opened(server, session)
        await pass_time(server, BEYOND)
        desk.status = HTTPStatus.FORBIDDEN
        assert [told(await initialize(server, new)) for new in ids(2)] == [NO_SEAT] * 2
        assert await held(server) == HeldSeats(sessions=2, waiting=1)


async def test_none_makes_room_as_long_as_a_logout_of_the_pool_is_not_proved(
    desk: Desk, tmp_path: Path, handlers: Handlers
) -> None:
    async with served(tmp_path, section(desk, 3, total=0.5) + IDLE, routes=handlers.routes) as server:
        for session in ids(3):
            await opened(server, session)
        await pass_time(server, BEYOND)
        desk.alive.clear()
        assert [told(await initialize(server, new)) for new in ids(2)] == [NO_SEAT] * 2
        assert await held(server) == HeldSeats(sessions=2, unproved=1)


async def test_one_session_makes_room_at_most_as_long_as_its_end_cannot_be_recorded(
    desk: Desk, tmp_path: Path, handlers: Handlers
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise LedgerUnavailable("as the test wants it")

    async with served(tmp_path, section(desk, 3, total=0.5) + IDLE, routes=handlers.routes) as server:
        ledger = server.parts.ledger
        for session in ids(3):
            await opened(server, session)
        await pass_time(server, BEYOND)
        with in_place_of(ledger, "record", full), in_place_of(ledger, "record_late", full):
            assert told(await initialize(server, one())) == NO_SEAT
            assert len(server.parts.live) == 2
            assert reaped(server) == 0
            assert len(desk.alive) == 3


async def test_nobody_who_is_in_use_makes_room_also_by_a_use_that_is_not_written_yet(
    desk: Desk, tmp_path: Path, handlers: Handlers
) -> None:
    async with served(tmp_path, section(desk, 2, total=0.5) + IDLE, routes=handlers.routes) as server:
        calling, used_now = [await opened(server, session) for session in ids(2)]
        await pass_time(server, BEYOND)
        await used(server, used_now)
        call = asyncio.create_task(server.opshub.call("/held", calling))
        await handlers.serving.wait()
        assert told(await initialize(server, one())) == NO_SEAT
        handlers.may_end.set()
        assert (await call).body == [200, 200]
        await used(server, used_now)


async def test_nobody_makes_room_for_one_who_waits_no_longer(desk: Desk, tmp_path: Path, handlers: Handlers) -> None:
    async with served(tmp_path, section(desk, 1, total=0.3) + IDLE, routes=handlers.routes) as server:
        await opened(server, one())
        await pass_time(server, BEYOND)
        with gate_before(server.parts.ledger, "idle_holders") as gate:
            assert told(await initialize(server, one())) == NO_SEAT
            gate.open()
            await server.parts.orchestrator.drain(60)
        assert reaped(server) == 0
    assert len(desk.alive) == 1


async def test_without_the_setting_or_in_time_nobody_makes_room(desk: Desk, tmp_path: Path, handlers: Handlers) -> None:
    for folder, more, ticks in ((tmp_path / "off", "", BEYOND), (tmp_path / "early", IDLE, BEYOND - 1)):
        desk.alive.clear()
        async with served(folder, section(desk, 1, total=0.3) + more, routes=handlers.routes) as server:
            await opened(server, one())
            await pass_time(server, ticks)
            assert told(await initialize(server, one())) == NO_SEAT
            assert await held(server) == HeldSeats(sessions=1)


async def test_a_session_of_another_pool_makes_no_room(desk: Desk, tmp_path: Path, handlers: Handlers) -> None:
    per_user = 'seats_per = "{setting.user}"'
    async with served(tmp_path, section(desk, 1, per_user, total=0.5) + IDLE, routes=handlers.routes) as server:
        desk.licences = None
        await initialize(server, one(), "another")
        await pass_time(server, BEYOND)
        await opened(server, one())
        assert told(await initialize(server, one())) == NO_SEAT
        assert len(desk.alive) == 2


def test_idle_sessions_make_room_only_if_there_are_seats(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(IDLE)
    with pytest.raises(ConfigurationError, match=r"sessions\.seat_idle: expected end_system\.seats beside it"):
        load(tmp_path / "config.toml", KEYS)
