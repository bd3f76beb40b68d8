"""A seat is given back once, in whichever way its login ends: the next one in line takes it, and never two."""

import asyncio
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest

from connector.ledger import bookkeeping
from connector.ledger.port import Ledger
from connector.model.debts import LogoutState
from connector.model.seat_pools import HeldSeats
from connector.sessions import seat_lines
from connector.workers import catching_up
from drivers.group_commit import GroupCommit
from tests.fleet.gates import gate_before
from tests.ledger.ledgers import raw, until
from tests.sessions.desk import PROFILE, Desk, settings
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM
from tests.sessions.test_half_made import NEVER_FINE
from tests.sessions.test_seats import (
    NEVER,
    NO_SEAT,
    OPEN,
    Coming,
    cleaned_up,
    held,
    ids,
    in_line,
    initialize,
    one,
    opened,
    out_of_order,
    section,
    told,
)

TOTAL = 5
PATIENCE = (TOTAL + 1) / 2
"""Seconds that one waits."""


@pytest.fixture
def only_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody in a line looks by himself."""
    monkeypatch.setattr(seat_lines, "LOOK_EVERY", NEVER)


async def only_one_comes_in(desk: Desk, server: Served, first: Coming, second: Coming) -> None:
    """Of the two in line, the first takes the one seat, long before the end of its wait, and the second gets none."""
    async with asyncio.timeout(PATIENCE * 0.7):
        assert told(await first) == OPEN
    assert told(await second) == NO_SEAT
    assert await held(server) == HeldSeats(sessions=1)
    assert len(desk.alive) == 1
    assert desk.refused == 0


async def is_held(ledger: Ledger, expected: HeldSeats) -> bool:
    found = await ledger.pools()
    return (found[0].held if found else HeldSeats()) == expected


@pytest.mark.usefixtures("only_called")
async def test_a_cleanup_and_its_duplicates_give_one_seat_back(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1, total=TOTAL)) as server:
        session = one()
        headers = await opened(server, session)
        tasks = await in_line(server, *ids(2))
        await asyncio.gather(*(cleaned_up(server, session, headers) for _ in range(3)))
        await only_one_comes_in(desk, server, *tasks)


@pytest.mark.usefixtures("only_called")
async def test_a_logout_that_is_owed_gives_its_seat_back_when_a_retry_has_done_it(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1, total=TOTAL)) as server:
        session = one()
        headers = await opened(server, session)
        with out_of_order(desk):
            assert await cleaned_up(server, session, headers) == "pending"
            assert await held(server) == HeldSeats(owed=1)
            tasks = await in_line(server, *ids(2))
        (debt,) = await server.parts.ledger.listing(states=[LogoutState.OWED])
        await server.parts.ledger.make_due(debt.id)
        server.parts.retries.nudge()
        await only_one_comes_in(desk, server, *tasks)


@pytest.mark.usefixtures("only_called")
async def test_a_login_that_is_refused_gives_its_seat_back(desk: Desk, tmp_path: Path) -> None:
    desk.refusing.clear()
    async with served(tmp_path, section(desk, 1, total=TOTAL)) as server, asyncio.TaskGroup() as calls:
        refused = calls.create_task(server.opshub.initialize(one(), settings("wrong"), None, SYSTEM))
        await until(lambda: is_held(server.parts.ledger, HeldSeats(openings=1)))
        tasks = await in_line(server, *ids(2))
        desk.refusing.set()
        assert told(await refused) == (400, "E-17")
        await only_one_comes_in(desk, server, *tasks)


@pytest.mark.usefixtures("only_called")
async def test_a_login_that_is_undone_gives_its_seat_back(desk: Desk, tmp_path: Path) -> None:
    profile = tmp_path / "half.toml"
    profile.write_text(PROFILE.read_text("utf-8").replace("[credential]", f"{NEVER_FINE}\n[credential]", 1), "utf-8")
    desk.ending.clear()
    async with served(tmp_path, section(desk, 1, total=20, profile=profile)) as server:
        half = asyncio.create_task(initialize(server, one()))
        await desk.logging_out.get()
        assert await held(server) == HeldSeats(owed=1)
        first, second = await in_line(server, *ids(2))
        desk.ending.set()
        assert told(await half)[0] == told(await first)[0] == told(await second)[0] == HTTPStatus.BAD_REQUEST
        assert await held(server) == HeldSeats()
    assert (desk.logins, desk.refused, desk.alive) == (3, 0, set())


@pytest.mark.usefixtures("only_called")
async def test_a_login_that_a_cleanup_has_overtaken_gives_its_seat_back_when_it_is_ended(desk: Desk, tmp_path: Path) -> None:
    desk.answering.clear()
    async with served(tmp_path, section(desk, 1, total=TOTAL)) as server:
        session = one()
        overtaken = asyncio.create_task(initialize(server, session))
        await desk.logging_in.get()
        await server.opshub.cleanup(session, {}, SYSTEM)
        tasks = await in_line(server, *ids(2))
        desk.answering.set()
        assert told(await overtaken) == (409, "session_closed")
        await only_one_comes_in(desk, server, *tasks)


async def test_what_a_person_dismisses_gives_its_seat_back(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat_lines, "LOOK_EVERY", 0.02)
    async with served(tmp_path, section(desk, 1, total=TOTAL)) as server:
        session, ledger = one(), server.parts.ledger
        headers = await opened(server, session)
        desk.status = HTTPStatus.FORBIDDEN
        await server.opshub.cleanup(session, headers, SYSTEM)
        assert await held(server) == HeldSeats(waiting=1)
        desk.status = HTTPStatus.OK
        tasks = await in_line(server, *ids(2))
        desk.alive.clear()  # a person has ended it there
        (debt,) = await ledger.listing(states=[LogoutState.WAITING])
        await ledger.dismiss(debt.id, "ended by hand")
        await only_one_comes_in(desk, server, *tasks)


async def test_a_login_of_which_nobody_knows_holds_its_seat_until_a_person_lets_it_go(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seat_lines, "LOOK_EVERY", 0.02)
    async with served(tmp_path, section(desk, 1, total=TOTAL)) as server:
        session, ledger = one(), server.parts.ledger
        desk.is_breaking = True
        assert told(await initialize(server, session))[0] == HTTPStatus.SERVICE_UNAVAILABLE
        desk.is_breaking = False
        assert await held(server) == HeldSeats(unknown=1)
        tasks = await in_line(server, *ids(2))
        desk.alive.clear()
        with raw(tmp_path) as file:
            ((login_id,),) = file.execute("SELECT login_id FROM openings").fetchall()
        await ledger.let_go_opening(login_id)
        await only_one_comes_in(desk, server, *tasks)


async def test_sessions_that_share_a_login_hold_one_seat_until_the_last_has_ended(desk: Desk, tmp_path: Path) -> None:
    profile, desk.only_token = tmp_path / "shared.toml", "the-only-token"
    profile.write_text(f"shared = true\n{PROFILE.read_text()}")
    async with served(tmp_path, section(desk, 2, profile=profile, total=0.2)) as server:
        first, second = ids(2)
        headers = {session: await opened(server, session) for session in (first, second)}
        assert await held(server) == HeldSeats(sessions=1)
        assert await cleaned_up(server, first, headers[first]) == "not_applicable"
        assert await held(server) == HeldSeats(sessions=1)
        assert await cleaned_up(server, second, headers[second]) == "acknowledged"
        assert await held(server) == HeldSeats()


async def test_seats_are_held_across_a_restart(desk: Desk, tmp_path: Path) -> None:
    config = section(desk, 2, total=0.2)
    session, owing = ids(2)
    async with served(tmp_path, config) as server:
        await opened(server, session)
        headers = await opened(server, owing)
        with out_of_order(desk):
            await cleaned_up(server, owing, headers)
    desk.status = HTTPStatus.SERVICE_UNAVAILABLE
    async with served(tmp_path, config) as server:
        assert await held(server) == HeldSeats(sessions=1, owed=1)
        assert told(await initialize(server, one())) == NO_SEAT
    assert desk.logins == 2


async def test_a_session_that_got_another_seat_is_not_ended_by_giving_its_own_back(desk: Desk, tmp_path: Path) -> None:
    desk.refusing.clear()
    async with served(tmp_path, section(desk, 2, total=TOTAL)) as server, asyncio.TaskGroup() as calls:
        session = one()
        headers = await opened(server, session)
        refused = calls.create_task(server.opshub.initialize(one(), settings("wrong"), None, SYSTEM))
        await until(lambda: is_held(server.parts.ledger, HeldSeats(sessions=1, openings=1)))
        desk.ending.clear()
        anew = calls.create_task(initialize(server, session, headers=headers))
        await desk.logging_out.get()
        desk.refusing.set()
        assert told(await refused) == (400, "E-17")
        assert told(await anew) == OPEN
        desk.ending.set()
    assert len(desk.alive) == 1, "the login of the second initialize, and no other"
    assert desk.logins == 3


async def test_a_seat_is_free_if_its_login_was_ended_before_the_ledger_took_its_end(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path, section(desk, 1)) as server:
        desk.answering.clear()
        opening = asyncio.create_task(initialize(server, one()))
        await desk.logging_in.get()
        with gate_before(GroupCommit, "_do") as disk, monkeypatch.context() as impatience:
            for module in (bookkeeping, catching_up):
                impatience.setattr(module, "DEADLINE", 0.1)
            desk.answering.set()
            assert (await opening).status == HTTPStatus.SERVICE_UNAVAILABLE
            await desk.ended.get()
            (kept,) = server.parts.live.unrecorded

            async def is_known_to_be_ended() -> bool:
                return kept.login is None

            await until(is_known_to_be_ended)
            disk.open()
        await until(partial(is_held, server.parts.ledger, HeldSeats()))
        assert told(await initialize(server, one())) == OPEN
