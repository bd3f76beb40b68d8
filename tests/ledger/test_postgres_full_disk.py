"""A database whose disk is full: what cannot be kept is refused, and all goes on once there is room."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from tests.conftest import cannot_be_had_here, do_without
from tests.ledger.ledgers import KEYS, SetClock, close, record
from tests.postgres import AS_ANOTHER, USER, Postgres
from tests.provision import as_root

AT_ONCE, MOST = 500, 100_000
"""Debts that are recorded at a time, and more than fit."""
ROOM = 2_000_000
"""Bytes of the disk that something else takes until there is room again."""


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of a few megabytes, which only root may mount, and in some containers nobody."""
    root = as_root()
    if root is None:
        do_without("no right to mount a small file system")
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if subprocess.run([*root, "mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=False).returncode:
            cannot_be_had_here("nothing may be mounted here")
        try:
            subprocess.run([*root, "chown", str(os.geteuid() or AS_ANOTHER), folder], check=True)
            yield folder
        finally:
            subprocess.run([*root, "umount", "--lazy", folder], check=True)


@pytest.fixture
def address(small_disk: Path, own_postgres: Postgres) -> str:
    """The address of a database whose tables are on the small disk."""
    own_postgres.administer(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    own_postgres.administer(f"CREATE DATABASE crowded OWNER {USER} TABLESPACE small")
    return own_postgres.dsn("crowded")


@pytest.mark.skipif(sys.platform == "win32", reason="there is nothing to mount on this platform")
async def test_on_a_full_disk_nothing_acknowledged_is_lost_and_all_goes_on_with_room(address: str, small_disk: Path) -> None:
    (small_disk / "other").write_bytes(bytes(ROOM))
    ledger = PostgresLedger(parsed(address, origin="x"), KEYS, clock=SetClock())
    async with ledger.opened():
        recorded, refused = await until_it_is_full(ledger)
        assert str(refused).endswith(": expected room on the disk of the database")
        kept = (await ledger.statistics()).owed
        assert kept >= len(recorded) > 0
        (small_disk / "other").unlink()
        await record(ledger, MOST)
        await close(ledger, recorded[0])

        totals = await ledger.statistics()
        assert (totals.owed, totals.closed) == (kept, 1)


async def until_it_is_full(ledger: PostgresLedger) -> tuple[list[Debt], LedgerUnavailable]:
    """Record as much as the disk takes, and return that with the first refusal."""
    recorded: list[Debt] = []
    for first in range(0, MOST, AT_ONCE):
        asked = (record(ledger, number) for number in range(first, first + AT_ONCE))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        recorded += [each for each in answers if isinstance(each, Debt)]
        for problem in answers:
            if isinstance(problem, LedgerUnavailable):
                return recorded, problem
    raise AssertionError("the disk takes all of it")
