"""A message names what happened, so that a person knows what to do about it."""

import socket
import ssl
from pathlib import Path

import pytest

from connector.config.settings import EndSystemDeadlines
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from tests.endsystems.certificates import DAY, NOW, authority, self_signed
from tests.endsystems.faulty import Canned, faulty_system
from tests.endsystems.opened import LOGIN, LOGOUT, RIGHT, SESSION, VERIFY, login, opened
from tests.endsystems.refusing_tls import refusing_server
from tests.ports import HOST, free_port


async def log_out(url: str, ca_file: Path) -> LogoutOutcome:
    async with opened(LOGOUT.format(path="logout"), base_url=url, ca_file=ca_file) as end_system:
        return await end_system.logout(login(Authorization="Bearer t"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_a_certificate_that_the_server_wants_of_the_client_is_no_outage(tmp_path: Path, version: ssl.TLSVersion) -> None:
    trusted = authority(tmp_path)
    tls = trusted.wanting_clients()
    tls.maximum_version = version
    with refusing_server(tls) as url:
        outcome = await log_out(url, trusted.file)
    code = "tls_client_certificate" if version is ssl.TLSVersion.TLSv1_3 else "tls_handshake"
    assert (outcome.result, outcome.code) == (LogoutResult.REFUSED, code)
    assert "a certificate of the client" in str(outcome.message)
    assert "end_system.client_certificate" in str(outcome.message)


async def test_a_version_of_tls_that_is_not_allowed_here_is_no_outage(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    tls = trusted.server()
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        tls.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    with refusing_server(tls) as url:
        outcome = await log_out(url, trusted.file)
    assert (outcome.result, outcome.code) == (LogoutResult.REFUSED, "tls_version")
    assert outcome.message == "steps[0]: the server speaks no version of TLS that is allowed here"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("name", "it is for another name than that of the host"),
        ("expired", "it has expired"),
        ("self-signed", "no authority has signed it"),
        ("authority", "name its own in `end_system.ca_file`"),
    ],
)
async def test_what_is_wrong_with_a_servers_certificate_is_said(tmp_path: Path, wrong: str, words: str) -> None:
    trusted, other = authority(tmp_path), tmp_path / "other"
    other.mkdir()
    match wrong:
        case "name":
            tls = trusted.server("other.example")
        case "expired":
            tls = trusted.server(until=NOW - DAY)
        case "self-signed":
            tls = self_signed(tmp_path)
        case _:
            tls = trusted.server()
    async with faulty_system(tls) as system:
        outcome = await log_out(system.url, authority(other).file if wrong == "authority" else trusted.file)
    assert (outcome.result, outcome.code) == (LogoutResult.REFUSED, "tls_certificate")
    assert words in str(outcome.message)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Canned(200, b"\x8bx", [("Content-Encoding", "br")]), "its body is compressed (br), and could not be unpacked"),
        (Canned(200, "x" * 70_000 + "Bye"), "only the first 64 KiB of its body are read"),
    ],
)
async def test_a_rule_that_cannot_see_a_body_is_told_with_the_reason(answer: Canned, why: str) -> None:
    profile = LOGOUT.format(path="logout").replace("[200, 204]", '[{ status = 200, body = "Bye" }]')
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        system.answers = [answer]
        outcome = await end_system.logout(login(Authorization="t"))
    assert (outcome.result, outcome.code) == (LogoutResult.REFUSED, "http_200")
    assert (
        outcome.message
        == f"steps[0]: answered 200, which no list of the profile names (`success[0]` wants another `body`; {why})"
    )


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ('{ status = 200, body = "^Fails", message = "%s" }', Canned(200, "Fails.")),
        (
            '{ status = 302, headers = { Location = "/login" }, message = "%s" }',
            Canned(302, headers=[("Location", "/login?e=1")]),
        ),
    ],
)
async def test_a_wrong_password_behind_a_success_is_told_in_the_profiles_words(rule: str, answer: Canned) -> None:
    words = "the user name or the password is wrong"
    profile = LOGOUT.format(path="logout") + LOGIN.format(path="login").replace("[401, 403]", f"[{rule % words}]")
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        system.answers = [answer]
        outcome = await end_system.login(SESSION, RIGHT)
    assert (outcome.result, outcome.message) == (LoginResult.REFUSED, words)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://desk.invalid", "no connection: the host's name cannot be looked up"),
        ("http://127.0.0.1:{port}", "no connection: the host refuses it at this port"),
    ],
)
async def test_a_connection_that_is_not_made_is_told_with_the_reason(url: str, reason: str) -> None:
    async with opened(LOGOUT.format(path="logout"), base_url=url.format(port=free_port())) as end_system:
        outcome = await end_system.logout(login(Authorization="t"))
    assert (outcome.result, outcome.code, outcome.message) == (LogoutResult.PENDING, "connection", f"steps[0]: {reason}")


async def test_a_connection_whose_tls_is_never_answered_is_no_late_answer() -> None:
    with socket.create_server((HOST, 0)) as silent:
        url = f"https://{HOST}:{silent.getsockname()[1]}"
        deadlines = EndSystemDeadlines(connect=0.2, read=5, total=10)
        async with opened(LOGOUT.format(path="logout"), base_url=url, deadlines=deadlines) as end_system:
            outcome = await end_system.logout(login(Authorization="t"))
    assert (outcome.code, outcome.message) == ("timeout", "steps[0]: no connection in time")


@pytest.mark.parametrize(
    ("rule", "answer", "missed"),
    [
        ("{ status = 200, body = 'Bye' }", Canned(200, "Hello"), "(`success[0]` wants another `body`)"),
        (
            "{ status = 302, body = 'Bye', headers = { Location = '/login?next' } }",
            Canned(302, "Bye", [("Location", "/login?next=s3cret")]),
            "(`success[0]` wants another `headers.Location`; redirects are not followed)",
        ),
        ("{ status = 200, body = 'Bye' }", Canned(404, "Hello"), ""),
    ],
)
async def test_a_rule_of_the_right_status_that_does_not_fit_is_named(rule: str, answer: Canned, missed: str) -> None:
    lines = LOGOUT.format(path="logout").replace("[200, 204]", f"[{rule}]") + VERIFY.format(path="alive")
    profile = lines.replace("alive = [200]", f"alive = [{rule}]")
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        system.answers = [answer]
        outcome = await end_system.logout(login(Authorization="t"))
        system.answers = [Canned(401), answer]
        probed = await end_system.logout(login(Authorization="t"))
    described = f"{answer.status}, which no list of the profile names"
    assert outcome.message == f"steps[0]: answered {described} {missed}".rstrip()
    assert probed.message == f"not verified: the probe answered {described} {missed.replace('success', 'alive')}".rstrip()


async def test_a_status_that_may_pass_is_told_to_count_as_a_retry() -> None:
    async with faulty_system() as system, opened(LOGOUT.format(path="status/429"), base_url=system.url) as end_system:
        outcome = await end_system.logout(login(Authorization="t"))
    assert (outcome.result, outcome.message) == (LogoutResult.PENDING, "steps[0]: answered 429, which counts as `retry`")
