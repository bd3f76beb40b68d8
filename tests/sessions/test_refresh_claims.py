"""Two connectors on one ledger, whose store they share: one refresh token is spent by one of them, and both use what it made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connector.config.settings import EndSystemSection
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, SessionLogin
from connector.endsystems.http.failures import LoginNotRenewed
from connector.ledger.testing import MemoryLedger, MemoryStore, SetClock
from connector.ledger.testing.memory_store import GONE_AFTER
from connector.model.credential import Credential
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import Current, OpenSession, RefreshClaim, RefreshState, Renewal
from connector.sessions import renewals
from connector.sessions.live import LiveSessions
from connector.sessions.renewals import RenewableLogin, Renewals, with_values
from connector.sessions.seal import Sealed
from tests.sessions.expiring import PROFILE, Expiring

SESSION, LOGIN, ORIGIN = "6f1c1d2e-0000-4000-8000-000000000001", "l", "https://desk.example.com"
A_WHILE = 0.3
"""Seconds in which somebody who does not wait would be done."""


class Scripted(MemoryLedger):
    """A ledger that may be slow to give a claim, and unable to record what was renewed."""

    may_claim = asyncio.Event()
    records = True
    claims = True

    async def claim_refresh(self, session_id: str, login_id: str, version: int) -> RefreshClaim:
        await self.may_claim.wait()
        if not self.claims:
            raise LedgerUnavailable("the disk is broken")
        return await super().claim_refresh(session_id, login_id, version)

    async def renew(self, renewal: Renewal) -> Current | None:
        if not self.records:
            raise LedgerUnavailable("the disk is full")
        return await super().renew(renewal)


@dataclass(slots=True)
class Desk:
    """An end system, a login that was made there, and the store where its session is open."""

    system: Expiring
    end_system: EndSystem
    credential: Credential
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: SetClock = field(default_factory=SetClock)

    @asynccontextmanager
    async def connector(self) -> AsyncIterator["Connector"]:
        """What one connector knows of the session."""
        async with Scripted(self.store, clock=self.clock).opened() as ledger:
            assert isinstance(ledger, Scripted)
            ledger.may_claim = asyncio.Event()
            ledger.may_claim.set()
            login = OpenSession(SESSION, "A", ORIGIN, LOGIN, self.clock(), self.clock(), self.credential)
            self.store.sessions.setdefault((SESSION, LOGIN), login)
            live = LiveSessions(ledger)
            await live.load()
            seal = Sealed(SESSION, "A", LOGIN, self.store.ledger_id, self.credential)
            in_use = RenewableLogin(Renewals(ledger, live, nudge=lambda: None), seal)
            yield Connector(ledger, in_use, self.end_system)


@dataclass(slots=True)
class Connector:
    """One of several on one store."""

    ledger: Scripted
    login: RenewableLogin
    end_system: EndSystem

    async def call(self) -> int:
        """Call the end system as a handler does; returns the status."""
        session = SessionLogin(SESSION, "A", self.login.credential, in_use=self.login)
        async with self.end_system.client(session) as http, http.get("/thing") as answer:
            return answer.status


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Expiring() as system:
        end_system = build_end_system(EndSystemSection(profile=str(PROFILE), base_url=system.url), {})
        await end_system.open()
        made = await end_system.login(SESSION, {})
        system.expire()
        yield Desk(system, end_system, made.credential)
        await end_system.aclose()


@asynccontextmanager
async def profiled(desk: Desk, folder: Path, written: str, instead: str) -> AsyncIterator[None]:
    """Let the desk's end system have another profile: with this `instead` of what is `written` in its own."""
    profile, text = folder / "profile.toml", PROFILE.read_text()
    assert written in text
    profile.write_text(text.replace(written, instead))
    desk.end_system = build_end_system(EndSystemSection(profile=str(profile), base_url=desk.system.url), {})
    await desk.end_system.open()
    try:
        yield
    finally:
        await desk.end_system.aclose()


async def test_two_connectors_that_meet_an_expired_token_spend_one_refresh_token(desk: Desk) -> None:
    desk.system.answering.clear()
    async with desk.connector() as one, desk.connector() as other:
        calls = [asyncio.create_task(one.call())]
        await desk.system.refreshing.wait()
        calls.append(asyncio.create_task(other.call()))
        assert not (await asyncio.wait(calls, timeout=A_WHILE))[0]
        desk.system.answering.set()
        assert await asyncio.gather(*calls) == [200, 200]
        assert one.login.credential == other.login.credential != desk.credential
        assert not desk.store.refreshes
        desk.system.expire()
        assert [*await asyncio.gather(other.call(), one.call())] == [200, 200]
        assert one.login.credential == other.login.credential

    assert desk.system.refreshes == 2


async def test_a_refresh_that_failed_leaves_the_next_one_to_the_other(desk: Desk) -> None:
    async with desk.connector() as one, desk.connector() as other:
        token = desk.system.refresh.pop("1")
        assert await one.call() == 401
        desk.system.refresh["1"] = token
        assert await other.call() == 200

    assert desk.system.refreshes == 2


async def test_a_refresh_that_changes_nothing_ends_its_claim(desk: Desk) -> None:
    async def unchanged(stale: Credential) -> Credential:
        return stale

    async with desk.connector() as one:
        await one.login.refresh(desk.credential, unchanged)
        assert not desk.store.refreshes


async def test_a_connector_that_is_gone_holds_up_nobody_for_long(desk: Desk) -> None:
    async with desk.connector() as gone, desk.connector() as other:
        assert (await gone.ledger.claim_refresh(SESSION, LOGIN, 0)).state is RefreshState.OURS
        call = asyncio.create_task(other.call())
        assert not (await asyncio.wait([call], timeout=A_WHILE))[0]
        desk.clock.now += GONE_AFTER
        assert await call == 200


