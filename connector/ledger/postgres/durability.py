"""What the settings of a database allow to be lost: an administrator of it may change them at any time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from connector.ledger.sql.database import Database
from connector.model.errors import LedgerUnavailable

log = structlog.get_logger(__name__)

SETTINGS = """
SELECT current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
current_setting('synchronous_commit'), current_setting('synchronous_standby_names')
"""
WAITS_FOR_STANDBYS = ("remote_write", "on", "remote_apply")
LOOK_EVERY = 60.0
"""Seconds between two looks."""
CRASH = "a crash of the database's machine may damage the ledger, or lose what was acknowledged"


@dataclass(frozen=True, slots=True)
class Durability:
    """The settings that decide what becomes of a commit that was acknowledged."""

    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    standbys: str
    """`synchronous_standby_names`."""

    @property
    def is_weak(self) -> bool:
        """Whether a single machine that crashes and comes back may have lost something."""
        return not self.fsync or not self.full_page_writes or self.synchronous_commit == "off"

    def __str__(self) -> str:
        if not self.fsync:
            return f"fsync is off: {CRASH}"
        if not self.full_page_writes:
            return f"full_page_writes is off: {CRASH}"
        if self.synchronous_commit == "off":
            return "synchronous_commit is off: a crash of the database loses what was acknowledged last"
        if self.synchronous_commit in WAITS_FOR_STANDBYS and self.standbys.strip():
            return f"a commit waits for the disk and for a standby ({self.standbys})"
        return "a commit waits for the disk, and for no standby: a fail-over may lose what was acknowledged last"


def durability(database: Database) -> Durability:
    """Ask for the settings as they are now, for this role and this database. Raises `psycopg.Error`."""
    [row] = database.execute(SETTINGS).fetchall()
    return Durability(*row)


class DurabilityWatch:
    """Looks at the settings now and then, and logs what has changed."""

    def __init__(self, ask: Callable[[], Awaitable[Durability]]) -> None:
        self._ask = ask
        self.found: Durability | None = None
        """As they were when they were looked at last."""

    async def look(self) -> None:
        """Look at the settings once. Raises `LedgerUnavailable`."""
        found = await self._ask()
        if found == self.found:
            return
        self.found = found
        if found.is_weak:
            log.warning("the ledger's database may lose what it has acknowledged: change its settings", durability=str(found))
        else:
            log.info("what the ledger's database keeps", durability=str(found))

    async def run(self) -> None:
        """Look every minute. If the database is away, the calls that need it tell so."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            with suppress(LedgerUnavailable):
                await self.look()
