"""What is sent to a server all day: by OpsHub, by those who may not call, and by those who speak no HTTP."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any
from uuid import uuid4

from tests.api.mutation import FINAL, malformed
from tests.api.raw import CLEANUP, HOST, LAST, RawConnection
from tests.e2e.opshub import OpsHub
from tests.sessions.desk import settings
from tests.soak.tracker import AWAY, FLAKY, SLOW

SYSTEM = {"systemId": "A"}
OUTSIDER = "127.0.0.2"
"""An address that may not call."""
LARGE_HEAD = b"GET /discover HTTP/1.1\r\n" + HOST + LAST + b"".join(b"X-%d: " % n + b"v" * 30_000 + b"\r\n" for n in range(8))
DISCOVER = b"GET /discover HTTP/1.1\r\n" + HOST + b"\r\n"
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Round:
    """A stretch of traffic: whom it goes to, and what stays open until its end."""

    opshub: OpsHub
    port: int
    random: Random
    held: AsyncExitStack
    told: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often each kind was answered how."""

    async def raw(self, source: str = "127.0.0.1") -> RawConnection:
        """Open a connection that stays open."""
        return await self.held.enter_async_context(RawConnection(self.port, source))

    async def once(self, *pieces: bytes, source: str = "127.0.0.1") -> int:
        """Send something on a connection of its own, and return the first answer's status; `NO_ANSWER` if none comes."""
        async with RawConnection(self.port, source) as connection:
            with suppress(ConnectionError, EOFError):
                for piece in pieces:
                    await connection.send(piece)
                return (await connection.answer()).status
        return NO_ANSWER


Kind = Callable[[Round], Awaitable[Sequence[int]]]
"""Sends some requests of one kind, and returns their statuses."""


async def sessions(here: Round, user: str = "opshub") -> Sequence[int]:
    session = str(uuid4())
    opened = await here.opshub.initialize(session, settings(user=user), query=SYSTEM)
    headers = opened.session_headers
    calls = [await here.opshub.call(path, headers) for path in ("/about", "/cached", "/cached")]
    closed = await here.opshub.cleanup(session, headers, SYSTEM)
    return [answer.status for answer in (opened, *calls, closed)]


async def sessions_with_a_flaky_end(here: Round) -> Sequence[int]:
    return await sessions(here, FLAKY)


async def cleanups_of_unknown_sessions(here: Round) -> Sequence[int]:
    return [(await here.opshub.cleanup(str(uuid4()), {}, {"systemId": str(uuid4())})).status for _ in range(10)]


async def global_cleanups(here: Round) -> Sequence[int]:
    session = str(uuid4())
    opened = await here.opshub.initialize(session, settings(), query=SYSTEM)
    query = {**SYSTEM, "cleanupGlobalCache": "true"}
    return [opened.status, (await here.opshub.cleanup(session, opened.session_headers, query)).status]


async def overtaken_logins(here: Round) -> Sequence[int]:
    session = str(uuid4())
    opening = asyncio.create_task(here.opshub.initialize(session, settings(user=SLOW), query=SYSTEM))
    await asyncio.sleep(0.02)
    cleanup = await here.opshub.cleanup(session, {}, SYSTEM)
    opened = await opening
    if opened.status == 200:  # the machine was too slow for it
        await here.opshub.cleanup(session, opened.session_headers, SYSTEM)
    return [cleanup.status, opened.status]


async def refused_logins(here: Round) -> Sequence[int]:
    return [(await here.opshub.initialize(str(uuid4()), settings("wrong"))).status]


async def logins_of_an_end_system_that_is_away(here: Round) -> Sequence[int]:
    return [(await here.opshub.initialize(str(uuid4()), settings(user=AWAY))).status]


async def failing_calls(here: Round) -> Sequence[int]:
    session = str(uuid4())
    opened = await here.opshub.initialize(session, settings(), query=SYSTEM)
    headers = opened.session_headers
    together = await asyncio.gather(*(here.opshub.call("/missing", headers) for _ in range(5)))
    broken = await here.opshub.call("/broken", headers)
    closed = await here.opshub.cleanup(session, headers, SYSTEM)
    dead = await here.opshub.call("/about", headers)
    return [answer.status for answer in (opened, *together, broken, closed, dead)]


async def forged_seals(here: Round) -> Sequence[int]:
    forged = {"X-Connector-Session": here.random.randbytes(40).hex(), "Authorization": "Bearer s3cret"}
    calls = [await here.opshub.cleanup(str(uuid4()), forged, SYSTEM) for _ in range(5)]
    calls += [await here.opshub.call("/about", forged) for _ in range(5)]
    return [answer.status for answer in calls]


async def nonsense(here: Round) -> Sequence[int]:
    answers = [
        await here.opshub.cleanup("7", {"Authorization": "Bearer s3cret"}),
        await here.opshub.call("/nowhere", {"Authorization": "Bearer s3cret"}),
        await here.opshub.call("/discover", method="POST"),
        await here.opshub.send("POST", f"/cleanup/{uuid4()}", "x" * 70_000),
        await here.opshub.send("POST", f"/initialize/{uuid4()}", "{"),
    ]
    return [answer.status for answer in answers]


async def malformed_requests(here: Round) -> Sequence[int]:
    requests = islice(malformed(10, here.random.randrange(1_000_000)), 10)
    return await asyncio.gather(*(here.once(request, FINAL) for request in requests))


async def floods(here: Round) -> Sequence[int]:
    connection = await here.raw()
    with suppress(ConnectionError):
        await connection.send(b"malformed\r\n\r\n" + b"x" * 100_000)
    return [400]


async def outsiders(here: Round) -> Sequence[int]:
    return [await here.once(LARGE_HEAD + b"\r\n", source=OUTSIDER) for _ in range(5)]


async def idle_outsiders(here: Round) -> Sequence[int]:
    for _ in range(5):
        await here.raw(OUTSIDER)
    return []


async def half_sent(here: Round) -> Sequence[int]:
    for beginning in (b"POST /clea", CLEANUP + b"Authorization: Bearer s3cret", CLEANUP + b"Content-Length: 100\r\n\r\nhalf"):
        await (await here.raw()).send(beginning)
    return []


async def slow_heads(here: Round) -> Sequence[int]:
    connection = await here.raw()
    for byte in CLEANUP + LAST + b"\r\n":
        await connection.send(bytes([byte]))
        await asyncio.sleep(0.005)
    return [(await connection.answer()).status]


async def unread_answers(here: Round) -> Sequence[int]:
    await (await here.raw()).send(DISCOVER * 200)
    return [200] * 200


async def other_protocols(here: Round) -> Sequence[int]:
    upgrade = DISCOVER.removesuffix(b"\r\n") + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    return [await here.once(upgrade + b"x" * 10_000) for _ in range(2)]


MIX: dict[Kind, int] = {
    sessions: 12,
    sessions_with_a_flaky_end: 1,
    cleanups_of_unknown_sessions: 4,
    global_cleanups: 2,
    overtaken_logins: 3,
    refused_logins: 5,
    logins_of_an_end_system_that_is_away: 2,
    failing_calls: 2,
    forged_seals: 6,
    nonsense: 5,
    malformed_requests: 4,
    floods: 2,
    outsiders: 1,
    idle_outsiders: 1,
    half_sent: 2,
    slow_heads: 1,
    unread_answers: 1,
    other_protocols: 2,
}
"""How often each is sent in a round."""


def name_of(kind: Any) -> str:
    return str(kind.__name__).replace("_", " ")
