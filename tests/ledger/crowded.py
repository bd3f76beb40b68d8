"""A script: a ledger whose disk fills up and gets room again.

`python -m tests.ledger.crowded FOLDER KIND`. KIND `disk`: FOLDER is a small file system of its own, which is filled with a file.
KIND `limit`: no file may grow any more, which needs no right to mount anything. Raises if the ledger breaks a promise.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from connector.ledger.port import Ledger
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from tests.ledger.ledgers import NAME, all_due, close, opened, opening, record, session

DEBTS = 300
COMMIT = 50
"""Debts that are recorded at a time."""
NUMBERS = count(10_000)
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk on which there can be made to be room, or none."""

    fill: Callable[[], None]
    free: Callable[[], None]


async def main(folder: Path, kind: str) -> None:
    disk = small_disk(folder / "filler") if kind == "disk" else limited_files(folder)
    async with opened(folder) as ledger:
        debts = list[Debt]()
        # In several commits: then the log is longer than the database becomes, which may not outgrow it either.
        for first in range(0, DEBTS, COMMIT):
            debts += await asyncio.gather(*(record(ledger, first + number, "t" * 500) for number in range(COMMIT)))
        disk.fill()
        acknowledged = await record_until_it_is_refused(ledger)
        for debt in debts:
            assert await close(ledger, debt), "completions are recorded on a full disk"
        assert (await ledger.statistics()).closed == DEBTS
        await must_be_refused(ledger)
        disk.free()
        await record_once_there_is_room(ledger)
        assert (folder / f"{NAME}.reserve").stat().st_size > 0, "the reserve is there again"
        disk.fill()
    async with opened(folder) as ledger:
        assert not ledger.lost_track
        assert acknowledged <= {debt.id for debt in await all_due(ledger)}, "what was acknowledged is there"
        assert await close(ledger, (await all_due(ledger))[0]), "a start on a full disk is possible"
        assert (await ledger.statistics()).closed == DEBTS + 1


async def record_until_it_is_refused(ledger: Ledger) -> set[int]:
    """Records may go on for a while, in room that the file has already; returns the ids of those that were acknowledged."""
    acknowledged = set()
    for _ in range(100_000):
        try:
            acknowledged.add((await record(ledger, next(NUMBERS), "t" * 3000)).id)
        except LedgerUnavailable:
            return acknowledged
    raise AssertionError("a full disk is told")


async def must_be_refused(ledger: Ledger) -> None:
    """With the reserve given up, neither a record nor a login to come takes the room that completions may need."""
    for asking in (record(ledger, next(NUMBERS)), ledger.begin_opening(opening(session(next(NUMBERS))))):
        try:
            await asking
        except LedgerUnavailable:
            continue
        raise AssertionError("nothing is recorded before there is room for the reserve")


async def record_once_there_is_room(ledger: Ledger) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await record(ledger, next(NUMBERS))
            except LedgerUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


def small_disk(filler: Path) -> Disk:
    def fill() -> None:
        with filler.open("wb", buffering=0) as file:
            size = 65_536
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2

    return Disk(fill, filler.unlink)


def limited_files(folder: Path) -> Disk:
    import resource  # noqa: PLC0415 - where there is none, this is not called

    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        largest = max(path.stat().st_size for path in folder.iterdir() if "reserve" not in path.name)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 16_384, unlimited[1]))

    return Disk(fill, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, unlimited))


if __name__ == "__main__":
    os.umask(0o077)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
