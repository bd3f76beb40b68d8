"""A 401 is final: who is told that a session is closed is told so once no kill can open it again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest

from connector.ledger import bookkeeping
from connector.ledger.bookkeeping import in_time
from connector.model.errors import LedgerUnavailable
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed
from tests.ledger.ledgers import open_, opened, until
from tests.ledger.ledgers import session as a_session
from tests.sessions.desk import Desk
from tests.sessions.served import served
from tests.sessions.test_cleanup import SYSTEM
from tests.sessions.test_cleanup import opened as logged_in
from tests.sessions.test_in_use import ROUTES
from tests.sessions.test_missed import has_no_open_session, out_of_order


@dataclass(frozen=True, slots=True)
class Closing:
    """A session that a cleanup has closed in memory, and that the ledger still has as open."""

    live: LiveSessions
    sealed: Sealed
    logins: tuple[str, ...]

    def recorded(self) -> None:
        self.live.rows_gone(self.sealed.session_id, self.logins)


@asynccontextmanager
async def closing(folder: Path) -> AsyncIterator[Closing]:
    async with opened(folder) as ledger:
        session = a_session(1, "token", "login")
        await open_(ledger, session)
        live = LiveSessions(ledger)
        await live.load()
        sealed = Sealed(session.session_id, session.system_id, session.login_id, live.ledger_id, session.credential)
        assert await live.is_alive(sealed)
        yield Closing(live, sealed, live.closing(session.session_id))


async def test_nobody_is_told_that_a_session_is_closed_before_that_is_durable(tmp_path: Path) -> None:
    async with closing(tmp_path) as under_way:
        asking = [asyncio.create_task(under_way.live.is_alive(under_way.sealed)) for _ in range(2)]
        done, _ = await asyncio.wait(asking, timeout=0.1)
        assert not done
        under_way.recorded()
        assert await asyncio.gather(*asking) == [False, False]
        assert not await under_way.live.is_alive(under_way.sealed)


async def test_a_ledger_that_hangs_lets_nobody_wait_longer_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookkeeping, "DEADLINE", 0.1)
    async with closing(tmp_path) as under_way:
        with pytest.raises(LedgerUnavailable):
            await in_time(under_way.live.is_alive(under_way.sealed))
        under_way.recorded()
        assert not await in_time(under_way.live.is_alive(under_way.sealed))


async def test_a_call_is_told_to_come_back_while_the_end_of_its_session_cannot_be_recorded(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await logged_in(server, session)
        with out_of_order(tmp_path):
            beside, cleanup = await asyncio.gather(
                server.opshub.call("/about", headers), server.opshub.cleanup(session, headers, SYSTEM)
            )
            after = await server.opshub.call("/about", headers)
        await until(partial(has_no_open_session, tmp_path))
        finally_ = await server.opshub.call("/about", headers)

    assert cleanup.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert beside.status in {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
    assert (after.status, after.body["errors"]["code"]) == (503, "ledger_unavailable")
    assert (finally_.status, finally_.body["errors"]["code"]) == (401, "unknown_session")
