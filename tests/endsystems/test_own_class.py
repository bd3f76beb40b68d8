"""A class of one's own has the guards of a profile without asking: certificates, proxy, addresses, deadlines, silent errors."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connector.config import settings
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, LoginOutcome, SessionLogin
from connector.endsystems.escaped import logged_in, logged_out
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from tests.endsystems.certificates import authority
from tests.endsystems.faulty import faulty_system
from tests.endsystems.opened import login

SECRET = "s3cret-canary"
PATH = f"?token={SECRET}"


class Plain(EndSystem):
    """Logs in and out at one path each, and thinks of no error."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        async with self.guarded.http(for_login=True) as http, http.get(settings["path"] + PATH) as answer:
            return LoginOutcome(LoginResult.LOGGED_IN, Credential([("X-Token", await answer.text())]))

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        async with self.guarded.http() as http, http.get(session.credential["X-Path"] + PATH) as answer:
            await answer.read()
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)


async def ended(base_url: str, path: str = "status/204", **keys: Any) -> tuple[LogoutResult, str | None]:
    """What becomes of a logout. Its message tells no secret."""
    end_system = build_end_system(settings.EndSystemSection(profile=f"{__name__}.Plain", base_url=base_url, **keys), {})
    outcome = await logged_out(end_system.logout(login(X_Path=path)))
    assert SECRET not in repr(outcome)
    return outcome.result, outcome.code


async def test_a_certificate_is_verified_by_the_configured_authority_alone(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    async with faulty_system(trusted.server()) as system:
        assert await ended(system.url, ca_file=trusted.file) == (LogoutResult.ACKNOWLEDGED, None)
        assert await ended(system.url) == (LogoutResult.REFUSED, "tls_certificate")


async def test_the_configured_proxy_is_used_and_the_environments_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async with faulty_system() as system, faulty_system() as proxy, faulty_system() as ambient:
        monkeypatch.setenv("http_proxy", ambient.url)
        await ended(system.url, proxy=proxy.url)
        assert [len(each.received) for each in (system, proxy, ambient)] == [0, 1, 0]


async def test_an_address_that_is_forbidden_or_not_allowed_is_not_connected_to() -> None:
    async with faulty_system() as system:
        for path in ("http://169.254.169.254/latest", "http://localhost:1/", f"{system.url}/alive", "../alive"):
            assert await ended(f"{system.url}/status", path) == (LogoutResult.REFUSED, "target_not_allowed")
        assert not system.received


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("status/503", (LogoutResult.PENDING, "http_503")),
        ("status/429", (LogoutResult.PENDING, "http_429")),
        ("status/403", (LogoutResult.REFUSED, "http_403")),
        ("before", (LogoutResult.PENDING, "connection")),
        ("garbage", (LogoutResult.PENDING, "connection")),
    ],
)
async def test_an_error_that_escapes_a_logout_is_its_outcome(path: str, told: tuple[LogoutResult, str]) -> None:
    async with faulty_system() as system:
        assert await ended(system.url, path) == told


async def test_an_answer_that_does_not_come_ends_at_the_deadline() -> None:
    deadlines = settings.EndSystemDeadlines(read=0.1, total=0.2)
    async with faulty_system() as system:
        assert await ended(system.url, "hang", deadlines=deadlines) == (LogoutResult.PENDING, "timeout")


async def test_a_login_reads_its_answer_beyond_the_deadline_of_its_caller() -> None:
    deadlines = settings.EndSystemDeadlines(read=0.05, total=0.05)
    section = settings.EndSystemSection
    async with faulty_system() as system:
        end_system = build_end_system(section(profile=f"{__name__}.Plain", base_url=system.url, deadlines=deadlines), {})
        logging_in = asyncio.create_task(_logged_in(end_system, "hang"))
        done, _ = await asyncio.wait([logging_in], timeout=0.5)
        assert not done
        logging_in.cancel()
        await asyncio.wait([logging_in])
        refused = await _logged_in(end_system, "status/401")

    assert (refused.result, refused.code) == (LoginResult.REFUSED, "http_401")


async def logged_in_at(base_url: str, path: str) -> LoginOutcome:
    """What becomes of a login at this path."""
    end_system = build_end_system(settings.EndSystemSection(profile=f"{__name__}.Plain", base_url=base_url), {})
    return await _logged_in(end_system, path)


async def _logged_in(end_system: EndSystem, path: str) -> LoginOutcome:
    return await logged_in(end_system.login("6f1c1d2e-0000-4000-8000-000000000001", {"path": path}))
