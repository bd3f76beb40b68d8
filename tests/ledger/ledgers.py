"""Ledgers for tests: a clock that is set by hand, keys that are known, and requests by number."""

import asyncio
import sqlite3
import sys
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.sql.housekeeping import listing
from connector.ledger.sqlite.reading import opened_read_only
from connector.ledger.sqlite.store import SqliteLedger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    GRACE,
    HOUR,
    KEYS,
    ONLY_NEW,
    ORIGIN,
    PENDING,
    REFUSED,
    ROTATED,
    START,
    VERIFIED,
    SetClock,
    all_due,
    close,
    logins,
    open_,
    opening,
    owed,
    record,
    request,
    session,
    untried,
)
from connector.model.debts import Debt, LogoutState

__all__ = [
    "DRIVERS",
    "GRACE",
    "HOUR",
    "KEYS",
    "KEYS_LINE",
    "ONLY_NEW",
    "ORIGIN",
    "PENDING",
    "REFUSED",
    "ROTATED",
    "START",
    "VERIFIED",
    "SetClock",
    "all_due",
    "close",
    "logins",
    "one_login_ended",
    "open_",
    "opening",
    "owed",
    "record",
    "request",
    "session",
    "untried",
]
"""What the contract of every ledger uses; tests of the one in SQLite use the same."""

WITHIN = 30.0
"""Seconds that a test waits at most for something that is certain to come."""
NAME = "ledger.sqlite3"
KEYS_LINE = f"old:{urlsafe_b64encode(b'o' * 32).decode().rstrip('=')}"
"""`KEYS`, as `CONNECTOR_LEDGER_KEYS` has them."""


def ledger(folder: Path, keyring: Keyring = KEYS, clock: SetClock | None = None) -> SqliteLedger:
    return SqliteLedger(folder / NAME, keyring, grace=GRACE, clock=clock or SetClock())


async def one_login_ended(ledger: Ledger, number: int, token: str, login: str) -> Debt:
    """Record the end of one login of a session, and of no other."""
    asked = request(number, token, login=login)
    return await untried(ledger, asked, origin=ORIGIN, drivers=DRIVERS, logins=[login])


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


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that is certain to come, and that the file alone tells."""
    async with asyncio.timeout(WITHIN):
        while True:
            if await fact():
                return
            await asyncio.sleep(0.001)


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
