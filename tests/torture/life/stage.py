"""Where a situation is acted out: sessions that nobody else uses, servers that live for it, an end system that obeys."""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager

from tests.torture.life.calls import NO_TICK, Call, End, now
from tests.torture.life.clients import Book, Caller
from tests.torture.life.end_system import EndSystem
from tests.torture.life.logins import Login, Way
from tests.torture.life.orders import DRAWN, Habits
from tests.torture.life.scene import Scene

SYSTEM = "stage"
LOOK_EVERY = 0.005
SOON, LONG = 1.0, 10.0
"""Seconds that something may take that has begun, and that comes in any case."""


class Stage:
    """One situation, and what it is acted out with."""

    def __init__(self, scene: Scene, name: str) -> None:
        self.scene = scene
        self._name = name

    @property
    def caller(self) -> Caller:
        return self.scene.crowd.caller

    @property
    def system(self) -> EndSystem:
        return self.scene.place.system

    async def act(self, situation: "Situation") -> None:
        """Act it out. Logins are not renewed, unless it says so; then by each answer."""
        self.renewing(Way.NEVER)
        try:
            await situation(self)
        finally:
            self.system.orders.clear()
            self.system.habits = DRAWN

    def renewing(self, way: Way) -> None:
        """Let the logins to come be renewed so."""
        self.system.habits = Habits(way, renews=1.0, late=0.0)

    def server(
        self, end: End = End.KILLED, *, tick: float = NO_TICK, is_patient: bool = True
    ) -> AbstractAsyncContextManager[None]:
        """Let a server live while the context is open; nobody becomes idle in it, and the end system has time, unless told so."""
        return self.scene.acting(self._name, end, tick=tick, is_patient=is_patient)

    def book(self, pool: str | None = None) -> Book:
        """Return a new session, with a pool of its own or a named one of this situation."""
        return self.scene.crowd.one_alone(SYSTEM, pool and f"{self._name}, {pool}")

    async def opened(self, pool: str | None = None) -> Book:
        """Return a session that has logged in, and has something cached."""
        book = self.book(pool)
        await self.log_in(book)
        await self.use(book)
        return book

    async def log_in(self, book: Book, *, patience: float | None = None) -> Call:
        """Log in, by the newest seal if there is one."""
        return await self.caller.initialize(book, book.current, patience=patience)

    async def use(self, book: Book, times: int = 0, *, seconds: float = 0.0) -> Call | None:
        """Use a session by its newest seal, if it has one."""
        return None if book.current is None else await self.caller.use(book, book.current, times, seconds=seconds)

    async def clean_up(self, book: Book, *, whole_system: bool = False) -> Call:
        return await self.caller.cleanup(book, book.current, whole_system=whole_system)

    def logins(self, book: Book) -> list[Login]:
        """Return the logins of a session, in the order in which they were made."""
        tickets = {call.ticket for call in self.caller.calls if call.session == book.session and call.ticket}
        return [login for login in self.system.logins if login.ticket in tickets]

    def is_dead(self, book: Book, number: int = -1) -> bool:
        """Tell whether a login of a session was made and is dead; the newest, unless its number is told."""
        logins = self.logins(book)
        return bool(logins) and not logins[number].alive

    async def until(self, fact: Callable[[], bool], seconds: float) -> bool:
        """Wait for a fact, for so long at most, and tell whether it has come true."""
        end = now() + seconds
        while now() < end:
            if fact():
                return True
            await asyncio.sleep(LOOK_EVERY)
        return fact()

    @contextmanager
    def ledger_locked(self) -> Iterator[None]:
        """Keep the ledger from being written, as another program does that has it open."""
        with closing(sqlite3.connect(self.scene.ledger, isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield

    def let_nothing_be_written(self) -> None:
        """Let the server write to no file any more. It may read."""
        resource.prlimit(self.scene.server.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    @asynccontextmanager
    async def under_way(self, call: Awaitable[Call]) -> AsyncIterator["asyncio.Task[Call]"]:
        """Make a call meanwhile, and wait for its end."""
        task = asyncio.ensure_future(call)
        try:
            yield task
        finally:
            await task


Situation = Callable[[Stage], Awaitable[None]]
