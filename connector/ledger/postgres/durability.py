"""What the settings of a database allow to be lost: an administrator of it may change them at any time."""

from dataclasses import dataclass
from typing import Any

import psycopg

SETTINGS = """
SELECT current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
current_setting('synchronous_commit'), current_setting('synchronous_standby_names')
"""
WAITS_FOR_STANDBYS = ("remote_write", "on", "remote_apply")
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


def durability(connection: psycopg.Connection[Any]) -> Durability:
    """Ask for the settings as they are now, for this role and this database. Raises `psycopg.Error`."""
    [row] = connection.execute(SETTINGS).fetchall()
    return Durability(*row)
