"""Answers to a login that come after every deadline: read all the same, for nobody else knows what was made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connector.config.settings import EndSystemDeadlines
from connector.endsystems.end_system import LoginOutcome
from connector.model.outcomes import LoginResult, LogoutResult
from tests.endsystems.faulty import Canned, faulty_system
from tests.endsystems.opened import LOGIN, LOGOUT, RIGHT, SESSION, login, opened

SOON = EndSystemDeadlines(connect=5, read=0.1, total=0.3)
SECOND = """
[[login]]
method = "POST"
url = "{base_url}/second"
success = [200]
capture = { second = { json = "second" } }
"""
ONE = LOGOUT.format(path="hang") + LOGIN.format(path="login")
TWO = ONE.replace("[credential]", f"{SECOND}[credential]\nX-Second = '{{captured.second}}'\n")


@asynccontextmanager
async def logging_in(profile: str, *answers: Canned) -> AsyncIterator[asyncio.Task[LoginOutcome]]:
    """A login that has been under way for longer than a logout may take: one that began after it was given up."""
    async with faulty_system() as system, opened(profile, base_url=system.url, deadlines=SOON) as end_system:
        system.answers = [*answers]
        task = asyncio.create_task(end_system.login(SESSION, RIGHT))
        await system.waiting.wait()
        outcome = await end_system.logout(login(Authorization="Bearer t", X_Second="s"))
        assert (outcome.result, outcome.code) == (LogoutResult.PENDING, "timeout")
        assert not task.done()
        yield task


async def test_an_answer_that_comes_after_every_deadline_is_read() -> None:
    answering = asyncio.Event()
    async with logging_in(ONE, Canned(200, '{"token": "t1"}', once=answering)) as task:
        answering.set()
        outcome = await task
    assert (outcome.result, dict(outcome.credential)) == (LoginResult.LOGGED_IN, {"authorization": "Bearer t1"})


async def test_a_later_step_that_is_answered_after_every_deadline_completes_the_login() -> None:
    answering = asyncio.Event()
    first, second = Canned(200, '{"token": "t1"}'), Canned(200, '{"second": "s1"}', once=answering)
    async with logging_in(TWO, first, second) as task:
        answering.set()
        outcome = await task
    assert outcome.result is LoginResult.LOGGED_IN
    assert dict(outcome.credential) == {"authorization": "Bearer t1", "x-second": "s1"}


async def test_a_later_step_that_is_never_answered_leaves_what_the_first_has_made() -> None:
    first, second = Canned(200, '{"token": "t1"}'), Canned(200, once=asyncio.Event())
    async with logging_in(TWO, first, second) as task:
        outcome = await task
    assert (outcome.result, outcome.code) == (LoginResult.UNAVAILABLE, "timeout")
    assert dict(outcome.credential) == {"authorization": "Bearer t1"}
