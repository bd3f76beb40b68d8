"""What each system goes through: login, use, renewal, logout, duplicate, outage, a lost answer and a kill."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

from tests.endsystems.real_systems.line import State
from tests.endsystems.real_systems.stage import Stage

Phase = Callable[[Stage, Path], Awaitable[None]]


async def wrong_password(stage: Stage, folder: Path) -> None:
    """A wrong password is refused at initialize, and nothing is owed."""
    async with stage.connector(folder) as connector:
        wrong = stage.system.entered_with("wrong")
        answer = await connector.opshub.initialize(str(uuid4()), wrong, query={"systemId": "S"})
        assert 400 <= answer.status < 500, answer.text
        await connector.owes_nothing()


async def renewal(stage: Stage, folder: Path) -> None:
    """Cookies that the system renews with an answer are used by the next call, after a restart too."""
    async with stage.connector(folder) as connector:
        session = await connector.open()
        renewed = renewed_cookies(session.used, stage.line.answers[-1])
        assert renewed.items() <= cookies_of((await connector.use(session)).used).items()
        newest = cookies_of(session.used) | renewed_cookies(stage.line.requests[-1], stage.line.answers[-1])
    async with stage.connector(folder) as connector:
        session = await connector.use(session)
        assert cookies_of(session.used) == newest
        await connector.cleanup(session)
        assert not await stage.is_alive(session)


async def logout(stage: Stage, folder: Path) -> None:
    """A login works until its cleanup, and another one of the same user after it."""
    async with stage.connector(folder) as connector:
        ours, another = await connector.open(), await connector.open()
        assert await stage.is_alive(ours), "the request that used the login does not work again"
        answer = await connector.cleanup(ours)
        assert answer.body["logout"]["outcome"] == "verified", answer.text
        assert not await stage.is_alive(ours), "the login lives on"
        assert await stage.is_alive(another), "another login has ended, too"
        await connector.cleanup(another)
        await connector.owes_nothing()


async def duplicate(stage: Stage, folder: Path) -> None:
    """Six cleanups at once, and one later, send what one cleanup sends."""
    async with stage.connector(folder) as connector:
        first, second = await connector.open(), await connector.open()
        before = len(stage.line.requests)
        await connector.cleanup(first)
        by_one = len(stage.line.requests) - before
        await asyncio.gather(*(connector.cleanup(second) for _ in range(6)))
        await connector.cleanup(second)
        assert len(stage.line.requests) == before + 2 * by_one
        assert not await stage.is_alive(second)
        await connector.owes_nothing()


async def outage(stage: Stage, folder: Path) -> None:
    """A logout that finds the system away is owed, and done when it is back."""
    async with stage.connector(folder) as connector:
        session = await connector.open()
        stage.line.state = State.DOWN
        answer = await connector.cleanup(session)
        assert answer.body["logout"]["outcome"] == "pending", answer.text
        assert await stage.is_alive(session)
        stage.line.state = State.UP
        await stage.is_dead(session)
        await connector.owes_nothing()


async def lost_answer(stage: Stage, folder: Path) -> None:
    """A logout whose answer is lost is tried again, and found to be done."""
    async with stage.connector(folder) as connector:
        session = await connector.open()
        stage.line.state = State.LOSES_ANSWERS
        answer = await connector.cleanup(session)
        assert answer.body["logout"]["outcome"] == "pending", answer.text
        stage.line.state = State.UP
        await connector.owes_nothing()
        assert not await stage.is_alive(session)


async def kill(stage: Stage, folder: Path) -> None:
    """After a kill, the next connector does what is owed, and ends the session that was open."""
    async with stage.connector(folder) as connector:
        owed, still_open = await connector.open(), await connector.open()
        stage.line.state = State.DOWN
        await connector.cleanup(owed)
        connector.process.process.kill()
        connector.process.process.wait()
    stage.line.state = State.UP
    async with stage.connector(folder) as connector:
        await stage.is_dead(owed)
        await connector.cleanup(await connector.use(still_open))
        assert not await stage.is_alive(still_open)
        await connector.owes_nothing()


def cookies_of(request: bytes) -> dict[str, str]:
    """Return the cookies that a request carries."""
    carried = re.findall(r"(?im)^Cookie: (.*)\r$", request.decode("latin-1"))
    return dict(re.findall(r"([^=; ]+)=([^;]*)", "; ".join(carried)))


def renewed_cookies(request: bytes, answer: bytes) -> dict[str, str]:
    """Return the cookies of a request that its answer has set anew."""
    set_anew = dict(re.findall(r"(?im)^Set-Cookie: *([^=]+)=([^;\r]*)", answer.decode("latin-1")))
    return {name: set_anew[name] for name in cookies_of(request).keys() & set_anew.keys()}


PHASES: dict[str, Phase] = {
    "wrong password": wrong_password,
    "login, use, logout": logout,
    "renewal": renewal,
    "duplicate": duplicate,
    "outage": outage,
    "lost answer": lost_answer,
    "kill": kill,
}
