"""Servers that share one ledger in PostgreSQL and one Redis, each a process of its own as it is started."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cli.command import Ended, connector
from tests.e2e.connector_process import ConnectorProcess, connector_process
from tests.e2e.opshub import Answer, OpsHub
from tests.sessions.desk import settings

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


async def opened(server: ConnectorProcess, session: str) -> Answer:
    async with OpsHub(server.url) as opshub:
        answer = await opshub.initialize(session, settings(), query=SYSTEM)
    assert answer.status == 200, answer.text
    return answer


async def cleaned_up(server: ConnectorProcess, session: str, headers: dict[str, str]) -> Answer:
    async with OpsHub(server.url) as opshub:
        return await opshub.cleanup(session, headers, SYSTEM)
