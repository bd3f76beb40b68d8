"""What becomes of a logout when the end system misbehaves, over real connections."""

import gc
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from connector.config.settings import EndSystemDeadlines
from connector.endsystems.http.received import ANSWER_LIMIT
from connector.model.outcomes import LogoutOutcome, LogoutResult
from tests.endsystems.behaviours import NO_DATE
from tests.endsystems.certificates import DAY, NOW, authority, self_signed
from tests.endsystems.faulty import FaultySystem, faulty_system
from tests.endsystems.opened import LOGOUT, VERIFY, login, opened

IMPATIENT = EndSystemDeadlines(connect=5, read=0.2, total=5)
PENDING, REFUSED = LogoutResult.PENDING, LogoutResult.REFUSED


async def log_out(system: FaultySystem, path: str, *, credential: str | None = None, **keys: Any) -> LogoutOutcome:
    session = login(Authorization=credential or system.log_in())
    async with opened(LOGOUT.format(path=path), base_url=system.url, **keys) as end_system:
        return await end_system.logout(session)


async def test_a_logout_ends_the_session_once_and_the_next_one_finds_it_gone() -> None:
    async with faulty_system() as system:
        assert (await log_out(system, "logout")).result is LogoutResult.ACKNOWLEDGED
        again = await log_out(system, "logout", credential="Bearer t0ken-canary")
        assert (again.result, system.logouts) == (LogoutResult.ALREADY_OUT, 1)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("before", "connection"),
        ("after", "connection"),
        ("hang", "timeout"),
        ("slow-headers", "timeout"),
        ("slow-body", "timeout"),
        ("short", "connection"),
        ("garbage", "connection"),
    ],
)
async def test_an_answer_that_does_not_come_whole_is_pending(path: str, code: str) -> None:
    deadlines = EndSystemDeadlines(connect=5, read=0.2, total=0.6)
    async with faulty_system() as system:
        outcome = await log_out(system, path, deadlines=deadlines)
    assert (outcome.result, outcome.code) == (PENDING, code)


@pytest.mark.parametrize("path", ["before", "after"])
async def test_a_request_whose_connection_breaks_is_sent_once_even_if_idempotent(path: str) -> None:
    async with faulty_system() as system:
        await log_out(system, path)
        assert len(system.received) == system.connections == 1


async def test_a_reset_after_the_work_is_pending_and_its_retry_finds_the_session_gone() -> None:
    async with faulty_system() as system:
        assert (await log_out(system, "after")).result is PENDING
        retried = await log_out(system, "after", credential="Bearer t0ken-canary")
        assert (retried.result, system.logouts) == (LogoutResult.ALREADY_OUT, 1)


async def test_an_end_system_that_is_down_is_pending() -> None:
    async with faulty_system() as system:
        url = system.url
    async with opened(LOGOUT.format(path="logout"), base_url=url) as end_system:
        outcome = await end_system.logout(login(Authorization="Bearer t"))
    assert (outcome.result, outcome.code) == (PENDING, "connection")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_what_may_pass_is_pending_by_default(status: int) -> None:
    async with faulty_system() as system:
        outcome = await log_out(system, f"status/{status}?error=busy_now")
    assert (outcome.result, outcome.code) == (PENDING, "busy_now")


@pytest.mark.parametrize("status", [201, 202, 301, 302, 307, 308, 304, 400, 403, 404, 405, 410, 418, 451])
async def test_what_no_list_names_is_refused(status: int) -> None:
    async with faulty_system() as system:
        outcome = await log_out(system, f"status/{status}?body=none")
    assert (outcome.result, outcome.code) == (REFUSED, f"http_{status}")


async def test_retry_after_is_read_as_seconds() -> None:
    async with faulty_system() as system:
        outcome = await log_out(system, "status/429?retry-after=120")
    assert (outcome.result, outcome.retry_after) == (PENDING, 120)


