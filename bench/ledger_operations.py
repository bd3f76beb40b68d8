"""Count the ledger's operations per second on PostgreSQL: `python -m bench.ledger_operations [seconds]`.

Beside it: the same on SQLite, and what a queue of jobs on PostgreSQL makes of its own smallest operation (`defer` of
procrastinate). All write durably, each in processes of its own. They run in turn, so that a busy machine is busy for all.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import IO, cast
from uuid import uuid4

from procrastinate import App, PsycopgConnector

from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import LogoutState
from connector.model.outcomes import LogoutOutcome, LogoutResult
from tests.postgres import Postgres, postgres_server

ROUNDS = 3
TASKS = (1, 8, 64)
"""Tasks of each replica that wait for the ledger at a time."""
KINDS = (("postgres", 1), ("postgres", 3), ("defer", 1), ("defer", 3), ("sqlite", 1))
"""What is measured, with how many replicas."""
KEYS = Keyring({"k": b"k" * 32})
DRIVERS = ("memory", "shared")
DONE = LogoutOutcome(LogoutResult.VERIFIED)
Operation = Callable[[], Awaitable[int]]
"""Does some operations, one after the other, and returns their number."""


def main(seconds: float) -> None:
    """Print the operations per second of each, the median of some rounds."""
    counted = defaultdict[tuple[str, int, int], list[float]](list)
    with postgres_server() as postgres:
        for _ in range(ROUNDS):
            for tasks in TASKS:
                for kind, replicas in KINDS:
                    counted[kind, replicas, tasks].append(_counted(postgres, kind, replicas, tasks, seconds))
    for kind, replicas in KINDS:
        figures = [f"{median(counted[kind, replicas, tasks]):>8,.0f}" for tasks in TASKS]
        sys.stdout.write(f"{kind:<9} {replicas} {' '.join(figures)}\n")


def _counted(postgres: Postgres, kind: str, replicas: int, tasks: int, seconds: float) -> float:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        place = folder if kind == "sqlite" else postgres.dsn(postgres.new_database())
        command = [sys.executable, "-m", "bench.ledger_operations", kind, place, str(tasks), str(seconds)]
        started = []
        for _ in range(replicas):
            started.append(stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)))
            _told(started[-1])
        for process in started:
            cast("IO[bytes]", process.stdin).write(b"go\n")
            cast("IO[bytes]", process.stdin).flush()
        return sum(float(_told(process)) for process in started)


def _told(process: "subprocess.Popen[bytes]") -> bytes:
    """Wait for what a replica has to tell, past what its libraries have."""
    for line in cast("IO[bytes]", process.stdout):
        if line.startswith(b"= "):
            return line[2:]
    raise RuntimeError("a replica has ended")


async def _replica(kind: str, place: str, tasks: int, seconds: float) -> None:
    if kind == "defer":
        await _deferring(place, tasks, seconds)
        return
    store = Path(place) / "ledger"
    ledger: SqliteLedger | PostgresLedger = (
        SqliteLedger(store, KEYS, grace=30) if kind == "sqlite" else PostgresLedger(parsed(place, origin="bench"), KEYS)
    )
    async with ledger.opened():
        await _run(lambda: _recorded_and_settled(ledger), tasks, seconds)


async def _deferring(place: str, tasks: int, seconds: float) -> None:
    app = App(connector=PsycopgConnector(conninfo=place))

    @app.task(name="nothing")
    async def nothing(number: int) -> None:
        """Stand for a job."""

    async def deferred() -> int:
        await nothing.defer_async(number=1)
        return 1

    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        await _run(deferred, tasks, seconds)


async def _recorded_and_settled(ledger: Ledger) -> int:
    request = CleanupRequest(str(uuid4()), "A", global_cache=False, credential=Credential([("Authorization", "Bearer t")]))
    debt = await ledger.record(request, origin="https://desk.example.com", drivers=DRIVERS)
    await ledger.settle(debt, state=LogoutState.CLOSED, outcome=DONE, evicted=DRIVERS, release=True)
    return 2


async def _run(operation: Operation, tasks: int, seconds: float) -> None:
    """Tell that all is ready, wait for the word, and tell how many operations there were in a second."""
    for _ in range(5):
        await operation()
    sys.stdout.write("= ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    until = time.perf_counter() + seconds

    async def work() -> int:
        number = 0
        while time.perf_counter() < until:
            number += await operation()
        return number

    numbers = await asyncio.gather(*(work() for _ in range(tasks)))
    sys.stdout.write(f"= {sum(numbers) / seconds}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        asyncio.run(_replica(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    else:
        main(float(sys.argv[1]) if sys.argv[1:] else 2.0)
