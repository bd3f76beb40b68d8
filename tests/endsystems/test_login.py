"""What becomes of a login, over real connections: made, refused, away, half made."""

import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from connector.config.settings import EndSystemDeadlines
from connector.endsystems.end_system import LoginOutcome, SessionLogin
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from tests.endsystems.behaviours import NO_DATE
from tests.endsystems.faulty import Canned, FaultySystem, faulty_system
from tests.endsystems.opened import LOGIN, LOGOUT, RIGHT, SESSION, VERIFY, opened, undone

IMPATIENT = EndSystemDeadlines(connect=5, read=0.2, total=0.3)
LOGGED_IN, REFUSED, UNAVAILABLE = LoginResult.LOGGED_IN, LoginResult.REFUSED, LoginResult.UNAVAILABLE
CARRIED = 'headers = { Authorization = "{credential.Authorization}" }'
SECOND = """
[[login]]
method = "POST"
url = "{{base_url}}/{path}"
headers = {{ Authorization = "Bearer {{captured.token}}" }}
success = [200]
refused = [401]
"""


def profile(path: str, second: str = "", logout: str = "logout") -> str:
    """A profile that logs in by one step or two, and out of it with a probe."""
    return LOGOUT.format(path=logout) + VERIFY.format(path="alive") + LOGIN.format(path=path) + second


def session(outcome: LoginOutcome) -> SessionLogin:
    return SessionLogin(SESSION, None, outcome.credential)


async def log_in(system: FaultySystem, path: str, second: str = "", **keys: Any) -> LoginOutcome:
    async with opened(profile(path, second), base_url=system.url, **keys) as end_system:
        return await end_system.login(SESSION, RIGHT)


async def log_in_and_undo(
    system: FaultySystem, text: str, settings: Mapping[str, str] = RIGHT
) -> tuple[LoginOutcome, LogoutOutcome]:
    """Log in, in vain, and undo what was made until then."""
    async with opened(text, base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, settings)
        return outcome, await undone(end_system, outcome)


async def test_what_a_login_leaves_behind_is_what_its_logout_needs() -> None:
    async with faulty_system() as system, opened(profile("login"), base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, dict(outcome.credential)) == (LOGGED_IN, {"authorization": "Bearer t0ken-canary-1"})
        assert (await end_system.logout(session(outcome))).result is LogoutResult.VERIFIED
        assert not system.sessions


async def test_each_login_is_one_of_its_own() -> None:
    async with faulty_system() as system, opened(profile("login"), base_url=system.url) as end_system:
        first, second = [await end_system.login(SESSION, RIGHT) for _ in range(2)]
        await end_system.logout(session(first))
        assert system.sessions == {second.credential["Authorization"].encode()}


async def test_a_profile_without_a_login_makes_none() -> None:
    async with faulty_system() as system, opened(LOGOUT.format(path="logout"), base_url=system.url) as end_system:
        assert await end_system.login(SESSION, RIGHT) == LoginOutcome(LoginResult.NOT_APPLICABLE)
        assert not system.connections


async def test_credentials_that_the_end_system_refuses_are_refused_with_its_code() -> None:
    async with faulty_system() as system, opened(profile("login"), base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, RIGHT | {"password": "wr0ng-canary"})
        assert (outcome.result, outcome.code) == (REFUSED, "bad_password")
        assert (dict(outcome.credential), len(system.received)) == ({}, 1)


@pytest.mark.parametrize("status", [204, 301, 302, 307, 400, 404, 418])
async def test_an_answer_that_no_list_names_is_refused_as_unexpected(status: int) -> None:
    async with faulty_system() as system:
        outcome = await log_in(system, f"status/{status}")
    assert (outcome.result, outcome.code) == (REFUSED, "unexpected_answer")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_what_may_pass_is_unavailable_and_its_wait_is_passed_on(status: int) -> None:
    async with faulty_system() as system:
        outcome = await log_in(system, f"status/{status}?retry-after=7")
    assert (outcome.result, outcome.retry_after) == (UNAVAILABLE, 7)


@pytest.mark.parametrize(
    ("path", "code"), [("before", "connection"), ("hang", "timeout"), ("short", "connection"), ("garbage", "connection")]
)
async def test_an_answer_that_does_not_come_whole_is_unavailable_and_asked_for_once(path: str, code: str) -> None:
    async with faulty_system() as system:
        outcome = await log_in(system, path, deadlines=IMPATIENT)
        assert (outcome.result, outcome.code, len(system.received)) == (UNAVAILABLE, code, 1)


