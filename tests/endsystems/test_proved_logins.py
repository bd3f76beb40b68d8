"""A login is proved by the probe before anybody uses it; what was made and does not work is ended, or owed."""

from pathlib import Path

import pytest

from connector.config.settings import EndSystemDeadlines
from connector.endsystems.end_system import SessionLogin
from connector.endsystems.profile.record import StepRecord
from connector.model.outcomes import LoginResult, LogoutResult
from tests.endsystems.certificates import authority
from tests.endsystems.faulty import Canned, faulty_system
from tests.endsystems.opened import LOGIN, LOGOUT, RIGHT, SESSION, VERIFY, opened, undone

TOKEN = Canned(200, '{"token": "t"}')
WITHOUT_ALIVE = VERIFY.replace("alive = [200]\n", "")


def profile(probe: str = "alive", verify: str = VERIFY, logout: str = "logout") -> str:
    return LOGOUT.format(path=logout) + verify.format(path=probe) + LOGIN.format(path="login")


async def test_a_login_that_the_probe_finds_alive_is_handed_out_as_proved() -> None:
    async with faulty_system() as system, opened(profile(), base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, outcome.credential.proved, outcome.message) == (LoginResult.LOGGED_IN, True, None)
        assert [request.target for request in system.received] == ["/login", "/alive"]


async def test_without_a_probe_a_login_is_handed_out_and_not_proved() -> None:
    async with faulty_system() as system, opened(profile(verify=""), base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, outcome.credential.proved) == (LoginResult.LOGGED_IN, False)


async def test_a_credential_that_was_captured_wrongly_is_refused_and_stays_owed() -> None:
    async with faulty_system() as system, opened(profile(), base_url=system.url) as end_system:
        system.answers = [TOKEN]
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, outcome.code) == (LoginResult.REFUSED, "not_alive")
        assert outcome.message == "verify: the login succeeded, but the probe does not find its credential alive (401)"
        ended = await undone(end_system, outcome)
        assert (ended.result, ended.code, ended.closes) == (LogoutResult.REFUSED, "never_alive", False)


@pytest.mark.parametrize("answer", [200, 204, 401])
async def test_no_later_logout_of_a_dead_credential_closes_its_debt(answer: int) -> None:
    async with faulty_system() as system, opened(profile(), base_url=system.url) as end_system:
        system.answers = [TOKEN]
        made = (await end_system.login(SESSION, RIGHT)).credential
        system.answers = [Canned(answer)]
        ended = await end_system.logout(SessionLogin(SESSION, None, made))
        assert (ended.result, ended.code) == (LogoutResult.REFUSED, "never_alive")


@pytest.mark.parametrize(("logout", "closes"), [("status/200", True), ("status/401", False)])
async def test_after_an_unknown_answer_of_the_probe_only_a_confirmed_logout_ends_the_login(logout: str, closes: bool) -> None:
    async with faulty_system() as system, opened(profile("status/302", logout=logout), base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, outcome.code) == (LoginResult.REFUSED, "not_alive")
        assert (await undone(end_system, outcome)).closes is closes


@pytest.mark.parametrize("probe", ["before", "hang", "garbage", "status/500", "status/429"])
async def test_a_probe_without_an_answer_leaves_the_login_good_and_unproved(probe: str) -> None:
    deadlines = EndSystemDeadlines(connect=5, read=0.2, total=0.4)
    async with faulty_system() as system, opened(profile(probe), base_url=system.url, deadlines=deadlines) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, outcome.credential.proved) == (LoginResult.LOGGED_IN, False)
        assert str(outcome.message).startswith("not verified: ")


async def test_a_probe_that_no_certificate_allows_refuses_the_login(tmp_path: Path) -> None:
    async with faulty_system() as system, faulty_system(authority(tmp_path).server()) as other:
        text = profile().replace("{base_url}/alive", f"{other.url}/alive")
        async with opened(text, base_url=system.url, allowed_urls=[system.url, other.url]) as end_system:
            outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, outcome.code) == (LoginResult.REFUSED, "tls_certificate")


