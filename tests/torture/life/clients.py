"""OpsHub's side: clients that open, use, replace and end the same sessions, side by side and across each other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import aiohttp

from tests.e2e.opshub import Answer, OpsHub
from tests.torture.life.calls import Call, Kind, Seen, now
from tests.torture.life.end_system import EndSystem

SYSTEMS = (None, "A", "B", "C")
"""The first is what an OpsHub before 7.197 sends."""
AT_ONCE = 8
SESSIONS = 24
"""Sessions that are in use at a time."""
TIMES = (0, 0, 0, 1, 3)
"""How often a call asks the end system, besides what is cached."""
SHARING = 8
"""Sessions that share the seats of a pool; of the next ones, so many have a pool each."""
LONG = (0.5, 1.0)
"""Seconds that a long call takes."""
ENDED = 0.5
"""The share of sessions that are used often and cleaned up then."""
NOT_UP = 0.005
"""Seconds until a server that does not listen is tried again."""


@dataclass(slots=True)
class Book:
    """What a client keeps of one session: the headers of each of its logins, by their tickets in the order of the answers."""

    session: str
    system: str | None
    pool: str = ""
    """Whose licence its logins are made on."""
    headers: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def current(self) -> str | None:
        return next(reversed(self.headers), None)


class Caller:
    """Makes calls and writes down what came of them."""

    def __init__(self, opshub: OpsHub, system: EndSystem) -> None:
        self._calls: dict[int, Call] = {}
        self.checking = False
        """Whether all is over, and calls are made one after the other to see what is left."""
        self._opshub = opshub
        self._system = system
        self._numbers = count(1)

    @property
    def calls(self) -> list[Call]:
        """All that were made, answered or not."""
        return [*self._calls.values()]

    async def initialize(self, book: Book, shown: str | None, *, patience: float | None = None) -> Call:
        """Log in; a client with little `patience`, in seconds, goes away before the answer has come."""
        ticket = f"t{next(self._numbers)}"
        call = self._call(Kind.INITIALIZE, book, shown, ticket=ticket, pool=book.pool)
        settings = [{"key": key, "value": value, "sensitive": False} for key, value in (("ticket", ticket), ("pool", book.pool))]
        asked = self._opshub.initialize(book.session, settings, _headers(book, shown), _query(book))
        answer = await self._answered(call, asked, patience)
        if answer is not None and answer.status == 200:
            book.headers[ticket] = answer.session_headers
        return call

    async def use(self, book: Book, shown: str, times: int = 0, *, seconds: float = 0.0) -> Call:
        """Call the author's route, which takes so many `seconds` before it asks the end system so many `times`, at once."""
        call = self._call(Kind.USE, book, shown)
        answer = await self._answered(call, self._opshub.call(f"/use?times={times}&seconds={seconds}", _headers(book, shown)))
        if answer is not None and answer.status == 200:
            call.own, call.shared = _seen(answer.body["own"]), _seen(answer.body["shared"])
        return call

    async def cleanup(self, book: Book, shown: str | None, *, whole_system: bool = False) -> Call:
        """Log out."""
        call = self._call(Kind.CLEANUP, book, shown, whole_system=whole_system)
        query = {**_query(book), **({"cleanupGlobalCache": "true"} if whole_system else {})}
        answer = await self._answered(call, self._opshub.cleanup(book.session, _headers(book, shown), query))
        if answer is not None and answer.status == 200:
            call.word = answer.body["logout"]["outcome"]
        return call

    def _call(self, kind: Kind, book: Book, shown: str | None, **more: Any) -> Call:
        return Call(kind, book.session, book.system, now(), self._system.serial, shown, checked=self.checking, **more)

    async def _answered(self, call: Call, asked: Awaitable[Answer], patience: float | None = None) -> Answer | None:
        """Wait for the answer and write it down. A call that found nobody listening was never made, and is forgotten."""
        number = next(self._numbers)
        self._calls[number] = call
        try:
            async with asyncio.timeout(patience):
                answer = await asked
        except aiohttp.ClientConnectorError:
            del self._calls[number]
            await asyncio.sleep(NOT_UP)
            return None
        except (aiohttp.ClientError, TimeoutError):
            return None
        finally:
            call.left = now()
        call.status = answer.status
        call.word = answer.body["errors"]["code"] if "errors" in answer.body else ""
        return answer


