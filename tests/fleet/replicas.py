"""Replicas: whole applications in the test's own process, on one ledger that they share and one real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from connector.api.parser import guarded_runner
from connector.api.session_of_request import session as session_of
from connector.app import PARTS, MakeLedger, app_of
from connector.assembly.parts import Parts
from connector.cleanups.hooks import Hooks
from connector.ledger.port import Ledger
from connector.model.debts import LogoutState
from connector.model.listed import TICK
from connector.preflight.loading import load
from connector.sessions.fleet import FleetSessions
from tests.e2e.opshub import LOOK_EVERY, Answer, OpsHub
from tests.endsystems.profiled import ProfiledEndSystem
from tests.fleet.cable import Cable, cable
from tests.fleet.gates import PATIENCE
from tests.servers import RealServer
from tests.sessions.desk import Desk, settings
from tests.sessions.served import KEYS

SYSTEM = {"systemId": "A"}


async def about(request: web.Request) -> web.Response:
    return web.json_response({"session": session_of(request).session_id})


async def remember(request: web.Request) -> web.Response:
    """Cache a value for the session."""
    kept = await session_of(request).cache.set("value", request.query["value"])
    return web.json_response({"kept": kept})


async def recall(request: web.Request) -> web.Response:
    return web.json_response({"value": await session_of(request).cache.get("value", str)})


async def remember_for_all(request: web.Request) -> web.Response:
    """Cache a value for the session's system."""
    kept = await session_of(request).system.cache.set("value", request.query["value"])
    return web.json_response({"kept": kept})


async def recall_for_all(request: web.Request) -> web.Response:
    return web.json_response({"value": await session_of(request).system.cache.get("value", str)})


async def me(request: web.Request) -> web.Response:
    async with session_of(request).http.get("/me") as answer:
        return web.json_response({"alive": answer.status == 200})


ROUTES = [
    web.get("/about", about),
    web.get("/remember", remember),
    web.get("/recall", recall),
    web.get("/system/remember", remember_for_all),
    web.get("/system/recall", recall_for_all),
    web.get("/me", me),
]


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if is_so():
                return
            await asyncio.sleep(LOOK_EVERY)


@dataclass(frozen=True, slots=True)
class Replica:
    """One server of a fleet, and an OpsHub that calls it."""

    opshub: OpsHub
    parts: Parts
    cable: Cable
    """To the store."""

    @property
    def ledger(self) -> Ledger:
        return self.parts.ledger

    @property
    def live(self) -> FleetSessions:
        live = self.parts.live
        assert isinstance(live, FleetSessions)
        return live

    def begin_to_open(self, session: str) -> "asyncio.Task[Answer]":
        return asyncio.create_task(self.initialize(session))

    async def lose_the_store(self) -> None:
        """Cut the replica off from its store, and wait until it knows."""
        await self.cable.cut()
        storage = self.parts.storage
        await storage.watch.look(storage.authority)
        assert not storage.watch.is_up(storage.authority.name)

    async def caught_up(self) -> None:
        """Wait until the ledger has taken what it could not take before."""
        await eventually(lambda: not len(self.live.unrecorded))

    async def initialize(self, session: str, headers: dict[str, str] | None = None) -> Answer:
        return await self.opshub.initialize(session, settings(), headers, query=SYSTEM)

    async def opened(self, session: str, headers: dict[str, str] | None = None) -> dict[str, str]:
        """Open a session, and return the headers by which it is known."""
        answer = await self.initialize(session, headers)
        assert answer.status == 200, answer.text
        return answer.session_headers

    async def status(self, headers: dict[str, str]) -> int:
        """Return what a call of a session is answered."""
        return (await self.opshub.call("/about", headers)).status

    async def cleanup(self, session: str, headers: dict[str, str] | None = None) -> Answer:
        return await self.opshub.cleanup(session, headers, SYSTEM)

    async def remember(self, headers: dict[str, str], value: str, base: str = "") -> bool:
        return bool((await self.opshub.call(f"{base}/remember?value={value}", headers)).body["kept"])

    async def recall(self, headers: dict[str, str], base: str = "") -> str | None:
        """Return what is cached for the session."""
        answer = await self.opshub.call(f"{base}/recall", headers)
        assert answer.status == 200, answer.text
        found: str | None = answer.body["value"]
        return found

    async def owed(self) -> list[str]:
        """Return the ids of the sessions whose logouts are owed."""
        return [debt.session_id for debt in await self.ledger.listing(states=[LogoutState.OWED])]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Makes replicas of one connector."""

    folder: Path
    redis: RealServer
    namespace: str
    desk: Desk
    make_ledger: MakeLedger
    served: ProfiledEndSystem | None = None
    """The end system, if it is another one than the desk."""
    end_system: str = ""
    """Further keys of its section."""
    tick: float = TICK
    store: str = "shared"
    """The name of the authority."""
    routes: Sequence[web.RouteDef] = tuple(ROUTES)
    hooks: Hooks | None = None

    @asynccontextmanager
    async def replica(self, name: str) -> AsyncIterator[Replica]:
        """Serve a replica while the context is open."""
        folder = self.folder / name
        folder.mkdir()
        async with cable(self.redis.port) as laid:
            start = load(self._file(folder, laid.port), KEYS)
            tick, clock = self.tick, time.time
            app = app_of(start, self.make_ledger, routes=self.routes, hooks=self.hooks, environ=KEYS, clock=clock, tick=tick)
            runner = guarded_runner(app, start.settings.server)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                async with OpsHub(f"http://127.0.0.1:{runner.addresses[0][1]}") as opshub:
                    # Before, nothing is kept: an earlier start may owe evictions.
                    await eventually(lambda: app[PARTS].storage.trusted)
                    yield Replica(opshub, app[PARTS], laid)
            finally:
                await runner.cleanup()

    @asynccontextmanager
    async def replicas(self, number: int = 2) -> AsyncIterator[list[Replica]]:
        """Serve so many replicas while the context is open."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self.replica(f"replica-{each}")) for each in range(number)]

    def _file(self, folder: Path, port: int) -> Path:
        file = folder / "config.toml"
        system = (self.served or self.desk).section + self.end_system
        store = f'driver = "aiocache"\nbackend = "redis"\nport = {port}\nnamespace = "{self.namespace}"\n'
        file.write_text(
            f'{system}\n[storage]\ndrivers = ["memory", "{self.store}"]\n[storage.{self.store}]\n{store}'
            f'[ledger]\npath = "{folder}/ledger.sqlite3"\n[control]\nsocket = "{folder}/control.sock"\n[metrics]\nport = 0\n'
        )
        return file
