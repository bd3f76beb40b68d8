"""How soon a server with a full ledger is ready, and what committing for many at once is worth."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import UUID

from connector.ledger.sqlite.store import SqliteLedger
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.preflight.keyfile import load_keyring
from connector.preflight.loading import load
from tests.cli.command import surroundings
from tests.torture.world import Session, World, world

WITHIN = 120.0
LOOK_EVERY = 0.005
RECORDING = 500
"""Records that are made at once."""
CLIENTS = 64
CLEANUPS = 320
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from the start of the command `connector serve`."""

    rows: int
    ready: float
    """`/health/ready` answered 200."""
    answered: float
    """The first cleanup, asked for as soon as it was ready."""
    retrying: float | None
    """The first owed logout reached the end system; None where none was owed."""


@dataclass(frozen=True, slots=True)
class GroupCommit:
    """Durable cleanups per second: medians of interleaved runs on the same files."""

    one_client: float
    alone: float
    """64 clients, each record in a transaction of its own."""
    together: float
    """64 clients, as it is."""


async def recovery(folder: Path, rows: int) -> Recovery:
    """Start the command on a ledger with so many owed logouts, all due, each of which owes its evictions, too."""
    async with world(folder) as scene:
        await _fill(scene, rows)
        session, started = await scene.log_in(), asyncio.get_running_loop().time()
        async with _command(scene):
            await _until_ready(scene)
            ready = asyncio.get_running_loop().time() - started
            assert await scene.cleanup(session) == 200
            answered = asyncio.get_running_loop().time() - started
            retried = await _first_retry(scene, session) - started if rows else None
            return Recovery(rows, ready, answered, retried)


async def group_commit(folder: Path) -> GroupCommit:
    """Measure with one client, with many, and with many whose records are committed one by one."""
    rates: dict[str, list[float]] = {"one_client": [], "alone": [], "together": []}
    async with world(folder) as scene:
        for _ in range(ROUNDS):
            rates["one_client"].append(await _rate(scene, clients=1, cleanups=CLEANUPS // 4))
            rates["alone"].append(await _rate(scene, clients=CLIENTS, cleanups=CLEANUPS, batch=1))
            rates["together"].append(await _rate(scene, clients=CLIENTS, cleanups=CLEANUPS))
    return GroupCommit(**{name: median(found) for name, found in rates.items()})


async def _rate(scene: World, *, clients: int, cleanups: int, batch: int | None = None) -> float:
    await scene.server.start(batch=batch)
    sessions = iter([await scene.log_in() for _ in range(cleanups)])

    async def client() -> None:
        for session in sessions:
            assert await scene.cleanup(session) == 200

    started = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as running:
        for _ in range(clients):
            running.create_task(client())
    taken = asyncio.get_running_loop().time() - started
    await scene.server.kill()
    return cleanups / taken


async def _fill(scene: World, rows: int) -> None:
    """Record what so many cleanups of an hour ago owe."""
    settings = load(scene.config, {}).settings.ledger
    ledger = SqliteLedger(
        settings.path, load_keyring(settings.key_file, {}, ledger=settings.path), grace=1, clock=lambda: time.time() - 3600
    )
    numbers = iter(range(rows))
    async with ledger.opened(), asyncio.TaskGroup() as recording:
        for _ in range(RECORDING):
            recording.create_task(_record(ledger, numbers, scene.desk.url))


async def _record(ledger: SqliteLedger, numbers: Iterator[int], origin: str) -> None:
    for number in numbers:
        session, credential = str(UUID(int=number)), Credential([("Authorization", f"Bearer {number}")])
        request = CleanupRequest(session, f"system of {session}", global_cache=False, credential=credential)
        await ledger.record(request, origin=origin, drivers=["memory", "sqlite"])


@asynccontextmanager
async def _command(scene: World) -> AsyncIterator[None]:
    """Run `connector serve` as an administrator does, and kill it at the end."""
    command = (sys.executable, "-m", "connector", "serve", "--config", scene.config)
    with (scene.config.parent / "server.log").open("ab") as log:
        # asyncio's own way of starting it would have a second thread wait for its end
        process = subprocess.Popen(command, cwd=scene.config.parent, env=surroundings(), stdout=log, stderr=log)  # noqa: ASYNC220
        try:
            yield
        finally:
            process.kill()
            process.wait(WITHIN)


async def _until_ready(scene: World) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            if await scene.is_ready():
                return
            await asyncio.sleep(LOOK_EVERY)


async def _first_retry(scene: World, other: Session) -> float:
    """Return when the end system was asked for a logout that was owed: any but that of the other session."""
    async with asyncio.timeout(WITHIN):
        while True:
            for moment, token in scene.desk.asked:
                if token != other.token:
                    return moment
            await asyncio.sleep(LOOK_EVERY)
