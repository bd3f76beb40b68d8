"""Ledgers for tests: a clock that is set by hand, keys that are known, and requests by number."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import UUID

from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.sqlite.housekeeping import listing
from connector.ledger.sqlite.reading import opened_read_only
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import LogoutOutcome, LogoutResult

KEYS = Keyring({"old": b"o" * 32})
ROTATED = Keyring({"new": b"n" * 32, "old": b"o" * 32})
ONLY_NEW = Keyring({"new": b"n" * 32})

WITHIN = 30.0
"""Seconds that a test waits at most for something that is certain to come."""
NAME = "ledger.sqlite3"
GRACE = 30.0
START = 1_900_000_000.0
DRIVERS = ("memory", "sqlite")
ORIGIN = "https://desk.example.com"

VERIFIED = LogoutOutcome(LogoutResult.VERIFIED)
PENDING = LogoutOutcome(LogoutResult.PENDING, "503", "the end system is away", 7.5)
REFUSED = LogoutOutcome(LogoutResult.REFUSED, "400", "no such site")


class SetClock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def request(
    number: int, token: str = "t", *, login: str = "", system: str | None = "A", everything: bool = False
) -> CleanupRequest:
    credential = Credential([("Authorization", f"Bearer {token}")])
    return CleanupRequest(str(UUID(int=number)), system, everything, credential, login_id=login)


def ledger(folder: Path, keyring: Keyring = KEYS, clock: SetClock | None = None) -> SqliteLedger:
    return SqliteLedger(folder / NAME, keyring, grace=GRACE, clock=clock or SetClock())


@asynccontextmanager
async def opened(folder: Path, keyring: Keyring = KEYS, clock: SetClock | None = None) -> AsyncIterator[SqliteLedger]:
    async with ledger(folder, keyring, clock).opened() as open_ledger:
        yield open_ledger


@contextmanager
def raw(folder: Path) -> Iterator[sqlite3.Connection]:
    """The file as anybody sees it who can write to it."""
    connection = sqlite3.connect(folder / NAME, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


async def record(
    ledger: Ledger,
    number: int,
    token: str = "t",
    *,
    login: str = "",
    origin: str = ORIGIN,
    drivers: tuple[str, ...] = DRIVERS,
) -> Debt:
    return await ledger.record(request(number, token, login=login), origin=origin, drivers=drivers)


async def close(ledger: Ledger, debt: Debt) -> Debt | None:
    return await ledger.settle(debt, state=LogoutState.CLOSED, outcome=VERIFIED, evicted=DRIVERS)


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that is certain to come, and that the file alone tells."""
    async with asyncio.timeout(WITHIN):
        while True:
            if await fact():
                return
            await asyncio.sleep(0.001)


async def all_due(ledger: Ledger, now: float = START + GRACE) -> list[Debt]:
    """Return what is due, and leave it to be claimed."""
    found = await ledger.claim_due(now, per_origin=1_000_000, limit=1_000_000)
    for debt in found:
        await ledger.release(debt)
    return found


def read_only(path: Path, keyring: Keyring) -> list[Debt]:
    """Read all debts from the file of a ledger that is not open."""
    with opened_read_only(path, keyring) as table:
        return listing(table, (*LogoutState,), None, after=0, limit=sys.maxsize)


async def filled(folder: Path, number: int = 3) -> None:
    """Leave a ledger that owes so much."""
    async with opened(folder) as ledger:
        await asyncio.gather(*(record(ledger, each) for each in range(number)))


def damage(path: Path, offset: int, garbage: bytes = b"\xa5" * 64) -> None:
    """Overwrite a part of a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(garbage)
