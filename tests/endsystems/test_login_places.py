"""No setting and no captured value leaves its place, in the requests of a login and in what it leaves behind."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.endsystems.end_system import LoginOutcome, SessionLogin
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.model.outcomes import LoginResult
from tests.endsystems.faulty import Canned, FaultySystem, Received, faulty_system
from tests.endsystems.opened import SESSION, opened

PROFILE = """
description = "A setting in every place"

[settings.v]
required = true

[[login]]
method = "POST"
url = "{base_url}/in/{setting.v}/x?a={setting.v}&b=1"
json = { user = "<{setting.v}>", last = true }
success = [200]
capture = { token = { json = "token" } }

[[login]]
method = "POST"
url = "{base_url}/more"
form = { user = "<{setting.v}>", token = "{captured.token}", last = "1" }
success = [200]

[credential]
Cookie = "user={setting.v}; SID={captured.token}; last=1"
Whole = "{captured.token}"

[[steps]]
method = "POST"
url = "{base_url}/out"
form = { whole = "{credential.Whole}" }
success = [200]

[steps.cookies]
user = "{credential.Cookie|cookie:user}"
SID = "{credential.Cookie|cookie:SID}"
last = "{credential.Cookie|cookie:last}"
"""
# fmt: off
NASTY = [
    "..", "../x", "%2e%2e", "..;a", "?", "#x", "a&b=c", "%0d%0a", "a+b", "a b", "a\r\nX-Evil: 1", "\0", '"', "a; SID=evil",
    "SID=evil", "a, b", "{captured.token}", "{{", "é", "€", "\\", "]]>",
]
# fmt: on
values = st.one_of(st.sampled_from(NASTY), st.text(min_size=1), st.text("./;%2eE&=?#, {}", min_size=1, max_size=12))
words = st.text("abcXYZ019-._~+/=:", min_size=1)


@dataclass(slots=True)
class Bench:
    """A faulty end system and a profile that logs in to it, on a loop that outlives the examples of a test."""

    runner: asyncio.Runner
    system: FaultySystem
    end_system: HttpEndSystem

    def log_in(self, value: str, token: str) -> tuple[LoginOutcome, list[Received]]:
        """Log in with a setting, and out again; the end system answers with a token. Returns all that it received."""
        self.system.received.clear()
        self.system.answers = [Canned(200, json.dumps({"token": token}))] + [Canned(200)] * 2
        outcome = self.runner.run(self.end_system.login(SESSION, {"v": value}))
        if outcome.result is LoginResult.LOGGED_IN:
            self.runner.run(self.end_system.logout(SessionLogin(SESSION, None, outcome.credential)))
        return outcome, [*self.system.received]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with asyncio.Runner() as runner:
        ways = AsyncExitStack()
        system = runner.run(ways.enter_async_context(faulty_system()))
        yield Bench(runner, system, runner.run(ways.enter_async_context(opened(PROFILE, base_url=system.url))))
        runner.run(ways.aclose())


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.one_of(values, words), token=st.one_of(values, words))
def test_a_setting_and_a_token_are_where_they_belong_or_nothing_was_logged_in(bench: Bench, value: str, token: str) -> None:
    outcome, received = bench.log_in(value, token)
    if outcome.result is not LoginResult.LOGGED_IN:
        assert outcome.code in {"credential_malformed", "credential_missing", "target_not_allowed"}
        return
    first, more, out = received
    path, _, query = first.target.partition("?")
    assert [unquote(segment) for segment in path.split("/")] == ["", "in", value, "x"]
    assert parse_qsl(query) == [("a", value), ("b", "1")]
    assert json.loads(first.body) == {"user": f"<{value}>", "last": True}
    assert parse_qsl(more.body.decode()) == [("user", f"<{value}>"), ("token", token), ("last", "1")]
    assert out.header("cookie").decode() == f"user={value}; SID={token}; last=1"
    assert parse_qsl(out.body.decode()) == [("whole", token)]
    assert urlsplit(out.target).path == "/out"


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=words.filter(lambda value: value not in {".", ".."} and "/" not in value), token=words)
def test_what_fits_is_logged_in_with(bench: Bench, value: str, token: str) -> None:
    outcome, received = bench.log_in(value, token)
    assert (outcome.result, len(received)) == (LoginResult.LOGGED_IN, 3)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values)
def test_a_setting_that_cannot_be_left_behind_is_refused_before_anything_is_sent(bench: Bench, value: str) -> None:
    outcome, received = bench.log_in(value, "token")
    assert (outcome.result is LoginResult.LOGGED_IN) is bool(received)
