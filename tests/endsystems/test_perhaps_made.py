"""A login that failed: whether it may have been made all the same, so that nobody can end it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from connector.config import settings as config
from connector.config.settings import EndSystemDeadlines
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, LoginOutcome, SessionLogin
from connector.endsystems.escaped import logged_in
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from tests.endsystems.certificates import authority
from tests.endsystems.faulty import Canned, faulty_system
from tests.endsystems.opened import LOGIN, LOGOUT, RIGHT, SESSION, opened
from tests.endsystems.raw_server import raw_server
from tests.endsystems.test_own_class import logged_in_at
from tests.ports import HOST, free_port

BASIC = "Authorization: Basic c2VjcmV0"
SOON = EndSystemDeadlines(connect=5, read=0.02, total=0.05)
FETCHED_BEFORE = """
[[login]]
method = "GET"
url = "{base_url}/before"
success = [200]
"""


class InSteps(EndSystem):
    """Logs in by the requests that its settings name, such as `POST fine`."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        async with self.guarded.http(for_login=True, headers=self.headers(settings)) as http:
            for step in settings["steps"].split(", "):
                async with http.request(*step.split(" ")) as answer:
                    await answer.read()
        raise AssertionError("the last one succeeded")

    def headers(self, settings: Mapping[str, str]) -> list[tuple[str, str]]:
        name, colon, value = settings.get("header", "").partition(": ")
        return [(name, value)] if colon else []

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)


async def may_be_made(text: str, url: str) -> bool:
    async with opened(text, base_url=url, deadlines=SOON) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
    assert outcome.result is not LoginResult.LOGGED_IN
    assert not outcome.credential
    return outcome.may_be_made


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("before", True),
        ("hang", True),
        ("garbage", True),
        ("status/502", True),
        ("status/504", True),
        ("status/520", True),
        ("status/524", True),
        ("status/500", False),
        ("status/503", False),
        ("status/401", False),
    ],
)
async def test_a_login_without_an_answer_may_be_made_and_one_with_a_refusal_is_not(path: str, *, expected: bool) -> None:
    async with faulty_system() as system:
        assert await may_be_made(LOGOUT.format(path="logout") + LOGIN.format(path=path), system.url) is expected


@pytest.mark.parametrize("more", ["403, 502]", "403]\nretry = [502]"])
async def test_an_answer_of_a_gateway_that_the_profile_lists_is_no_login(more: str) -> None:
    text = LOGOUT.format(path="logout") + LOGIN.format(path="status/502").replace("403]", more)
    async with faulty_system() as system:
        assert not await may_be_made(text, system.url)


async def test_an_answer_of_a_gateway_may_break_off_in_its_body() -> None:
    async with raw_server(b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 60\r\n\r\n<html>") as url:
        assert await may_be_made(LOGOUT.format(path="logout") + LOGIN.format(path="login"), url)


@pytest.mark.parametrize("before", ["before", "status/504"])
async def test_a_request_that_only_fetches_makes_no_login(before: str) -> None:
    fetched = FETCHED_BEFORE.replace("/before", f"/{before}")
    async with faulty_system() as system:
        assert not await may_be_made(LOGOUT.format(path="logout") + fetched + LOGIN.format(path="login"), system.url)


async def test_what_was_never_connected_is_not_made(tmp_path: Path) -> None:
    text = LOGOUT.format(path="logout") + LOGIN.format(path="login")
    assert not await may_be_made(text, f"http://{HOST}:{free_port()}")
    async with faulty_system(authority(tmp_path).server()) as system:
        assert not await may_be_made(text, system.url)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("before", True), ("status/502", True), ("status/504", True), ("status/503", False), ("status/403", False)],
)
async def test_the_same_holds_for_an_error_that_escapes_a_class(path: str, *, expected: bool) -> None:
    async with faulty_system() as system:
        assert (await logged_in_at(system.url, path)).may_be_made is expected
    assert not (await logged_in_at(f"http://{HOST}:{free_port()}", path)).may_be_made


@pytest.mark.parametrize("last", ["status/401", "status/503", "http://elsewhere.example/"])
@pytest.mark.parametrize(
    ("before", "header", "expected"),
    [
        ("POST fine, GET", "", True),
        ("POST status/302?location=/fine, GET", "", True),
        ("POST status/302?location=http://elsewhere.example/, GET", "", True),
        ("POST status/302?location=/status/401, GET", "", True),
        ("POST fine, POST fine, POST", "", True),
        ("GET fine, GET", BASIC, True),
        ("GET fine, GET", "X-Auth-Key: secret", True),
        ("GET fine, GET", "Cookie: token=secret", True),
        ("GET fine?user=me&password=secret, GET", "", True),
        ("GET fine, POST", "", False),
        ("GET fine, POST", "Accept-Language: en", False),
        ("GET fine, POST", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
        ("GET", BASIC, False),
    ],
)
async def test_an_error_that_escapes_a_class_does_not_undo_what_came_before(
    before: str, header: str, last: str, *, expected: bool
) -> None:
    async with faulty_system() as system:
        section = config.EndSystemSection(profile=f"{__name__}.InSteps", base_url=system.url)
        end_system = build_end_system(section, {})
        outcome = await logged_in(end_system.login(SESSION, {"steps": f"{before} {last}", "header": header}))
    assert outcome.result is not LoginResult.LOGGED_IN
    assert outcome.may_be_made is expected


async def test_a_proxy_that_opens_no_tunnel_has_sent_nothing_on() -> None:
    async with faulty_system() as proxy:
        proxy.answers.append(Canned(502))
        section = config.EndSystemSection(profile=f"{__name__}.InSteps", base_url="https://tracker.example", proxy=proxy.url)
        outcome = await logged_in(build_end_system(section, {}).login(SESSION, {"steps": "POST login"}))
    assert (outcome.code, outcome.may_be_made) == ("http_502", False)


async def test_a_login_that_follows_another_one_begins_anew() -> None:
    async with faulty_system() as system:
        assert (await logged_in_at(system.url, "status/502")).may_be_made
        assert not (await logged_in_at(system.url, "status/403")).may_be_made
