"""A login that failed: whether it may have been made all the same, so that nobody can end it."""

from pathlib import Path

import pytest

from connector.config.settings import EndSystemDeadlines
from connector.model.outcomes import LoginResult
from tests.endsystems.certificates import authority
from tests.endsystems.faulty import faulty_system
from tests.endsystems.opened import LOGIN, LOGOUT, RIGHT, SESSION, opened
from tests.endsystems.test_own_class import logged_in_at
from tests.ports import HOST, free_port

SOON = EndSystemDeadlines(connect=5, read=0.02, total=0.05)
FETCHED_BEFORE = """
[[login]]
method = "GET"
url = "{base_url}/before"
success = [200]
"""


async def may_be_made(text: str, url: str) -> bool:
    async with opened(text, base_url=url, deadlines=SOON) as end_system:
        outcome = await end_system.login(SESSION, RIGHT)
    assert outcome.result is not LoginResult.LOGGED_IN
    assert not outcome.credential
    return outcome.may_be_made


@pytest.mark.parametrize(
    ("path", "expected"),
    [("before", True), ("hang", True), ("garbage", True), ("status/503", False), ("status/401", False)],
)
async def test_a_login_without_an_answer_may_be_made_and_one_with_a_refusal_is_not(path: str, *, expected: bool) -> None:
    async with faulty_system() as system:
        assert await may_be_made(LOGOUT.format(path="logout") + LOGIN.format(path=path), system.url) is expected


async def test_a_request_that_only_fetches_makes_no_login() -> None:
    async with faulty_system() as system:
        assert not await may_be_made(LOGOUT.format(path="logout") + FETCHED_BEFORE + LOGIN.format(path="login"), system.url)


async def test_what_was_never_connected_is_not_made(tmp_path: Path) -> None:
    text = LOGOUT.format(path="logout") + LOGIN.format(path="login")
    assert not await may_be_made(text, f"http://{HOST}:{free_port()}")
    async with faulty_system(authority(tmp_path).server()) as system:
        assert not await may_be_made(text, system.url)


@pytest.mark.parametrize(("path", "expected"), [("before", True), ("status/503", False), ("status/403", False)])
async def test_the_same_holds_for_an_error_that_escapes_a_class(path: str, *, expected: bool) -> None:
    async with faulty_system() as system:
        assert (await logged_in_at(system.url, path)).may_be_made is expected
    assert not (await logged_in_at(f"http://{HOST}:{free_port()}", path)).may_be_made