async def test_retry_after_is_read_as_a_date() -> None:
    moment = quote(format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    async with faulty_system() as system:
        outcome = await log_out(system, f"status/503?retry-after={moment}")
    assert outcome.retry_after == pytest.approx(3600, abs=60)


@pytest.mark.parametrize("text", ["soon", "-1", "1e9", "9" * 400, "Wed, 99 Foo 2026 00:00:00 GMT", " ", NO_DATE])
async def test_a_retry_after_that_says_nothing_is_ignored(text: str) -> None:
    async with faulty_system() as system:
        outcome = await log_out(system, f"status/503?retry-after={quote(text)}")
    assert (outcome.result, outcome.retry_after) == (PENDING, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_host_is_refused_and_that_host_never_hears_of_it(status: int) -> None:
    async with faulty_system() as system, faulty_system() as other:
        outcome = await log_out(system, f"status/{status}?location={other.url}/fine")
        assert (outcome.result, outcome.code) == (REFUSED, "none")
        assert "redirects are not followed" in str(outcome.message)
        assert (len(system.received), other.connections) == (1, 0)


async def test_of_an_endless_body_only_the_beginning_is_read_and_the_connection_dropped() -> None:
    async with faulty_system() as system:
        outcome = await log_out(system, "endless")
        assert outcome.result is LogoutResult.ACKNOWLEDGED
        assert system.sent < 64 * ANSWER_LIMIT


async def test_a_compressed_body_of_any_size_is_no_fault_and_none_is_asked_for() -> None:
    async with faulty_system() as system:
        outcome = await log_out(system, "bomb")
        assert outcome.result is LogoutResult.ACKNOWLEDGED
        assert system.received[0].header("accept-encoding") == b"identity"


async def test_a_pattern_is_searched_in_the_beginning_of_the_body_only() -> None:
    profile = LOGOUT.format(path="endless").replace("[200, 204]", '[{ status = 200, body = "x" }]')
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        outcome = await end_system.logout(login(Authorization="t"))
    assert (outcome.result, outcome.code) == (REFUSED, "http_200")


async def test_the_total_deadline_ends_what_the_read_deadline_does_not() -> None:
    deadlines = EndSystemDeadlines(connect=5, read=60, total=0.3)
    async with faulty_system() as system:
        outcome = await log_out(system, "slow-body", deadlines=deadlines)
    assert (outcome.result, outcome.code) == (PENDING, "timeout")


async def test_a_probe_that_outlasts_the_deadline_leaves_the_logout_acknowledged() -> None:
    async with faulty_system() as system:
        profile = LOGOUT.format(path="logout") + VERIFY.format(path="hang")
        async with opened(profile, base_url=system.url, deadlines=IMPATIENT) as end_system:
            outcome = await end_system.logout(login(Authorization=system.log_in()))
    assert outcome.result is LogoutResult.ACKNOWLEDGED
    assert outcome.message == "not verified: verify: no answer in time"


async def test_a_certificate_of_a_trusted_authority_is_accepted(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    async with faulty_system(trusted.server()) as system:
        outcome = await log_out(system, "logout", ca_file=trusted.file)
    assert outcome.result is LogoutResult.ACKNOWLEDGED


@pytest.mark.parametrize("wrong", ["self-signed", "another host's", "expired", "unknown authority's"])
async def test_a_certificate_that_does_not_verify_is_refused_before_the_credential_is_sent(tmp_path: Path, wrong: str) -> None:
    trusted = authority(tmp_path)
    match wrong:
        case "self-signed":
            tls = self_signed(tmp_path)
        case "another host's":
            tls = trusted.server("other.example")
        case "expired":
            tls = trusted.server(until=NOW - DAY)
        case _:
            tls = trusted.server()
    async with faulty_system(tls) as system:
        outcome = await log_out(system, "logout", ca_file=None if wrong == "unknown authority's" else trusted.file)
        assert (outcome.result, outcome.code) == (REFUSED, "tls_certificate")
        assert not system.received


async def test_tls_to_a_server_that_speaks_none_is_pending() -> None:
    async with faulty_system() as system:
        url = system.url.replace("http://", "https://")
        async with opened(LOGOUT.format(path="logout"), base_url=url) as end_system:
            outcome = await end_system.logout(login(Authorization=system.log_in()))
    assert (outcome.result, outcome.code) == (PENDING, "connection")


async def test_a_configured_proxy_is_used_with_its_credentials_the_environments_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with faulty_system() as system, faulty_system() as proxy, faulty_system() as ambient:
        monkeypatch.setenv("http_proxy", ambient.url)
        assert (await log_out(system, "logout")).result is LogoutResult.ACKNOWLEDGED
        outcome = await log_out(system, "status/204", proxy=proxy.url.replace("//", "//me:pr0xy-canary@"))
        assert outcome.result is LogoutResult.ACKNOWLEDGED
        assert proxy.received[0].target == f"{system.url}/status/204"
        assert proxy.received[0].header("proxy-authorization").startswith(b"Basic ")
        assert (len(system.received), ambient.connections) == (1, 0)


async def test_a_proxy_that_is_down_or_refuses_a_tunnel_is_pending(tmp_path: Path) -> None:
    async with faulty_system() as gone:
        down = gone.url
    async with faulty_system() as refusing:
        for proxy in (down, refusing.url):
            async with opened(LOGOUT.format(path="x"), base_url="https://localhost:1", proxy=proxy) as end_system:
                outcome = await end_system.logout(login(Authorization="t"))
            assert (outcome.result, outcome.code) == (PENDING, "proxy")


async def test_a_cookie_that_one_logout_is_given_is_not_sent_with_the_next() -> None:
    async with (
        faulty_system() as system,
        opened(LOGOUT.format(path="status/200?set-cookie=a%3Db"), base_url=system.url) as end_system,
    ):
        for _ in range(2):
            await end_system.logout(login(Authorization="t"))
        assert [request.header("cookie") for request in system.received] == [b"", b""]
        assert system.connections == 2


@pytest.mark.parametrize(
    "path",
    ["logout", "before", "hang", "short", "garbage", "echo", "status/500"],
)
async def test_no_credential_shows_in_outcome_record_or_log(path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    profile = LOGOUT.format(path=path).replace("[401]", '[401]\nquery = { token = "{credential.Authorization}" }')
    async with faulty_system() as system, opened(profile, base_url=system.url, deadlines=IMPATIENT) as end_system:
        session = login(Authorization=system.log_in())
        records = [record async for record in end_system.run(session)]
        outcome = await end_system.logout(session)
    gc.collect()
    assert "token=***" in records[0].url
    assert "canary" not in repr(records) + repr(outcome) + caplog.text
