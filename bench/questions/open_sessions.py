"""What many open sessions cost: memory, the start, and each tick by which it is found that nobody is idle."""

import gc
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from statistics import median
from uuid import UUID

from bench.http import own
from bench.http.servers import served
from bench.measure import Stalls, isolated
from bench.process import resident_bytes
from bench.question import OURS, Answer, Question, Run, at_most, must
from connector.ledger.sql import session_rows
from connector.ledger.sqlite.file_table import FileTable
from connector.ledger.sqlite.recovery import build
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.credential import Credential
from connector.model.sessions import OpenSession
from connector.preflight.keyfile import load_keyring
from connector.sessions.live import LiveSessions

BYTES, READY, STALL = 400, 2.0, 5.0
"""The goals: bytes of memory for each session, seconds until the server is ready, milliseconds of the event loop for a tick."""
VAR, LEDGER, KEYS = "var", "ledger.sqlite3", "keys/ledger.keys"
TOGETHER = 1_000
"""Sessions that one statement writes."""
TICKS, GRACE, LIMIT = 20, 60.0, 200


@dataclass(frozen=True, slots=True)
class Held:
    """What a process has to bear that holds the sessions."""

    bytes_each: float
    stalls: Sequence[float]
    """Seconds for which the event loop did not turn while a tick passed, at most; one for each tick."""


async def measure(run: Run) -> Sequence[Answer]:
    """Start a server with an empty ledger and a full one in turn, then hold the sessions in an interpreter of their own."""
    sessions, rounds = run.pick(100_000, 500), run.pick(5, 1)
    full, empty = run.folder_of_its_own(), run.folder_of_its_own()
    _fill(full, sessions)
    _fill(empty, 0)
    advance = run.begin(f"{sessions:,} open sessions", 3 * (rounds + 1))
    ready: dict[Path, list[float]] = {empty: [], full: []}
    held: list[Held] = []
    for _ in range(rounds + 1):
        for folder, seconds in ready.items():
            seconds.append(_start(run, folder))
            advance(1)
        held.append(Held(**await isolated(hold, folder=str(full), sessions=sessions)))
        advance(1)
    return _answers(sessions, {folder: median(seconds[1:]) for folder, seconds in ready.items()}, held)


async def hold(folder: str, sessions: int) -> dict[str, object]:
    """Learn of the sessions, and let ticks pass: a `Held`, as a dictionary."""
    ledger = _ledger(Path(folder))
    async with ledger.opened():
        await ledger.statistics()
        gc.collect()
        before = resident_bytes()
        live = LiveSessions(ledger)
        await live.load()
        gc.collect()
        taken = resident_bytes() - before
        must(len(live) == sessions, "each session is known as open")
        gc.freeze()
        return {"bytes_each": taken / sessions, "stalls": [await _tick(ledger) for _ in range(TICKS)]}


async def _tick(ledger: SqliteLedger) -> float:
    async with Stalls().watching() as stalls:
        await ledger.tick()
        found = await ledger.idle(unused_since=-1, opened_since=-1, unanswered_since=-1, limit=LIMIT)
    must(not found, "nobody is idle")
    return stalls.longest


def _start(run: Run, filled: Path) -> float:
    """Return the seconds until a server serves that takes up a copy of this ledger."""
    folder = run.folder_of_its_own()
    shutil.copytree(filled / VAR, folder / VAR)
    begun = time.perf_counter()
    with served(own.command, folder):
        return time.perf_counter() - begun


def _fill(folder: Path, sessions: int) -> None:
    """Make a ledger where the shipped configuration has its own, with so many open sessions."""
    (folder / VAR).mkdir(mode=0o700)
    (folder / VAR / KEYS).parent.mkdir(mode=0o700)
    path = folder / VAR / LEDGER
    keyring = load_keyring(folder / VAR / KEYS, {}, ledger=path)
    build(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for first in range(0, sessions, TOGETHER):
            some = range(first, min(first + TOGETHER, sessions))
            session_rows.insert_all(FileTable(connection, keyring), [_session(number) for number in some])
        connection.execute("COMMIT")


def _session(number: int) -> OpenSession:
    return OpenSession(
        session_id=str(UUID(int=number)),
        system_id="jira",
        origin="https://jira.example.com",
        login_id=token_urlsafe(16),
        opened_at=time.time(),
        used_at=time.time(),
        credential=Credential([("Authorization", f"Bearer {token_urlsafe(32)}")]),
    )


def _ledger(folder: Path) -> SqliteLedger:
    path = folder / VAR / LEDGER
    return SqliteLedger(path, load_keyring(folder / VAR / KEYS, {}, ledger=path), grace=GRACE)


def _answers(sessions: int, ready: dict[Path, float], held: Sequence[Held]) -> list[Answer]:
    empty, full = ready.values()
    stall = median(1000 * stall for each in held for stall in each.stalls)
    return [
        Answer(f"memory of each of {sessions:,}", median(each.bytes_each for each in held), "bytes", at_most(BYTES)),
        Answer(f"ready, with {sessions:,} open sessions", full, "s", at_most(READY), {f"{OURS}, no open session": empty}),
        Answer("the longest stall of a tick", stall, "ms", at_most(STALL)),
    ]


QUESTION = Question("open-sessions", "A hundred thousand open sessions", measure)