class Crowd:
    """Clients that do what comes to their minds, with sessions that they share."""

    def __init__(self, caller: Caller, random: Random) -> None:
        self.caller = caller
        self.random = random
        self.books: list[Book] = []
        """All sessions that there were and that clients share; the last of them are in use."""
        self.alone: list[Book] = []
        """Those that one client each has for itself."""
        self.up = asyncio.Event()
        """Whether there is a server."""
        self._whims = {
            self._begin: 10,
            self._use: 35,
            self._use_an_older_seal: 8,
            self._log_in_again: 14,
            self._go_away_while_logging_in: 4,
            self._clean_up: 12,
            self._clean_up_with_anything: 5,
            self._clean_up_several_times: 7,
            self._do_all_at_once: 5,
            self._stay_for_long: 1,
            self._use_often: 2,
        }

    @asynccontextmanager
    async def calling(self, at_once: int = AT_ONCE) -> AsyncIterator[None]:
        """Have so many clients call while the context is open. Raises what a client breaks by."""
        async with asyncio.TaskGroup() as clients:
            calling = [clients.create_task(self._client()) for _ in range(at_once)]
            yield
            for client in calling:
                client.cancel()

    async def _client(self) -> None:
        while True:
            await self.up.wait()
            (whim,) = self.random.choices([*self._whims], [*self._whims.values()])
            await whim(self._book())

    def _book(self) -> Book:
        """Choose a session among the latest, or a new one as long as there are few."""
        latest = self.books[-SESSIONS:]
        return self.random.choice(latest) if len(latest) == SESSIONS else self._new()

    def _new(self) -> Book:
        return self._made(self.books)

    def one_alone(self, system: str | None, pool: str | None = None) -> Book:
        """Return a new session that no client comes upon; without a `pool`, it has one of its own."""
        number = len(self.books) + len(self.alone)
        self.alone.append(Book(str(UUID(int=number + 1)), system, pool or f"alone, {number}"))
        return self.alone[-1]

    def _made(self, among: list[Book]) -> Book:
        number = len(self.books) + len(self.alone)
        book = Book(str(UUID(int=number + 1)), self.random.choice(SYSTEMS), _pool(number))
        among.append(book)
        return book

    async def _begin(self, _: Book) -> None:
        book = self._new()
        await self.caller.initialize(book, None)
        await self._use(book)

    async def _use(self, book: Book) -> None:
        if book.current is not None:
            await self.caller.use(book, book.current, times=self.random.choice(TIMES))

    async def _use_an_older_seal(self, book: Book) -> None:
        if book.headers:
            await self.caller.use(book, self._any_of(book))

    async def _log_in_again(self, book: Book) -> None:
        await self.caller.initialize(book, self.random.choice([book.current, book.current, None, None, self._any_or_none(book)]))
        await self._use(book)

    async def _go_away_while_logging_in(self, book: Book) -> None:
        await self.caller.initialize(book, book.current, patience=self.random.uniform(0.001, 0.1))

    async def _clean_up(self, book: Book) -> None:
        if book.current is not None:
            await self.caller.cleanup(book, book.current, whole_system=self._whole_system(book))

    async def _clean_up_with_anything(self, book: Book) -> None:
        await self.caller.cleanup(book, self._any_or_none(book))

    async def _clean_up_several_times(self, book: Book) -> None:
        """Send duplicates together, and one when they have been answered."""
        if (shown := book.current) is not None:
            whole = self._whole_system(book)
            await _together(
                *(lambda: self.caller.cleanup(book, shown, whole_system=whole) for _ in range(self.random.randint(2, 4)))
            )
            await self.caller.cleanup(book, shown, whole_system=whole)

    async def _do_all_at_once(self, book: Book) -> None:
        shown = book.current
        await _together(
            lambda: self.caller.initialize(book, shown),
            lambda: self.caller.cleanup(book, shown),
            lambda: self._use(book),
            lambda: self.caller.initialize(book, None),
        )

    async def _stay_for_long(self, _: Book) -> None:
        """Use a session of one's own by calls that take longer than others may be idle, and leave it as it is."""
        book = self._made(self.alone)
        await self.caller.initialize(book, None)
        for seconds in (self.random.uniform(*LONG), self.random.uniform(*LONG)):
            if book.current is not None:
                await self.caller.use(book, book.current, seconds=seconds)

    async def _use_often(self, _: Book) -> None:
        """Use a session of one's own again and again, for longer than others may be idle. Then end it, or leave it as it is."""
        book = self._made(self.alone)
        await self.caller.initialize(book, None)
        until = now() + max(LONG)
        while book.current is not None and now() < until:
            await self._use(book)
        if self.random.random() < ENDED:
            await self._clean_up(book)

    def _whole_system(self, book: Book) -> bool:
        return book.system is not None and self.random.random() < 0.2

    def _any_of(self, book: Book) -> str:
        return self.random.choice([*book.headers])

    def _any_or_none(self, book: Book) -> str | None:
        return self.random.choice([None, *book.headers])


def _pool(number: int) -> str:
    """Return the pool of a session. Seats that nobody knows how to free are as good as gone: later sessions have other pools."""
    group, _ = divmod(number, SHARING)
    return f"all of {group}" if group % 2 == 0 else f"one, {number}"


async def _together(*calls: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.TaskGroup() as running:
        for call in calls:
            running.create_task(_one(call))


async def _one(call: Callable[[], Awaitable[object]]) -> None:
    await call()


def _headers(book: Book, shown: str | None) -> Mapping[str, str]:
    return {} if shown is None else book.headers[shown]


def _query(book: Book) -> dict[str, str]:
    return {} if book.system is None else {"systemId": book.system}


def _seen(value: Mapping[str, Any]) -> Seen:
    return Seen(value["ticket"], value["serial"])
