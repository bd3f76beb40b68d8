"""Replicas on one ledger whose key is exchanged by `connector keys`: no step goes ahead of the others."""

import asyncio
import json
import platform
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.command import Ended, connector
from tests.drivers.stores import fresh_namespace
from tests.e2e.connector_process import WITHIN, ConnectorProcess, connector_process
from tests.e2e.sharing_servers import CONFIG, cleaned_up, opened
from tests.e2e.surroundings import WITHOUT_TERMINAL
from tests.e2e.test_key_rotation import NEW, OLD
from tests.e2e.test_reloading import key_of
from tests.postgres import Postgres
from tests.servers import RealServer
from tests.sessions.desk import Desk

KEY_FILE = "var/keys/ledger.keys"


@dataclass
class Replica:
    """A server, with a key file of its own."""

    folder: Path
    config: str
    environment: dict[str, str]
    server: ConnectorProcess | None = None
    _running: ExitStack = field(default_factory=ExitStack)

    async def start(self) -> ConnectorProcess:
        """Start it, or start it again."""
        if self.server is not None:
            self.server.process.send_signal(signal.SIGTERM)
            assert await self.server.exit_code() == 0
            self._running.close()
        process = connector_process(self.folder, self.config, self.environment, launcher=WITHOUT_TERMINAL)
        self.server = self._running.enter_context(process)
        return self.server

    async def hang_up_until(self, event: str) -> dict[str, Any]:
        """Have it read its keys again until this comes of it: what others tell takes some seconds."""
        assert self.server is not None
        async with asyncio.timeout(2 * WITHIN):
            while True:
                self.server.process.send_signal(signal.SIGHUP)
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        return await self.server.logged(event)

    def stop(self) -> None:
        self._running.close()

    async def keys(self, *arguments: str) -> Ended:
        return await connector("keys", *arguments, folder=self.folder, environ=self.environment)

    async def keys_until(self, exit_code: int, *arguments: str) -> Ended:
        """Run a command until it ends like this: what it waits for takes some seconds."""
        async with asyncio.timeout(2 * WITHIN):
            ended = await self.keys(*arguments)
            while ended.exit_code != exit_code:
                ended = await self.keys(*arguments)
            return ended

    def ids(self) -> list[str]:
        return [line.partition(":")[0] for line in (self.folder / KEY_FILE).read_text().splitlines()]

    def give(self, *keys: str) -> None:
        """Write a key file by hand."""
        file = self.folder / KEY_FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text("\n".join(keys))

    def give_keys_to(self, other: "Replica") -> None:
        (other.folder / "var" / "keys").mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.folder / KEY_FILE, other.folder / KEY_FILE)


@pytest.fixture
def replicas(tmp_path: Path, redis: RealServer, postgres: Postgres, desk: Desk) -> Iterator[tuple[Replica, Replica]]:
    config = desk.section + CONFIG.format(redis=redis.port, namespace=fresh_namespace()) + "keep_closed = 1\n"
    environment = {"LEDGER_DSN": postgres.dsn(postgres.new_database())}
    one, other = (Replica(tmp_path / name, config, environment) for name in ("one", "other"))
    for replica in (one, other):
        replica.folder.mkdir()
        (replica.folder / "config.toml").write_text(config)
    try:
        yield one, other
    finally:
        one.stop()
        other.stop()


async def test_a_key_is_exchanged_and_each_step_waits_for_all_replicas_and_rows(
    replicas: tuple[Replica, Replica], session: str
) -> None:
    one, other = replicas
    await one.keys("add")
    one.give_keys_to(other)
    server, beside = await one.start(), await other.start()
    headers = (await opened(server, session)).session_headers

    await one.keys("add")
    old, new = one.ids()
    await one.start()
    early = await one.keys_until(75, "promote", new)
    one.give_keys_to(other)
    beside = await other.start()
    promoted = [await each.keys_until(0, "promote", new) for each in replicas]
    server, beside = await one.start(), await other.start()
    needed = await other.keys_until(75, "retire", old)
    answer = await cleaned_up(beside, session, headers)
    retired = [await each.keys_until(0, "retire", old) for each in replicas]
    server, beside = await one.start(), await other.start()

    assert "not promoted: these servers do not have it, or do not tell yet: " in early.err
    assert [ended.exit_code for ended in (*promoted, *retired)] == [0] * 4
    assert "not retired: rows that need it: 1 sessions" in needed.err
    assert (answer.status, answer.body["logout"]["outcome"]) == (200, "acknowledged")
    assert one.ids() == other.ids() == [new]


async def test_each_replica_shows_all_that_share_its_ledger(replicas: tuple[Replica, Replica]) -> None:
    for replica in replicas:
        replica.give(OLD)
    servers = [await replica.start() for replica in replicas]
    shown = [await connector("status", "--json", folder=each.folder, environ=each.environment) for each in replicas]

    there = {f"{platform.node()}:{server.process.pid}" for server in servers}
    assert [{*json.loads(ended.out)["ledger"]["shared_by"]} for ended in shown] == [there, there]


async def test_hang_ups_exchange_a_key_once_all_replicas_and_all_rows_allow_it(
    replicas: tuple[Replica, Replica], session: str
) -> None:
    one, other = replicas
    for replica in replicas:
        replica.give(OLD)
    server, beside = await one.start(), await other.start()
    headers = (await opened(server, session)).session_headers

    one.give(NEW, OLD)
    early = await one.hang_up_until("a key is not promoted")
    meanwhile = (await opened(server, between := str(uuid4()))).session_headers
    answers = [await cleaned_up(beside, between, meanwhile)]
    other.give(NEW, OLD)
    for replica in (other, one):
        await replica.hang_up_until("a key was promoted")
    promoted = (await opened(server, after := str(uuid4()))).session_headers
    answers.append(await cleaned_up(beside, after, promoted))

    for replica in replicas:
        replica.give(NEW)
    needed = await one.hang_up_until("keys that were taken out are still needed")
    answers.append(await cleaned_up(server, session, headers))
    for replica in replicas:
        await replica.hang_up_until("keys were taken out")
    refused = [(await cleaned_up(each, session, headers)).status for each in (server, beside)]
    promoted = (await opened(beside, last := str(uuid4()))).session_headers
    answers.append(await cleaned_up(server, last, promoted))

    assert [name.partition(":")[0] for name in early["replicas"]] == [platform.node()]
    assert [key_of(each) for each in (headers, meanwhile, promoted)] == ["old.", "old.", "new."]
    assert "1 sessions" in needed["needed_by"]["old."]
    assert [(answer.status, answer.body["logout"]["outcome"]) for answer in answers] == [(200, "acknowledged")] * 4
    assert refused == [404, 404]
    assert not [line for line in (server.log.read_text() + beside.log.read_text()).splitlines() if "does not share" in line]