async def test_a_redirect_of_a_login_is_not_followed() -> None:
    async with faulty_system() as system, faulty_system() as other:
        outcome = await log_in(system, f"status/302?location={other.url}/login")
        assert (outcome.code, other.connections) == ("unexpected_answer", 0)


async def test_a_login_whose_answer_holds_no_token_is_refused() -> None:
    async with faulty_system() as system:
        outcome = await log_in(system, "fine")
    assert (outcome.result, outcome.code) == (REFUSED, "capture_missing")


@pytest.mark.parametrize(("status", "result"), [(401, REFUSED), (403, REFUSED), (503, UNAVAILABLE)])
async def test_a_login_that_fails_half_way_says_what_it_has_made_and_how_to_undo_it(status: int, result: LoginResult) -> None:
    async with (
        faulty_system() as system,
        opened(profile("login", SECOND.format(path=f"status/{status}")), base_url=system.url) as tool,
    ):
        outcome = await tool.login(SESSION, RIGHT)
        assert (outcome.result, dict(outcome.credential)) == (result, {"authorization": "Bearer t0ken-canary-1"})
        assert (system.logins, system.logouts) == (1, 0)
        assert (await undone(tool, outcome)).closes
        assert system.logouts == 1


async def test_a_login_that_fails_half_way_is_logged_out_whatever_the_answer_asks_for() -> None:
    async with faulty_system() as system:
        second = SECOND.format(path=f"status/503?retry-after={quote(NO_DATE)}")
        outcome, _ = await log_in_and_undo(system, profile("login", second))
        assert (outcome.result, outcome.retry_after) == (UNAVAILABLE, None)
        assert (system.logins, system.logouts) == (1, 1)


async def test_a_half_made_login_that_cannot_be_logged_out_now_is_not_said_to_be_ended() -> None:
    async with faulty_system() as system:
        text = profile("login", SECOND.format(path="status/401"), logout="status/503")
        outcome, ended = await log_in_and_undo(system, text)
    assert (outcome.result, ended.result) == (REFUSED, LogoutResult.PENDING)
    assert str(ended.message).startswith("steps[0]: answered 503")


TWO_COOKIES = """
description = "A login of two cookies, and a logout for each"

[[login]]
method = "POST"
url = "{base_url}/first"
success = [200]
capture = { a = { cookie = "A" } }

[[login]]
method = "POST"
url = "{base_url}/second"
success = [200]
refused = [401]
capture = { b = { cookie = "B" } }

[credential]
Cookie = "A={captured.a}; B={captured.b}"
X-B = "{captured.b}"

[[steps]]
method = "DELETE"
url = "{base_url}/b"
headers = { X-B = "{credential.X-B}" }
cookies = { B = "{credential.Cookie|cookie:B}" }
success = [200]
already_out = []

[[steps]]
method = "DELETE"
url = "{base_url}/a"
cookies = { A = "{credential.Cookie|cookie:A}" }
success = [200]
"""


async def test_of_a_half_made_login_those_steps_of_the_logout_are_taken_that_can_be() -> None:
    async with faulty_system() as system, opened(TWO_COOKIES, base_url=system.url) as end_system:
        system.answers = [Canned(200, headers=[("Set-Cookie", "A=1; Path=/")]), Canned(401), Canned(200)]
        outcome = await end_system.login(SESSION, {})
        assert (await undone(end_system, outcome)).closes
        assert [f"{request.method} {request.target}" for request in system.received] == [
            "POST /first",
            "POST /second",
            "DELETE /a",
        ]
        assert outcome.code == "http_401"


async def test_a_login_is_not_ended_while_a_step_of_its_logout_could_not_be_taken() -> None:
    text = TWO_COOKIES.replace('b = { cookie = "B" }', 'b = { cookie = "B" }, c = { cookie = "C" }')
    text = text.replace('X-B = "{captured.b}"', 'X-B = "{captured.c}"')
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        system.answers = [Canned(200, headers=[("Set-Cookie", f"{name}=1")]) for name in "AB"] + [Canned(200)]
        outcome = await end_system.login(SESSION, {})
        ended = await undone(end_system, outcome)
        assert [request.target for request in system.received] == ["/first", "/second", "/a"]
        assert (outcome.code, ended.closes) == ("capture_missing", False)
        assert "what would end it was not found" in str(ended.message)
        assert str(ended.message).endswith("only a part of the login was ended")
        assert dict(outcome.credential) == {"cookie": "A=1; B=1", ":remnant": "unread"}