async def test_a_probe_that_names_no_living_answer_refuses_only_a_dead_login() -> None:
    async with faulty_system() as system:
        async with opened(profile("status/302", WITHOUT_ALIVE), base_url=system.url) as end_system:
            unclear = await end_system.login(SESSION, RIGHT)
        async with opened(profile("status/401", WITHOUT_ALIVE), base_url=system.url) as end_system:
            dead = await end_system.login(SESSION, RIGHT)
    assert (unclear.result, unclear.credential.proved, dead.result) == (LoginResult.LOGGED_IN, False, LoginResult.REFUSED)


async def test_a_defect_while_a_login_is_proved_does_not_lose_the_login() -> None:
    def note(record: StepRecord) -> None:
        if record.step == "verify":
            raise RuntimeError

    async with faulty_system() as system, opened(profile(), base_url=system.url) as end_system:
        outcome = await end_system.log_in(RIGHT, note)
        assert (outcome.result, dict(outcome.credential)) == (LoginResult.LOGGED_IN, {"authorization": "Bearer t0ken-canary-1"})
        assert outcome.message == "not verified: the probe could not be sent"


@pytest.mark.parametrize(
    "answer",
    [Canned(200), Canned(200, "x" * 70_000 + '{"token": "t"}'), Canned(200, b"\x00zz", [("Content-Encoding", "br")])],
    ids=["no token", "too long", "packed in an unknown way"],
)
async def test_a_login_without_the_value_that_would_end_it_is_owed(answer: Canned) -> None:
    async with faulty_system() as system, opened(profile(), base_url=system.url) as end_system:
        system.answers = [answer]
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, outcome.code, bool(outcome.credential)) == (LoginResult.REFUSED, "capture_missing", True)
        ended = await undone(end_system, outcome)
        assert (ended.result, ended.code) == (LogoutResult.REFUSED, "capture_missing")
        assert [request.target for request in system.received] == ["/login"]


async def test_of_an_answer_that_breaks_off_its_head_is_enough_to_end_the_login() -> None:
    text = profile().replace("{base_url}/login", "{base_url}/broken").replace('json = "token"', 'header = "X-Token"')
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, outcome.code) == (LoginResult.UNAVAILABLE, "connection")
        assert dict(outcome.credential) == {"authorization": "Bearer b"}
        assert (await undone(end_system, outcome)).result is LogoutResult.VERIFIED
        assert not system.sessions


async def test_of_an_answer_that_breaks_off_nothing_in_its_body_is_believed() -> None:
    text = profile().replace("{base_url}/login", "{base_url}/broken").replace('json = "token"', "pattern = 'token.: .(\\w+)'")
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, dict(outcome.credential)) == (LoginResult.UNAVAILABLE, {":remnant": "unread"})
        assert (await undone(end_system, outcome)).code == "capture_missing"


FIRST_A_FORM = """
[[login]]
method = "GET"
url = "{base_url}/form"
success = [200]
capture = { csrf = { header = "X-CSRF" } }

"""


async def test_a_request_that_only_fetches_a_form_has_made_no_login() -> None:
    text = (
        profile()
        .replace("[[login]]", f"{FIRST_A_FORM}[[login]]", 1)
        .replace("form = {", 'query = { c = "{captured.csrf}" }\nform = {', 1)
    )
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        system.answers = [Canned(200)]
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.code, dict(outcome.credential)) == ("capture_missing", {})


EXCHANGED = """
description = "A ticket that is exchanged for a token"

[[login]]
method = "POST"
url = "{base_url}/login"
success = [200]
capture = { ticket = { header = "X-Ticket" } }

[[login]]
method = "POST"
url = "{base_url}/exchange"
headers = { X-Ticket = "{captured.ticket}" }
success = [200]
capture = { token = { header = "X-Token" } }

[credential]
X-Token = "{captured.token}"

[[steps]]
method = "POST"
url = "{base_url}/logout"
headers = { X-Token = "{credential.X-Token}" }
success = [200]
"""


async def test_a_value_that_a_later_request_cannot_carry_leaves_the_login_owed() -> None:
    text = EXCHANGED.replace("headers = { X-Ticket", "cookies = { T", 1)
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        system.answers = [Canned(200, headers=[("X-Ticket", "a;b")])]
        outcome = await end_system.login(SESSION, {})
        assert (outcome.code, bool(outcome.credential)) == ("credential_malformed", True)
        assert not (await undone(end_system, outcome)).closes
