"""Servers that do not share what replicas have to share: the second is refused at its start, and one that is in is told later."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connector.cli.options import EXIT_CONFIGURATION, EXIT_NOT_NOW
from tests.cli.command import Ended, connector
from tests.drivers.stores import fresh_namespace
from tests.e2e.connector_process import ConnectorProcess, connector_process
from tests.e2e.opshub import OpsHub
from tests.postgres import Postgres
from tests.servers import RealServer
from tests.sessions.served import BOTH_KEYS, KEYS, OTHER_KEYS

REPLICA = r"[^ ]+:[0-9]+"


@dataclass(frozen=True)
class Fleet:
    """Starts servers that share all, unless a start says otherwise."""

    folder: Path
    redis: int
    postgres: Postgres
    namespace: str = field(default_factory=fresh_namespace)
    database: str = ""

    @contextmanager
    def server(self, name: str, **other: Any) -> Iterator[ConnectorProcess]:
        (self.folder / name).mkdir(exist_ok=True)
        config, environment = self._described(**other)
        with connector_process(self.folder / name, config, environment) as process:
            yield process

    async def refusal(self, **other: Any) -> str:
        """Return the line by which a start is refused."""
        ended = await self.start(**other)
        (line,) = [line for line in ended.err.splitlines() if ": the replica " in line]
        # Two that have another store may have found two masters, of which one is going.
        expected = EXIT_NOT_NOW if "has another store" in line else EXIT_CONFIGURATION
        assert (ended.exit_code, "Traceback" in ended.err) == (expected, False)
        return line.strip(" -")

    async def start(self, **other: Any) -> Ended:
        folder = self.folder / "refused"
        folder.mkdir()
        config, environment = self._described(**other)
        (folder / "config.toml").write_text(f'{config}\n[server]\nport = 0\n[metrics]\nport = 0\n[logs]\nlevel = "error"\n')
        return await connector("serve", folder=folder, environ=environment)

    def _described(
        self,
        *,
        keys: dict[str, str] = KEYS,
        namespace: str = "",
        number: int = 0,
        connector: str = "tracker",
        ledger: str = "postgres",
        database: str = "",
    ) -> tuple[str, dict[str, str]]:
        """Return the configuration and the environment of a server."""
        config = (
            f'[connector]\nname = "{connector}"\n[storage]\ndrivers = ["memory", "shared"]\n'
            f'[storage.shared]\ndriver = "aiocache"\nbackend = "redis"\nport = {self.redis}\ndatabase = {number}\n'
            f'namespace = "{namespace or self.namespace}"\n[ledger]\n'
        )
        if ledger == "sqlite":
            return f"{config}store = 'sqlite'\n", keys
        dsn = self.postgres.dsn(database or self.database)
        return f'{config}store = "postgres"\ndsn_env = "LEDGER_DSN"\n', {"LEDGER_DSN": dsn, **keys}


@pytest.fixture
def fleet(tmp_path: Path, redis: RealServer, postgres: Postgres) -> Fleet:
    return Fleet(tmp_path, redis.port, postgres, database=postgres.new_database())


async def readiness(server: ConnectorProcess) -> dict[str, Any]:
    async with OpsHub(server.url) as opshub:
        body: dict[str, Any] = (await opshub.call("/health/ready")).body
        return body


OTHERS = {
    "keys": ({"keys": OTHER_KEYS}, "ledger.key_file: .+ has other keys: one of both cannot read what the other one writes; .+"),
    "a promoted key": (
        {"keys": BOTH_KEYS},
        "ledger.key_file: .+ has other keys: .+ a new one to all replicas before any writes .+",
    ),
    "namespace": ({"namespace": "elsewhere"}, "storage.shared: .+ shares the ledger, and has another store; .+"),
    "database number": ({"number": 3}, "storage.shared: .+ shares the ledger, and has another store; .+ database number .+"),
    "connector": (
        {"connector": "other"},
        "connector.name: .+ shares the ledger or the store, and is of the connector 'tracker'; .+",
    ),
    "a ledger of its own": ({"ledger": "sqlite"}, "ledger.store: .+ shares storage.shared, and has another ledger; .+"),
}


@pytest.mark.parametrize(("other", "said"), OTHERS.values(), ids=OTHERS)
async def test_a_server_that_does_not_share_what_it_has_to_is_refused_in_one_line(
    fleet: Fleet, other: dict[str, Any], said: str
) -> None:
    with fleet.server("one") as one:
        line = await fleet.refusal(**other)
        status = (await readiness(one))["status"]

    assert re.fullmatch(said.replace(": .+ ", f": the replica {REPLICA} ", 1), line), line
    assert status == "ready"


async def test_a_server_with_another_database_beside_the_same_store_is_refused(fleet: Fleet, postgres: Postgres) -> None:
    with fleet.server("one"):
        line = await fleet.refusal(database=postgres.new_database())

    assert "shares storage.shared, and has another ledger" in line


async def test_two_servers_with_ledgers_of_their_own_and_one_store_are_refused(fleet: Fleet) -> None:
    with fleet.server("one", ledger="sqlite"):
        line = await fleet.refusal(ledger="sqlite")

    assert 'replicas need one ledger ("postgres"); another connector needs a storage namespace of its own' in line


async def test_connectors_with_namespaces_and_ledgers_of_their_own_use_one_redis(fleet: Fleet) -> None:
    another = {"connector": "other", "namespace": f"{fleet.namespace}-other"}
    with fleet.server("one", ledger="sqlite"), fleet.server("other", ledger="sqlite", **another) as other:
        log = other.log.read_text()

    assert "looking whether it is still there" not in log


async def test_a_server_that_was_killed_is_nobody_even_if_its_successor_differs(fleet: Fleet) -> None:
    with fleet.server("one", ledger="sqlite", connector="old"):
        pass
    with fleet.server("two", ledger="sqlite", connector="new") as server:
        found = await readiness(server)

    assert (found["status"], found["replicas"]) == ("ready", [])


async def test_a_server_that_was_killed_starts_again_without_a_wait(fleet: Fleet) -> None:
    with fleet.server("one"):
        pass
    with fleet.server("one") as server:
        log = server.log.read_text()

    assert "looking whether it is still there" not in log


async def test_a_replica_that_was_paused_while_a_stranger_came_makes_both_unready(fleet: Fleet) -> None:
    with fleet.server("one", ledger="sqlite") as one:
        one.process.send_signal(signal.SIGSTOP)
        with fleet.server("other", ledger="sqlite") as other:
            one.process.send_signal(signal.SIGCONT)
            said = [await server.logged("another replica does not share what it has to") for server in (one, other)]
            found = [await readiness(server) for server in (one, other)]
        await one.logged("all replicas that are there share what they have to")
        afterwards = await readiness(one)

    assert all("shares storage.shared, and has another ledger" in line["reason"] for line in said)
    assert [(each["status"], each["replicas"]) for each in found] == [("unavailable", [line["reason"]]) for line in said]
    assert (afterwards["status"], afterwards["replicas"]) == ("ready", [])
