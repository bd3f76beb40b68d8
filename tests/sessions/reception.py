"""The opening of sessions without HTTP: the real classes over a ledger, drivers and an end system of the test's choice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from connector.endsystems.end_system import LoginOutcome
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.sqlite.store import SqliteLedger
from connector.ledger.sqlite.table import Table
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult
from connector.runtime.supervision import OwnedTasks
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.opening_outcomes import Opened, OpeningRequest, Result
from connector.sessions.openings import Openings
from connector.sessions.records import SessionRecords
from connector.sessions.seal import HEADER, Sealed, Seals
from tests.assembly import KEYRING, METRICS
from tests.doubles import ScriptedDriver, ScriptedEndSystem

T = TypeVar("T")
NEAR, AUTHORITY = "near", "authority"


def credential(number: int) -> Credential:
    return Credential([("X-Token", f"token {number}")])


class ReceivingEndSystem(ScriptedEndSystem):
    """Hands out tokens by number, the same one again if a test wants it, each when `answering` is set."""

    def __init__(self) -> None:
        super().__init__()
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
        await self.answering.wait()
        return LoginOutcome(LoginResult.LOGGED_IN, credential(number))


class HesitantLedger(SqliteLedger):
    """A real ledger that begins a transaction only while `writing` is set."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, KEYRING, grace=60)
        self.writing = asyncio.Event()
        self.writing.set()
        self.asked = asyncio.Event()

    async def transact(self, work: Callable[[Table], T]) -> T:
        self.asked.set()
        await self.writing.wait()
        return await super().transact(work)


@dataclass(frozen=True, slots=True)
class Reception:
    """What opens sessions, and all that it is made of."""

    end_system: ReceivingEndSystem
    logouts: Logouts
    openings: Openings
    ledger: HesitantLedger
    live: LiveSessions
    seals: Seals
    storage: Storage
    drivers: Sequence[ScriptedDriver]
    nudged: asyncio.Event

    async def opened(self, request: OpeningRequest) -> Sealed:
        """Open a session and return what its seal holds."""
        return self.sealed(await self.openings.open(request))

    def sealed(self, result: Result) -> Sealed:
        assert isinstance(result, Opened), result
        return self.seals.opened([result.headers[HEADER]])


@asynccontextmanager
async def reception(folder: Path, end_system: ReceivingEndSystem, *, deadline: float = 30) -> AsyncIterator[Reception]:
    """Open what opens sessions; `deadline` is the end system's, in seconds."""
    ledger, nudged = HesitantLedger(folder / "ledger.sqlite3"), asyncio.Event()
    drivers = [ScriptedDriver(name, ScriptedDriver.Settings()) for name in (NEAR, AUTHORITY)]
    storage, live, seals = Storage(drivers, StorageDeadlines()), LiveSessions(ledger), Seals(KEYRING)
    logouts = Logouts(end_system, OwnedTasks(), METRICS, deadline=30)
    records = SessionRecords(logouts, ledger, storage, Bookkeeping(ledger, Backoff(1)), live.unrecorded, nudge=nudged.set)
    openings = Openings(logouts, live, seals, records, deadline=deadline, longest_header=32_768)
    async with ledger.opened(), storage.opened():
        await live.load()
        yield Reception(end_system, logouts, openings, ledger, live, seals, storage, drivers, nudged)
        await openings.drain(0)
