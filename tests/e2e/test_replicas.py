"""Two servers, each a process of its own as it is started, with one ledger in PostgreSQL and one Redis."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.cli.command import Ended, connector
from tests.drivers.stores import fresh_namespace
from tests.e2e.connector_process import WITHIN, ConnectorProcess, connector_process
from tests.e2e.opshub import Answer, OpsHub
from tests.postgres import PASSWORD, Postgres
from tests.servers import RealServer
from tests.sessions.desk import Desk, settings
from tests.sessions.served import KEYS

SYSTEM = {"systemId": "jira-prod", "cleanupGlobalCache": "true"}
CONFIG = """
[storage]
drivers = ["memory", "shared"]
[storage.shared]
driver = "aiocache"
backend = "redis"
port = {redis}
namespace = "{namespace}"
[ledger]
store = "postgres"
dsn_env = "LEDGER_DSN"
"""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Starts servers of one connector."""

    folder: Path
    config: str
    environment: dict[str, str]

    @contextmanager
    def server(self, name: str) -> Iterator[ConnectorProcess]:
        (self.folder / name).mkdir()
        with connector_process(self.folder / name, self.config, self.environment) as process:
            yield process

    async def command(self, *arguments: str, of: str) -> Ended:
        """Run `connector` in the folder of a server."""
        return await connector(*arguments, folder=self.folder / of, environ=self.environment)


@pytest.fixture
def fleet(tmp_path: Path, redis: RealServer, postgres: Postgres, bouncer: RealServer, desk: Desk) -> Fleet:
    """What starts servers. They reach the database by PgBouncer."""
    dsn = postgres.dsn(postgres.new_database(), port=bouncer.port)
    config = desk.section + CONFIG.format(redis=redis.port, namespace=fresh_namespace())
    return Fleet(tmp_path, config, {"LEDGER_DSN": dsn, **KEYS})


async def opened(server: ConnectorProcess, session: str) -> Answer:
    async with OpsHub(server.url) as opshub:
        answer = await opshub.initialize(session, settings(), query=SYSTEM)
    assert answer.status == 200, answer.text
    return answer


async def cleaned_up(server: ConnectorProcess, session: str, headers: dict[str, str]) -> Answer:
    async with OpsHub(server.url) as opshub:
        return await opshub.cleanup(session, headers, SYSTEM)


async def test_a_session_of_a_server_that_was_killed_is_ended_by_another_one(fleet: Fleet, desk: Desk, session: str) -> None:
    with fleet.server("one") as one, fleet.server("other") as other:
        headers = (await opened(one, session)).session_headers
        one.process.kill()
        one.process.wait(WITHIN)

        answer = await cleaned_up(other, session, headers)

    assert (answer.status, answer.body["logout"]["outcome"]) == (200, "acknowledged")
    assert desk.alive == set()


async def test_what_a_killed_server_owed_is_ended_by_another_one(fleet: Fleet, desk: Desk, session: str) -> None:
    with fleet.server("one") as one, fleet.server("other"):
        headers = (await opened(one, session)).session_headers
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        answer = await cleaned_up(one, session, headers)
        one.process.kill()
        one.process.wait(WITHIN)
        desk.status = HTTPStatus.OK

        await desk.ended.get()

    assert (answer.status, answer.body["logout"]["outcome"]) == (200, "pending")
    assert desk.alive == set()


async def test_a_login_under_way_at_a_server_that_was_killed_is_unknown_everywhere(
    fleet: Fleet, desk: Desk, session: str
) -> None:
    with fleet.server("one") as one, fleet.server("other") as other:
        desk.answering.clear()
        asking = asyncio.create_task(opened(one, session))
        await desk.logging_in.get()
        one.process.kill()
        await asyncio.wait([asking])

        while not (await fleet.command("status", "--json", of="other")).json["ledger"]["unknown"]:
            assert other.process.poll() is None


async def test_a_server_that_is_down_shows_what_all_of_them_know(fleet: Fleet, session: str) -> None:
    with fleet.server("one"), fleet.server("other") as other:
        pass
    with fleet.server("third") as third:
        await opened(third, session)
        live = await fleet.command("sessions", "list", "--json", of="third")
        down = await fleet.command("sessions", "list", "--json", of="one")
        status = await fleet.command("status", of="one")

    assert [row["session"] for row in down.json] == [row["session"] for row in live.json] == [session]
    assert "reading the ledger that it shares with others, 127.0.0.1:" in down.err
    assert (status.exit_code, "open sessions\t1" in status.out.splitlines()) == (69, True)
    assert PASSWORD not in status.out + status.err + down.err + other.log.read_text()