async def test_who_waits_for_a_refresh_that_does_not_end_is_told_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewals, "DEADLINE", A_WHILE)
    async with desk.connector() as one, desk.connector() as other:
        await one.ledger.claim_refresh(SESSION, LOGIN, 0)
        with pytest.raises(LoginNotRenewed, match="another process renews it"):
            await other.call()

    assert desk.system.refreshes == 0


async def test_a_login_that_is_renewed_while_its_claim_is_asked_for_is_refreshed(desk: Desk) -> None:
    async with desk.connector() as one:
        one.ledger.may_claim.clear()
        call = asyncio.create_task(one.call())
        assert not (await asyncio.wait([call], timeout=A_WHILE))[0]
        await one.login.renew(with_values({"X-Other": "new"}))
        one.ledger.may_claim.set()
        assert await call == 200
        assert (one.login.credential["X-Other"], desk.system.refreshes) == ("new", 1)


async def test_while_the_ledger_fails_no_refresh_is_sent_and_a_good_token_is_used_on(desk: Desk) -> None:
    desk.system.expires_in = "0.000001"
    desk.credential = (await desk.end_system.login(SESSION, {})).credential
    async with desk.connector() as one:
        one.ledger.claims = False
        assert await one.call() == 200
        desk.system.expire()
        with pytest.raises(LedgerUnavailable):
            await one.call()

    assert desk.system.refreshes == 0


async def test_a_refresh_that_could_not_be_recorded_is_recorded_and_not_sent_again(desk: Desk) -> None:
    desk.system.expires_in = "0.000001"
    desk.credential = (await desk.end_system.login(SESSION, {})).credential
    desk.system.expires_in = None
    async with desk.connector() as one, desk.connector() as other:
        one.ledger.records = False
        for _ in range(2):
            with pytest.raises(LedgerUnavailable):
                await one.call()
        waiting = asyncio.create_task(other.call())
        assert not (await asyncio.wait([waiting], timeout=A_WHILE))[0]
        one.ledger.records = True
        assert [await one.call(), await waiting] == [200, 200]

    assert desk.system.refreshes == 1


@pytest.mark.parametrize(("status", "is_in_doubt"), [(503, False), (502, True)])
async def test_a_gateway_that_got_no_answer_leaves_a_refresh_in_doubt(desk: Desk, status: int, *, is_in_doubt: bool) -> None:
    async with desk.connector() as one:
        desk.system.is_away = status
        with pytest.raises(LoginNotRenewed):
            await one.call()
        assert desk.store.is_in_doubt(SESSION, LOGIN) == is_in_doubt
        desk.system.is_away = 0
        assert await one.call() == 200
        assert not desk.store.is_in_doubt(SESSION, LOGIN)


async def test_a_refresh_without_an_answer_stays_in_doubt_if_the_next_one_is_refused(desk: Desk) -> None:
    async with desk.connector() as one:
        desk.system.breaks_off = True
        with pytest.raises(LoginNotRenewed):
            await one.call()
        assert await one.call() == 401
        assert desk.store.is_in_doubt(SESSION, LOGIN)


@pytest.mark.parametrize("is_in_doubt", [False, True])
async def test_whoever_cannot_refresh_says_whether_it_may_have_worked(desk: Desk, *, is_in_doubt: bool) -> None:
    async def late(_: Credential) -> Credential:
        raise LoginNotRenewed("not now", may_have_worked=is_in_doubt)

    async with desk.connector() as one:
        with pytest.raises(LoginNotRenewed):
            await one.login.refresh(desk.credential, late)
        assert desk.store.is_in_doubt(SESSION, LOGIN) == is_in_doubt


async def test_nobody_knows_what_a_refresh_has_made_that_ends_in_an_error_of_its_own(desk: Desk) -> None:
    async def broken(_: Credential) -> Credential:
        raise ZeroDivisionError

    async with desk.connector() as one:
        with pytest.raises(ZeroDivisionError):
            await one.login.refresh(desk.credential, broken)
        assert desk.store.is_in_doubt(SESSION, LOGIN)


async def test_what_a_login_that_nobody_knows_any_more_was_renewed_to_is_in_doubt(desk: Desk) -> None:
    async def while_it_goes(stale: Credential) -> Credential:
        del desk.store.sessions[SESSION, LOGIN]
        return stale.with_values({"X-Refresh": "newer"})

    async with desk.connector() as one:
        await one.login.refresh(desk.credential, while_it_goes)
        assert desk.store.is_in_doubt(SESSION, LOGIN)


@pytest.mark.parametrize("answers", ["refused = [401]", "retry = [401]"])
async def test_a_step_that_fails_after_one_that_has_spent_the_token_leaves_doubt(
    desk: Desk, tmp_path: Path, answers: str
) -> None:
    step = f'[[refresh]]\nmethod = "POST"\nurl = "{{base_url}}/more"\nsuccess = [200]\n{answers}\n\n'
    async with profiled(desk, tmp_path, "[credential]", f"{step}[credential]"), desk.connector() as one:
        with pytest.raises(LoginNotRenewed):
            await one.call()
        assert desk.store.is_in_doubt(SESSION, LOGIN)


async def test_an_answer_that_breaks_off_after_its_head_leaves_doubt(desk: Desk, tmp_path: Path) -> None:
    told = "success = [200]\nrefused = [400]", 'success = [{ status = 200, body = "access" }]\nrefused = [400]'
    async with profiled(desk, tmp_path, *told), desk.connector() as one:
        desk.system.breaks_off_its_body = True
        with pytest.raises(LoginNotRenewed):
            await one.call()
        assert desk.store.is_in_doubt(SESSION, LOGIN)