async def test_a_retry_ends_the_same_part_of_a_login_and_says_that_it_is_only_a_part() -> None:
    text = TWO_COOKIES.replace('b = { cookie = "B" }', 'b = { header = "X-B" }')
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        system.answers = [Canned(200, headers=[("Set-Cookie", "A=1")]), Canned(200, headers=[("X-B", "2; A=evil")])]
        made = await end_system.login(SESSION, {})
        system.answers = [Canned(200)]
        ended = await end_system.logout(session(made))
        assert [request.target for request in system.received] == ["/first", "/second", "/a"]
        assert (ended.closes, str(ended.message).endswith("only a part of the login was ended")) == (False, True)


async def test_cookies_of_a_refusal_are_no_login() -> None:
    async with faulty_system() as system, opened(TWO_COOKIES, base_url=system.url) as end_system:
        system.answers = [Canned(403, headers=[("Set-Cookie", "A=anonymous")])]
        outcome = await end_system.login(SESSION, {})
        assert (outcome.result, len(system.received)) == (REFUSED, 1)


async def test_a_captured_value_that_injects_a_cookie_is_refused_and_logged_out() -> None:
    text = TWO_COOKIES.replace('b = { cookie = "B" }', 'b = { header = "X-B" }')
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        system.answers = [Canned(200, headers=[("Set-Cookie", "A=1")]), Canned(200, headers=[("X-B", "2; A=evil")]), Canned(200)]
        outcome = await end_system.login(SESSION, {})
        await undone(end_system, outcome)
        assert (outcome.result, outcome.code) == (REFUSED, "credential_malformed")
        assert [request.target for request in system.received] == ["/first", "/second", "/a"]


async def test_a_token_that_does_not_fit_is_never_replaced_by_the_word_before_it() -> None:
    async with faulty_system() as system, opened(profile("login"), base_url=system.url) as end_system:
        system.answers = [Canned(200, '{"token": "two words"}')]
        outcome = await end_system.login(SESSION, RIGHT)
        assert not (await undone(end_system, outcome)).closes
        assert (outcome.result, outcome.code, len(system.received)) == (REFUSED, "credential_malformed", 1)


UNFIT = '{"token": "two words"}'


async def test_a_token_that_fits_nowhere_is_in_the_outcome_for_it_was_made() -> None:
    async with faulty_system() as system, opened(profile("login"), base_url=system.url) as end_system:
        system.answers = [Canned(200, UNFIT)]
        made = await end_system.login(SESSION, RIGHT)
        ended = await end_system.logout(session(made))
        assert dict(made.credential) == {":captured.token": "two words", ":remnant": "partly"}
        assert (ended.result, ended.code, len(system.received)) == (LogoutResult.REFUSED, "credential_missing", 1)


async def test_two_tokens_that_fit_nowhere_are_two_logins() -> None:
    async with faulty_system() as system, opened(profile("login"), base_url=system.url) as end_system:
        system.answers = [Canned(200, UNFIT), Canned(200, UNFIT.replace("two", "other"))]
        one, other = [await end_system.login(SESSION, RIGHT) for _ in range(2)]
        assert one.credential != other.credential


async def test_a_token_that_comes_with_its_scheme_can_be_taken_apart_later() -> None:
    text = profile("login").replace("Bearer {captured", "{captured").replace('json = "token"', 'header = "Authorization"')
    text = text.replace(CARRIED, 'headers = { Authorization = "Bearer {credential.Authorization|token}" }')
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        system.answers = [Canned(200, headers=[("Authorization", system.log_in())])]
        outcome = await end_system.login(SESSION, RIGHT)
        assert outcome.result is LOGGED_IN
        assert (await end_system.logout(session(outcome))).result is LogoutResult.VERIFIED


async def test_a_login_that_no_request_of_a_handler_can_carry_is_refused_and_can_be_ended() -> None:
    text = profile("login") + '[http]\nheaders = { Authorization = "Basic {credential.Authorization|token|cookie:A}" }\n'
    text = text.replace("Bearer {captured.token}", "{captured.token}")
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        system.answers = [Canned(200, json.dumps({"token": system.log_in()}))]
        outcome = await end_system.login(SESSION, RIGHT)
        assert (outcome.result, outcome.code) == (REFUSED, "credential_missing")
        assert outcome.message == "http.headers.Authorization: cookie A of credential.Authorization is missing or empty"
        assert (await undone(end_system, outcome)).result is LogoutResult.VERIFIED


