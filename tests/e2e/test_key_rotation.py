"""Replicas that share keys, and a new key that is brought in while they are in use: added everywhere first, and then promoted."""

import asyncio
import base64
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from tests.e2e.connector_process import ROOT, WITHIN, ConnectorProcess, started
from tests.e2e.opshub import OpsHub
from tests.servers import RealServer

APP = """
from aiohttp import web
from connector import run, session

async def who(request):
    return web.json_response(session(request).session_id)

run("config.toml", routes=[web.get("/who", who)])
"""
CONFIG = """
[server]
port = 0
[logs]
format = "json"
[metrics]
enabled = false
[storage]
drivers = ["memory", "shared"]
[storage.shared]
driver = "aiocache"
backend = "redis"
port = {redis}
"""
OLD, NEW = (f"{name}:{base64.urlsafe_b64encode(name.encode() * 8).decode()}" for name in ("old.", "new."))
USERS = 4


class Draining(Exception):
    """The replica was told to end since it was chosen."""


@dataclass
class Replica:
    """A server of its own, with its own copy of the key file."""

    folder: Path
    server: ConnectorProcess | None = None
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    def give(self, keys: Sequence[str]) -> None:
        file = self.folder / "var" / "keys" / "ledger.keys"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text("\n".join(keys))

    def start(self) -> None:
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.server = self._running.enter_context(started((sys.executable, "app.py"), self.folder, surroundings))

    async def restart(self) -> None:
        server, self.server = self.server, None
        assert server is not None
        server.process.terminate()
        assert await server.exit_code() == 0
        self._running.close()
        await asyncio.to_thread(self.start)

    def kill(self) -> None:
        self._running.close()


@dataclass
class Fleet:
    """Replicas behind a load balancer, and OpsHub's use of them."""

    replicas: Sequence[Replica]
    refused: list[str] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(4))
    lives: int = 0
    """Sessions that were opened, used and ended."""

    async def rotate(self, keys: Sequence[str]) -> None:
        """Give these keys to one replica after the other, and restart it; each time, sessions go on to be used."""
        for replica in self.replicas:
            replica.give(keys)
            await replica.restart()
            await self.until_more_lives(3 * USERS)

    async def until_more_lives(self, number: int) -> None:
        goal = self.lives + number
        async with asyncio.timeout(WITHIN):
            while self.lives < goal and not self.refused:  # noqa: ASYNC110 - other processes have to do it
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        """Open, use and end sessions all the time while the context is open; all have ended then."""
        done = asyncio.Event()
        async with asyncio.TaskGroup() as users:
            for _ in range(USERS):
                users.create_task(self._use(done))
            yield
            done.set()

    async def _use(self, done: asyncio.Event) -> None:
        """Open, use and end sessions, each call at whatever replica is up."""
        while not done.is_set():
            session = str(uuid4())
            try:
                headers = await self.opened(session)
                await self.call("GET", "/who", headers)
                await self.call("POST", f"/cleanup/{session}", headers)
            except (aiohttp.ClientConnectionError, Draining):  # the load balancer would ask another one
                continue
            self.lives += 1

    async def opened(self, session: str, replica: Replica | None = None) -> dict[str, str]:
        async with OpsHub((replica or self.any()).url) as opshub:
            answer = await opshub.initialize(session, [])
        if answer.status == 503 and answer.body["errors"]["code"] == "stopping":
            raise Draining
        assert answer.status == 200, answer.text
        return answer.session_headers

    async def call(self, method: str, path: str, headers: dict[str, str], replica: Replica | None = None) -> None:
        async with OpsHub((replica or self.any()).url) as opshub:
            answer = await opshub.call(path, headers, method)
        if answer.status != 200:
            self.refused.append(f"{path}: {answer.status} {answer.text}")

    def any(self) -> Replica:
        """Return one that is up."""
        return self.dice.choice([replica for replica in self.replicas if replica.server is not None])


@pytest.fixture
def fleet(redis: RealServer, tmp_path: Path) -> Iterator[Fleet]:
    replicas = [Replica(tmp_path / name) for name in ("one", "another")]
    with ExitStack() as stack:
        for replica in replicas:
            replica.folder.mkdir()
            (replica.folder / "config.toml").write_text(CONFIG.format(redis=redis.port) + f'namespace = "{uuid4()}"\n')
            (replica.folder / "app.py").write_text(APP)
            replica.give([OLD])
            stack.callback(replica.kill)
            replica.start()
        yield Fleet(replicas)


async def test_a_key_that_is_added_everywhere_and_then_promoted_refuses_no_session(fleet: Fleet) -> None:
    long_lived = str(uuid4())
    headers = await fleet.opened(long_lived)

    async with fleet.in_use():
        await fleet.rotate([OLD, NEW])
        await fleet.rotate([NEW, OLD])
    for replica in fleet.replicas:
        await fleet.call("GET", "/who", headers, replica)
    await fleet.call("POST", f"/cleanup/{long_lived}", headers)
    async with fleet.in_use():
        await fleet.rotate([NEW])

    assert fleet.refused == []


async def test_a_key_that_is_promoted_before_others_know_it_is_refused_by_them(fleet: Fleet) -> None:
    first, other = fleet.replicas
    first.give([NEW, OLD])
    await first.restart()
    headers = await fleet.opened(str(uuid4()), first)

    await fleet.call("GET", "/who", headers, other)

    assert [refusal[:9] for refusal in fleet.refused] == ["/who: 401"]
