"""A script: kills processes that record and settle, at random moments, and looks for all that they acknowledged.

`python -m tests.ledger.killed FOLDER KILLS SEED`, on a platform that can fork. Prints what was found as JSON.
"""

import asyncio
import json
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

from connector.model.debts import Debt, LogoutState
from tests.ledger.ledgers import KEYS, NAME, PENDING, close, opened, read_only, record, request

TASKS = 24
SESSIONS = 1_000
"""Numbers of sessions that one process may use."""
LONGEST_LIFE = 0.05
ACKNOWLEDGEMENT = struct.Struct("<IBB")
"""Session, revision, and whether its logout was closed."""


@dataclass(slots=True)
class Found:
    """What all the kills came to."""

    kills: int = 0
    at_work: int = 0
    """Processes that had acknowledged something, and not all that they would have."""
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)


def main(folder: Path, kills: int, seed: int) -> Found:
    chance = random.Random(seed)
    found, promised = Found(), dict[int, tuple[int, bool]]()
    for number in range(kills):
        acknowledged = live_and_die(folder, number * SESSIONS, chance)
        found.kills += 1
        found.at_work += bool(acknowledged)
        found.acknowledged += len(acknowledged)
        for session, revision, closed in acknowledged:
            promised[session] = (revision, closed or promised.get(session, (0, False))[1])
    debts = {debt.session_id: debt for debt in read_only(folder / NAME, KEYS)}
    found.lost += [*broken_promises(promised, debts), *(path.name for path in folder.glob("*.corrupt-*"))]
    return found


def live_and_die(folder: Path, first: int, chance: random.Random) -> list[tuple[int, int, bool]]:
    """Let a process work on the ledger until it is killed; returns what it acknowledged."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        asyncio.run(work(folder, first, writing))
        os._exit(1)
    os.close(writing)
    time.sleep(chance.uniform(0, LONGEST_LIFE))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    return [*ACKNOWLEDGEMENT.iter_unpack(told[: len(told) // ACKNOWLEDGEMENT.size * ACKNOWLEDGEMENT.size])]


async def work(folder: Path, first: int, acknowledge: int) -> None:
    """Record, settle, and record again, and tell of each only once it is done."""
    async with opened(folder) as ledger:

        async def cleanup(session: int) -> None:
            for token in ("t", "t"):
                debt = await record(ledger, session, token)
                os.write(acknowledge, ACKNOWLEDGEMENT.pack(session, debt.revision, False))
                if session % 3:
                    await close(ledger, debt)
                    os.write(acknowledge, ACKNOWLEDGEMENT.pack(session, debt.revision, True))
                else:
                    await ledger.settle(debt, state=LogoutState.OWED, outcome=PENDING)

        async def cleanups(start: int) -> None:
            for session in range(start, first + SESSIONS, TASKS):
                await cleanup(session)

        await asyncio.gather(*(cleanups(first + task) for task in range(TASKS)))
        await asyncio.Event().wait()


def broken_promises(promised: dict[int, tuple[int, bool]], debts: dict[str, Debt]) -> Iterator[str]:
    for session, (revision, closed) in promised.items():
        debt = debts.get(request(session).session_id)
        if debt is None:
            yield f"{session}: is not there"
        elif debt.unusable or debt.revision < revision or (debt.state is LogoutState.CLOSED) < closed:
            yield f"{session}: revision {revision}, closed {closed}: {debt}"


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output is for what was found
    sys.stdout.write(json.dumps(asdict(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))))
