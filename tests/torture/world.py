"""Sessions that log in, cache something and are cleaned up; and the oracle that says what has to be true of them in the end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aiohttp

from connector.preflight.drivers import build_drivers
from connector.preflight.loading import load
from drivers import Driver, Entry, Scope, SessionScope, Stamp, SystemScope
from tests.ports import free_port
from tests.torture.desk import PROFILE, Desk, desk
from tests.torture.process import ServerProcess

KEY = "projects"
LIFE = 86_400.0
ANSWERED_WITHIN = 60.0

CONFIG = """
[server]
port = {port}
{storage}
[storage.deadlines]
evict = 2
[end_system]
profile = "{profile}"
base_url = "{desk}"
[end_system.deadlines]
total = 2
[ledger]
path = "{folder}/ledger.sqlite3"
key_file = "{folder}/ledger.keys"
[metrics]
enabled = false
[control]
socket = "control.sock"
[logs]
format = "json"
"""
STORAGE = """
[storage]
drivers = ["memory", "sqlite"]
[storage.sqlite]
path = "{folder}/cache.sqlite3"
"""


@dataclass(slots=True)
class Session:
    """One session, what it had cached before its cleanup, and what its cleanup was told."""

    id: str
    token: str
    scopes: tuple[Scope, ...]
    stamps: tuple[Stamp, ...]
    status: int | None = None
    """None as long as no answer has come."""
    logged_out_at: float | None = None
    """When an answer came that says that the logout is done, by the loop's clock."""


@dataclass(slots=True)
class Verdict:
    """What an experiment came to. Nothing may be lost, duplicated or back."""

    answered: int = 0
    """Sessions whose cleanup was answered 200."""
    unanswered: int = 0
    """Sessions whose cleanup was not."""
    lost: list[str] = field(default_factory=list)
    """Sessions that were answered 200 or recorded, and whose login is alive in the end."""
    duplicated: list[str] = field(default_factory=list)
    """Sessions that the end system was asked to log out after a 200 had said that this was done."""
    back: list[str] = field(default_factory=list)
    """Sessions that were answered 200 and whose cached data is served, or whose generation is an earlier one."""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.back)


class World:
    """The end system, the cache file that the server shares with its readers, and all sessions that there were."""

    def __init__(self, config: Path, system: Desk, cache: Driver, http: aiohttp.ClientSession, port: int) -> None:
        self.config = config
        self.desk = system
        self.server = ServerProcess(config, port)
        self.sessions: list[Session] = []
        self._cache = cache
        self._http = http
        self._url = f"http://127.0.0.1:{port}"

    async def log_in(self, *, everything: bool = False) -> Session:
        """Open a session in a system of its own, with something cached; `everything`: for the system, too."""
        number = str(uuid4())
        scopes: tuple[Scope, ...] = (SessionScope(number, f"system of {number}"),)
        if everything:
            scopes += (SystemScope(f"system of {number}"),)
        session = Session(number, f"Bearer {number}", scopes, tuple([await self._cached(scope) for scope in scopes]))
        self.desk.alive.add(session.token)
        self.sessions.append(session)
        return session

    async def cleanup(self, session: Session) -> int | None:
        """Call the cleanup; None if the server was killed before its answer had come."""
        everything = len(session.scopes) > 1
        query = {"systemId": f"system of {session.id}", "cleanupGlobalCache": str(everything).lower()}
        try:
            async with self._http.post(
                f"{self._url}/cleanup/{session.id}", params=query, headers={"Authorization": session.token}
            ) as answer:
                report = await answer.json()
        except aiohttp.ClientError:
            return None
        session.status = answer.status
        if answer.status == 200 and report["logout"]["outcome"] in {"acknowledged", "already_out"}:
            session.logged_out_at = asyncio.get_running_loop().time()
        return answer.status

    async def is_ready(self) -> bool:
        """Ask the server whether it and all of its drivers are up; it is not as long as it does not listen."""
        try:
            async with self._http.get(f"{self._url}/health/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def judge(self, sessions: list[Session], *, recorded: set[str]) -> Verdict:
        """Say what became of these sessions, once nothing is owed any more; `recorded` are those that the ledger knows."""
        asked_last = {token: moment for moment, token in self.desk.asked}
        verdict = Verdict()
        for session in sessions:
            done = session.status == 200
            verdict.answered += done
            verdict.unanswered += not done
            if (done or session.id in recorded) and session.token in self.desk.alive:
                verdict.lost.append(session.id)
            if session.logged_out_at is not None and asked_last.get(session.token, 0) > session.logged_out_at:
                verdict.duplicated.append(session.id)
            if (done or session.id in recorded) and await self._is_back(session):
                verdict.back.append(session.id)
        return verdict

    async def _cached(self, scope: Scope) -> Stamp:
        stamp = await self._cache.stamp(scope)
        if not await self._cache.put_if_current(scope, KEY, Entry(b"loaded", stamp, time.time() + LIFE)):
            raise RuntimeError("evicted in the meantime, by nobody")
        return stamp

    async def _is_back(self, session: Session) -> bool:
        for scope, before in zip(session.scopes, session.stamps, strict=True):
            entry, now = await self._cache.get(scope, KEY), await self._cache.stamp(scope)
            if now == before or (entry is not None and entry.stamp == now):
                return True
        return False


@asynccontextmanager
async def world(folder: Path, storage: str = STORAGE) -> AsyncIterator[World]:
    """Set the scene in an empty folder; the server is not started yet, and killed at the end."""
    async with desk() as system:
        port, config = free_port(), folder / "config.toml"
        config.write_text(
            CONFIG.format(port=port, folder=folder, profile=PROFILE, desk=system.url, storage=storage.format(folder=folder))
        )
        cache = build_drivers(load(config, {}).settings.storage)[-1]
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(ANSWERED_WITHIN)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            scene = World(config, system, cache, http, port)
            try:
                await cache.open()
                yield scene
            finally:
                await scene.server.kill()
                await cache.aclose()
