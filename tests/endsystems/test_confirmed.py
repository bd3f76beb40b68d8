"""The profiles that were tried at real systems read what those answer: a login, its logout, and the logout of a dead login."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from connector.config import settings
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import SessionLogin
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult, LogoutResult
from tests.endsystems.conversations import LEFT, LOGINS, LOGOUTS, LOGOUTS_OF_THE_DEAD, PROBES, Exchange
from tests.endsystems.faulty import FaultySystem, faulty_system
from tests.endsystems.opened import SESSION
from tests.endsystems.real_systems.catalogue import SYSTEMS
from tests.endsystems.real_systems.page import PAGE
from tests.endsystems.real_systems.system import RealSystem

GIVEN = {"username": "ann", "password": "p+&<"}


@asynccontextmanager
async def confirmed(name: str) -> AsyncIterator[tuple[HttpEndSystem, FaultySystem]]:
    """A profile, opened, and the server that it sends to."""
    async with faulty_system() as system:
        configured = settings.EndSystemSection(profile=name, base_url=f"{system.url}/base", allowed_urls=[system.url])
        end_system = build_end_system(configured, {})
        assert isinstance(end_system, HttpEndSystem)
        await end_system.open()
        yield end_system, system
        await end_system.aclose()


def expect(system: FaultySystem, exchanges: Sequence[Exchange]) -> list[str]:
    """Let the server answer like this, and return what it should be asked."""
    system.received.clear()
    system.answers = [answer for _, answer in exchanges]
    return [wanted for wanted, _ in exchanges]


def asked(system: FaultySystem) -> list[str]:
    return [f"{request.method} {request.target}" for request in system.received]


def test_each_system_that_is_tried_for_real_has_its_conversation() -> None:
    names = sorted(system.key for system in SYSTEMS)
    assert [*LOGINS] == [*PROBES] == [*LOGOUTS] == [*LEFT] == names


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.key)
def test_the_page_has_the_outcome_of_each_system_in_todays_version(system: RealSystem) -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if f"| `{system.key}` | {system.version} |" in line]
    assert [row.endswith("| passes all |") for row in rows] == [True]


@pytest.mark.parametrize("name", LOGINS)
async def test_a_login_is_proved_and_its_logout_is_verified(name: str) -> None:
    probe, alive, dead = PROBES[name]
    async with confirmed(name) as (end_system, system):
        wanted = expect(system, [*LOGINS[name], (probe, alive)])
        login = await end_system.login(SESSION, GIVEN)
        assert (login.result, dict(login.credential), asked(system)) == (LoginResult.LOGGED_IN, LEFT[name], wanted)
        before = [(probe, alive)] if end_system.profile.verify[0].before else []
        wanted = expect(system, [*before, *LOGOUTS[name], (probe, dead)])
        logout = await end_system.logout(SessionLogin(SESSION, None, login.credential))
        assert (logout.result, asked(system)) == (LogoutResult.VERIFIED, wanted)


@pytest.mark.parametrize("name", LOGINS)
async def test_a_login_that_has_ended_before_is_told_from_one_that_is_ended(name: str) -> None:
    probe, _, dead = PROBES[name]
    async with confirmed(name) as (end_system, system):
        before = [(probe, dead)] if end_system.profile.verify[0].before else []
        expect(system, [*before, *LOGOUTS_OF_THE_DEAD.get(name, LOGOUTS[name]), (probe, dead)])
        outcome = await end_system.logout(SessionLogin(SESSION, None, Credential(LEFT[name].items())))
        assert outcome.result is LogoutResult.ALREADY_OUT


@pytest.mark.parametrize("name", LOGINS)
async def test_a_login_that_works_after_the_logout_is_refused(name: str) -> None:
    probe, alive, _ = PROBES[name]
    async with confirmed(name) as (end_system, system):
        before = [(probe, alive)] if end_system.profile.verify[0].before else []
        expect(system, [*before, *LOGOUTS[name], (probe, alive)])
        outcome = await end_system.logout(SessionLogin(SESSION, None, Credential(LEFT[name].items())))
        assert (outcome.result, outcome.code) == (LogoutResult.REFUSED, "still_alive")


@pytest.mark.parametrize("name", LOGINS)
async def test_an_authors_own_requests_carry_the_login(name: str) -> None:
    async with confirmed(name) as (end_system, system):
        session = SessionLogin(SESSION, None, Credential(LEFT[name].items()))
        async with end_system.client(session) as http, http.get(f"{system.url}/fine"):
            pass
        sent = {header: value.decode() for header, value in system.received[0].headers}
        assert sent.items() >= LEFT[name].items()
