"""A login that fails half-way: what it has made is in the ledger before its logout is sent."""

import asyncio
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from connector.endsystems.end_system import SessionLogin
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import Bookkeeping
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.seat_pools import HeldSeats
from connector.sessions.records import SessionRecords
from tests.doubles import ACKNOWLEDGED
from tests.ledger.ledgers import opening, raw, request, until
from tests.ledger.ledgers import session as a_session
from tests.sessions.desk import PROFILE, Desk, settings
from tests.sessions.reception import ReceivingEndSystem, reception
from tests.sessions.served import served
from tests.sessions.test_cleanup import SYSTEM

NEVER_FINE = """
[[login]]
method = "GET"
url = "{base_url}/me"
headers = { Authorization = "Bearer {captured.token}" }
success = [204]
refused = [200]
"""


@pytest.fixture
def section(desk: Desk, tmp_path: Path) -> str:
    """An end system whose logins are made by their first step, and refused by their second one."""
    text = PROFILE.read_text("utf-8").replace("[credential]", f"{NEVER_FINE}\n[credential]", 1)
    (tmp_path / "half.toml").write_text(text, "utf-8")
    return desk.section.replace(str(PROFILE), str(tmp_path / "half.toml"))


def debts(folder: Path) -> list[tuple[Any, ...]]:
    with raw(folder) as file:
        return file.execute("SELECT state FROM debts").fetchall()


async def test_what_was_made_is_owed_while_its_logout_is_under_way(
    desk: Desk, session: str, tmp_path: Path, section: str
) -> None:
    desk.ending.clear()
    async with served(tmp_path, section) as server, asyncio.TaskGroup() as calls:
        opening = calls.create_task(server.opshub.initialize(session, settings(), query=SYSTEM))
        await desk.logging_out.get()
        owed = debts(tmp_path)
        desk.ending.set()

    errors = opening.result().body["errors"]
    assert owed == [("owed",)]
    assert (opening.result().status, errors["code"]) == (400, "http_200")
    assert errors["message"].endswith("the login made until then was ended")
    assert not desk.alive


async def test_what_was_ended_leaves_no_row(desk: Desk, session: str, tmp_path: Path, section: str) -> None:
    async with served(tmp_path, section) as server:
        await server.opshub.initialize(session, settings(), query=SYSTEM)
        assert debts(tmp_path) == []

    assert desk.logouts.total() == 1


async def test_a_caller_is_not_kept_waiting_by_a_logout_that_hangs(
    desk: Desk, session: str, tmp_path: Path, section: str
) -> None:
    desk.ending.clear()
    section += "[end_system.deadlines]\nconnect = 0.2\nread = 0.3\ntotal = 0.4\n"
    async with served(tmp_path, section) as server:
        answer = await server.opshub.initialize(session, settings(), query=SYSTEM)
        desk.ending.set()
        assert "the login made until then" in answer.body["errors"]["message"]
        await until(partial(is_gone, desk))

    assert not desk.alive


async def is_gone(desk: Desk) -> bool:
    return not desk.alive


async def test_a_logout_that_fails_stays_owed_and_is_tried_again(desk: Desk, session: str, tmp_path: Path, section: str) -> None:
    desk.ending.clear()
    async with served(tmp_path, section) as server, asyncio.TaskGroup() as calls:
        opening = calls.create_task(server.opshub.initialize(session, settings(), query=SYSTEM))
        await desk.logging_out.get()
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        desk.ending.set()
        message = (await opening).body["errors"]["message"]
        desk.status = HTTPStatus.OK
        await desk.ended.get()

    assert "could not be ended, and stays owed: steps[0]: answered 503" in message


@pytest.mark.parametrize(
    ("outcome", "held"),
    [
        (ACKNOWLEDGED, HeldSeats()),
        (LogoutOutcome(LogoutResult.ALREADY_OUT), HeldSeats(unproved=1)),
        (LogoutOutcome(LogoutResult.PENDING), HeldSeats(owed=1)),
    ],
    ids=["ended", "maybe ended", "not ended"],
)
async def test_a_login_that_failed_half_way_holds_its_seat_unless_it_was_ended(
    tmp_path: Path, outcome: LogoutOutcome, held: HeldSeats
) -> None:
    end_system = ReceivingEndSystem()
    end_system.behaviour = outcome
    async with reception(tmp_path, end_system) as parts:
        login = SessionLogin(a_session(1).session_id, "A", request(1).credential)
        made = replace(a_session(1), origin=parts.logouts.origin(login))
        await parts.ledger.begin_opening(opening(made, "pool"), seats=1)
        books = Bookkeeping(parts.ledger, Backoff(1))
        records = SessionRecords(parts.logouts, parts.ledger, parts.storage, books, parts.live, nudge=parts.nudged.set)
        assert (await records.undo(made)).result is outcome.result
        assert await parts.ledger.held_seats("pool") == held
