"""The opening of sessions without HTTP: the real classes over a ledger, drivers and an end system of the test's choice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from connector.assembly.opening_parts import opening_over
from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from connector.endsystems.end_system import LoginOutcome
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.sql.table import Table
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.begun import Opening, Recorded
from connector.model.credential import Credential
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import LoginResult
from connector.model.sessions import OpenSession, Replaced
from connector.runtime.supervision import OwnedTasks
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.opening_outcomes import Opened, OpeningRequest, Result
from connector.sessions.openings import Openings
from connector.sessions.records import SessionRecords
from connector.sessions.running_logins import RunningLogins
from connector.sessions.seal import HEADER, Sealed, Seals
from tests.assembly import KEYRING, METRICS
from tests.doubles import ScriptedDriver, ScriptedEndSystem

T = TypeVar("T")
NEAR, AUTHORITY = "near", "authority"
BEGINS, BEGUN, LOGS_IN, OPENS, OPENED = "opening begins", "opening has begun", "login", "session opens", "session is open"
"""Steps of an initialize."""


def credential(number: int) -> Credential:
    return Credential([("X-Token", f"token {number}")])


class Script:
    """What a test wants to happen at a step, once."""

    def __init__(self) -> None:
        self.at: dict[str, Callable[[], Awaitable[object]]] = {}

    async def reached(self, step: str) -> None:
        if step in self.at:
            await self.at.pop(step)()


class ReceivingEndSystem(ScriptedEndSystem):
    """Hands out tokens by number, the same one again if a test wants it, each when `answering` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.script = Script()
        self.logins = 0
        self.number: int | None = None
        """The number of each token to come."""
        self.logging_in = asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()

    async def login(self, session_id: str, settings: object) -> LoginOutcome:
        self.logins += 1
        self.logging_in.set()
        number = self.number or self.logins
        await self.script.reached(LOGS_IN)
        await self.answering.wait()
        return LoginOutcome(LoginResult.LOGGED_IN, credential(number))


class HesitantLedger(SqliteLedger):
    """A real ledger that begins a transaction only while `writing` is set, and none while it is away."""

    def __init__(self, path: Path, script: Script) -> None:
        super().__init__(path, KEYRING, grace=60)
        self.script = script
        self.begun: list[str] = []
        """The ids of the logins that were about to be made."""
        self.writing = asyncio.Event()
        self.writing.set()
        self.asked = asyncio.Event()
        self.is_away = False

    async def transact(self, work: Callable[[Table], T]) -> T:
        self.asked.set()
        await self.writing.wait()
        if self.is_away:
            raise LedgerUnavailable("as the test wants it")
        return await super().transact(work)

    async def begin_opening(self, opening: Opening, *, seats: int | None = None) -> bool:
        await self.script.reached(BEGINS)
        self.begun.append(opening.login_id)
        has_begun = await super().begin_opening(opening, seats=seats)
        await self.script.reached(BEGUN)
        return has_begun

    async def open_session(self, session: OpenSession, replaced: Replaced | None, *, drivers: Sequence[str]) -> Recorded:
        await self.script.reached(OPENS)
        recorded = await super().open_session(session, replaced, drivers=drivers)
        await self.script.reached(OPENED)
        return recorded


@dataclass(frozen=True, slots=True)
class Reception:
    """What opens sessions, and all that it is made of."""

    end_system: ReceivingEndSystem
    logouts: Logouts
    openings: Openings
    logins: RunningLogins
    ledger: HesitantLedger
    live: LiveSessions
    seals: Seals
    storage: Storage
    drivers: Sequence[ScriptedDriver]
    nudged: asyncio.Event

    @property
    def at(self) -> dict[str, Callable[[], Awaitable[object]]]:
        """What happens at which step, once."""
        return self.end_system.script.at

    def held_at(self, step: str) -> tuple[asyncio.Event, asyncio.Event]:
        """Hold the next initialize at a step. Return what is set when it has come there, and what lets it go on."""
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            reached.set()
            await go_on.wait()

        self.at[step] = wait
        return reached, go_on

    async def opened(self, request: OpeningRequest) -> Sealed:
        """Open a session and return what its seal holds."""
        return self.sealed(await self.openings.open(request))

    def sealed(self, result: Result) -> Sealed:
        assert isinstance(result, Opened), result
        return self.seals.opened([result.headers[HEADER]])


@asynccontextmanager
async def reception(folder: Path, end_system: ReceivingEndSystem, *, deadline: float = 30) -> AsyncIterator[Reception]:
    """Open what opens sessions; `deadline` is the end system's, in seconds."""
    ledger, nudged = HesitantLedger(folder / "ledger.sqlite3", end_system.script), asyncio.Event()
    drivers = [ScriptedDriver(name, ScriptedDriver.Settings()) for name in (NEAR, AUTHORITY)]
    storage, live, seals = Storage(drivers, StorageDeadlines()), LiveSessions(ledger), Seals(KEYRING)
    logouts = Logouts(end_system, OwnedTasks(), METRICS, deadline=30)
    records = SessionRecords(logouts, ledger, storage, Bookkeeping(ledger, Backoff(1)), live, nudge=nudged.set)
    opening = opening_over(logouts, live, seals, ledger, records, deadline=deadline, longest_header=32_768)
    async with ledger.opened(), storage.opened():
        await live.load()
        yield Reception(end_system, logouts, opening.openings, opening.logins, ledger, live, seals, storage, drivers, nudged)
        await opening.logins.drain(0)