async def test_nothing_is_sent_where_a_setting_does_not_fit_its_place() -> None:
    text = profile("login").replace("form = {", 'headers = { X-User = "{setting.username}" }\nform = {')
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, RIGHT | {"username": "a\r\nX-Evil: canary"})
        assert (outcome.result, outcome.code) == (REFUSED, "credential_malformed")
        assert outcome.message == "login[0].headers.X-User: holds a character that has no place in a header"
        assert not system.connections


async def test_nothing_is_sent_where_the_logout_would_not_be_allowed() -> None:
    async with faulty_system() as system:
        text = profile("login").replace("{base_url}/logout", "{base_url}/{credential.Where}")
        text = text.replace("[credential]", '[credential]\nWhere = "{setting.username}"')
        async with opened(text, base_url=system.url) as end_system:
            outcome = await end_system.login(SESSION, RIGHT | {"username": ".."})
        assert (outcome.result, outcome.code, system.connections) == (REFUSED, "target_not_allowed", 0)


CHOSEN = """
[settings.url]
type = "url"
required = true
"""


async def test_the_settings_may_say_where_the_end_system_is_and_the_logout_goes_there_too() -> None:
    async with faulty_system() as system, faulty_system() as other:
        keys = {"base_url": "{setting.url}", "allowed_urls": [system.url]}
        async with opened(profile("login") + CHOSEN, **keys) as end_system:
            outcome = await end_system.login(SESSION, RIGHT | {"url": f"{system.url}/"})
            assert end_system.origin(session(outcome)) == system.url
            assert (await end_system.logout(session(outcome))).result is LogoutResult.VERIFIED
            outside = await end_system.login(SESSION, RIGHT | {"url": other.url})
            assert (outside.result, outside.code) == (REFUSED, "target_not_allowed")
        assert (system.logouts, other.connections) == (1, 0)


@pytest.mark.parametrize(
    ("base_url", "given", "problem"),
    [
        ("{setting.url}", "http://h/secure/Dashboard.jspa?selectPageId=1", "url: expected a URL without a query"),
        ("{setting.url}", "http://h?", "url: expected a URL without a query"),
        ("http://h/{setting.username}", "http://h", "username: expected a path without dot segments"),
        ("{setting.url}", "http://h/jira/", ""),
    ],
)
async def test_an_address_that_no_request_can_begin_with_is_a_problem_of_its_setting(
    base_url: str, given: str, problem: str
) -> None:
    async with opened(profile("login") + CHOSEN, base_url=base_url, allowed_urls=["http://h"]) as end_system:
        assert end_system.check_settings(RIGHT | {"url": given, "username": ".."}) == ([problem] if problem else [])


async def test_no_header_of_a_request_chooses_the_place_that_settings_choose() -> None:
    keys = {"base_url": "{setting.url}", "allowed_urls": ["https://h"]}
    async with opened(profile("login") + CHOSEN, **keys) as end_system:
        (reserved,) = {*(end_system.needed_headers or ())} - {"Authorization"}
        assert ":" in reserved


async def test_what_opshub_gets_back_is_what_the_profile_says_and_nothing_secret() -> None:
    text = profile("login") + '[returned]\nX-User = "{setting.username}"\n'
    async with faulty_system() as system, opened(text, base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
        assert outcome.returned == {"X-User": "us3r-canary"}


STATIC = """
description = "An API key"
steps = []

[settings.key]
required = true
secret = true

[credential]
X-Key = "{setting.key}"
"""


async def test_a_static_credential_is_made_of_the_settings_without_a_login() -> None:
    async with faulty_system() as system, opened(STATIC, base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, {"key": "k3y"})
        assert (outcome.result, dict(outcome.credential)) == (LoginResult.NOT_APPLICABLE, {"x-key": "k3y"})
        assert not system.connections


@pytest.mark.parametrize("path", ["login", "before", "echo", "status/401?error=us3r-canary", "status/500", "garbage", "fine"])
async def test_no_setting_and_no_token_shows_in_outcome_or_log(
    path: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    text = profile(path, SECOND.format(path="status/401?error=t0ken-canary-1"))
    async with faulty_system() as system, opened(text, base_url=system.url, deadlines=IMPATIENT) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
    told = capsys.readouterr()
    assert "canary" not in repr(outcome) + caplog.text + told.out + told.err
