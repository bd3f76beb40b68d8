"""An end system that allows one login at a time: the earlier one is ended, and confirmed, before the new one is made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest

from connector.cleanups.orchestrator import Orchestrator
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from connector.sessions.opening_outcomes import NotOpened, OpeningRequest
from tests.e2e.opshub import Answer
from tests.ledger.ledgers import until
from tests.sessions.desk import Desk, settings
from tests.sessions.records import open_sessions
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM, opened
from tests.sessions.test_missed import out_of_order


def section(desk: Desk) -> str:
    desk.is_single = True
    return f'{desk.section}replace = "before"\n'


async def again(server: Served, session: str, headers: dict[str, str] | None = None) -> tuple[int, str | None]:
    answer = await server.opshub.initialize(session, settings(), headers, SYSTEM)
    return answer.status, None if answer.status == HTTPStatus.OK else answer.body["errors"]["code"]


@asynccontextmanager
async def being_cleaned_up(desk: Desk, session: str, folder: Path) -> AsyncIterator[tuple[Served, asyncio.Task[Answer]]]:
    """Give a server, and the cleanup of the session that waits there for the desk."""
    async with served(folder, section(desk)) as server:
        headers = await opened(server, session)
        desk.ending.clear()
        cleanup = asyncio.create_task(server.opshub.cleanup(session, headers, SYSTEM))
        await desk.logging_out.get()
        yield server, cleanup


async def test_by_default_the_new_login_is_made_first_and_a_single_system_refuses_it(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    desk.is_single = True
    async with served(tmp_path, desk.section) as server:
        await opened(server, session)
        assert await again(server, session) == (400, "E-18")


async def test_the_earlier_login_is_ended_before_with_its_seal_or_without(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk)) as server:
        headers = await opened(server, session)
        assert await again(server, session, headers) == (200, None)
        assert await again(server, session) == (200, None)
    async with served(tmp_path, section(desk)) as server:
        assert await again(server, session) == (200, None)
        assert len(desk.alive) == 1

    assert desk.logins == 4
    assert await open_sessions(tmp_path) == {session}


async def test_no_login_is_made_while_the_end_of_the_earlier_one_is_not_confirmed(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, section(desk)) as server:
        headers = await opened(server, session)
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        refused = [await again(server, session), await again(server, session, headers)]
        assert desk.logins == 1
    async with served(tmp_path, section(desk)) as server:
        refused.append(await again(server, session))
        desk.status = HTTPStatus.OK
        assert await again(server, session) == (200, None)
        assert len(desk.alive) == 1

    assert refused == [(503, "earlier_login_not_ended")] * 3
    assert desk.logins == 2


async def test_no_login_is_made_beside_one_that_is_late(desk: Desk, session: str, tmp_path: Path) -> None:
    impatient = "[end_system.deadlines]\nconnect = 0.2\nread = 0.2\ntotal = 0.2\n"
    desk.answering.clear()
    async with served(tmp_path, section(desk) + impatient) as server:
        late = await again(server, session)
        beside = await again(server, session)
        assert (late, beside, desk.logins) == ((503, "timeout"), (503, "earlier_login_not_ended"), 1)
        desk.answering.set()
        await desk.ended.get()
        await until(partial(is_opened, server, session))

    assert (desk.logins, len(desk.alive)) == (2, 1)


async def is_opened(server: Served, session: str) -> bool:
    return (await again(server, session))[0] == HTTPStatus.OK


async def test_a_login_of_another_end_system_is_not_in_the_way(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk)) as server:
        headers = await opened(server, session)
    async with Desk() as moved:
        async with served(tmp_path, section(moved)) as server:
            assert await again(server, session, headers) == (200, None)
            assert await again(server, session) == (200, None)
        assert (len(moved.alive), len(desk.alive), desk.logouts.total()) == (1, 1, 0)
    async with served(tmp_path, section(desk)):
        await desk.ended.get()


async def test_initializes_of_one_session_take_turns(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk)) as server:
        answers = await asyncio.gather(*(again(server, session) for _ in range(5)))
        assert len(desk.alive) == 1

    assert answers == [(200, None)] * 5


@pytest.mark.parametrize("more", ['replace = "before"', "seats = 1", 'replace = "before"\nseats = 1'])
async def test_who_has_gone_before_it_is_his_turn_ends_no_login_of_the_session(
    desk: Desk, session: str, tmp_path: Path, more: str
) -> None:
    async with served(tmp_path, f"{desk.section}{more}\n") as server:
        await opened(server, session)
        asked = OpeningRequest(session, SYSTEM["systemId"], {each["key"]: each["value"] for each in settings()})
        assert await server.parts.served.openings.open(asked, lambda: False) is NotOpened.OVERTAKEN

    assert (desk.logins, len(desk.alive)) == (1, 1)
    assert await open_sessions(tmp_path) == {session}


async def test_a_server_that_ends_meanwhile_ends_no_login_for_one_that_it_will_not_make(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    desk.answering.clear()
    async with served(tmp_path, section(desk)) as server:
        first = asyncio.create_task(again(server, session))
        await desk.logging_in.get()
        asked = OpeningRequest(session, SYSTEM["systemId"], {each["key"]: each["value"] for each in settings()})
        second = asyncio.create_task(server.parts.served.openings.open(asked))
        await asyncio.sleep(0)  # it waits for its turn by now
        server.parts.logins.stop()
        desk.answering.set()
        assert (await first, await second) == ((200, None), NotOpened.STOPPING)

    assert len(desk.alive) == 1
    assert await open_sessions(tmp_path) == {session}


async def test_an_earlier_login_is_left_alone_while_its_end_cannot_be_recorded(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk)) as server:
        headers = await opened(server, session)
        with out_of_order(tmp_path):
            assert await again(server, session, headers) == (503, "ledger_unavailable")
            assert desk.alive, "after a kill, its row would say that it is open"
        await desk.ended.get()
        await until(partial(is_opened, server, session))

    assert (desk.logins, len(desk.alive)) == (2, 1)


async def test_a_logout_that_ends_while_its_debt_is_read_is_not_sent_again(
    desk: Desk, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with being_cleaned_up(desk, session, tmp_path) as (server, cleanup):
        real = server.parts.ledger.owed_of

        async def owed_of(session_id: str) -> list[Debt]:
            owed = await real(session_id)
            if owed:
                desk.ending.set()
                assert (await cleanup).status == HTTPStatus.OK
            return owed

        monkeypatch.setattr(server.parts.ledger, "owed_of", owed_of)
        assert await again(server, session) == (200, None)
        assert desk.logouts.total() == 1


async def test_a_logout_that_ends_before_its_debt_is_tried_again_is_not_sent_again(
    desk: Desk, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with being_cleaned_up(desk, session, tmp_path) as (server, cleanup):
        real = Orchestrator.retry

        async def retry(self: Orchestrator, debt: Debt) -> bool:
            desk.ending.set()
            assert (await cleanup).status == HTTPStatus.OK
            return await real(self, debt)

        monkeypatch.setattr(Orchestrator, "retry", retry)
        assert await again(server, session) == (200, None)
        assert desk.logouts.total() == 1


async def test_a_ledger_that_fails_once_the_earlier_login_is_ended_is_a_503(
    desk: Desk, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def owed_of(_: str) -> list[Debt]:
        raise LedgerUnavailable("as the test wants it")

    async with served(tmp_path, section(desk)) as server:
        headers = await opened(server, session)
        monkeypatch.setattr(server.parts.ledger, "owed_of", owed_of)
        assert await again(server, session, headers) == (503, "ledger_unavailable")
        assert desk.logins == 1
