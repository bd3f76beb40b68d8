"""A system, the line to it, and the connector before it: what the phases of a drill are made of."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.cli.command import connector, surroundings
from tests.e2e.connector_process import ConnectorProcess, started
from tests.e2e.opshub import Answer, OpsHub
from tests.endsystems.real_systems.line import Line
from tests.endsystems.real_systems.running import running
from tests.endsystems.real_systems.system import RealSystem
from tests.ports import HOST, free_port

WITHIN = 60.0
"""Seconds until what is owed has to be done."""
LOOK_EVERY = 0.1
ON_FREE_PORTS = '[server]\nport = 0\n[logs]\nformat = "json"\n[metrics]\nport = 0\n'
IDS = {"systemId": "S", "cleanupGlobalCache": "false"}


@dataclass(frozen=True, slots=True)
class Session:
    """An open session, and the request that its login was used with."""

    id: str
    headers: dict[str, str]
    used: bytes = b""


@dataclass(frozen=True, slots=True)
class Stage:
    """A running system, and the line that leads to it."""

    system: RealSystem
    line: Line
    url: str
    """Where the line begins."""

    @asynccontextmanager
    async def connector(self, folder: Path) -> AsyncIterator["Connector"]:
        """Run a connector with the bundled profile; what it keeps is in `folder`, for the next one too."""
        (folder / "config.toml").write_text(self.system.section(self.url) + ON_FREE_PORTS)
        command = (sys.executable, "-m", "tests.endsystems.real_systems.calls")
        with started(command, folder, surroundings({"USE": self.system.use})) as server:
            async with OpsHub(server.url) as opshub:
                yield Connector(self, server, opshub, folder)

    async def is_alive(self, session: Session) -> bool:
        """Use the login of a session without the connector. Raises if the system is broken."""
        answer = await self.line.ask(session.used)
        status = int(answer.split(b" ", 2)[1])
        if status >= 500:
            raise RuntimeError(f"{self.system.name} answered {status}")
        return status == 200 and self.system.alive.encode() in answer

    async def is_dead(self, session: Session) -> None:
        """Wait until the login of a session has ended."""
        async with asyncio.timeout(WITHIN):
            while await self.is_alive(session):  # noqa: ASYNC110 - another process ends it
                await asyncio.sleep(LOOK_EVERY)


@dataclass(frozen=True, slots=True)
class Connector:
    """A running connector, seen from OpsHub."""

    stage: Stage
    process: ConnectorProcess
    opshub: OpsHub
    folder: Path

    async def open(self) -> Session:
        """Open a session and use its login."""
        session = str(uuid4())
        answer = await self.opshub.initialize(session, self.stage.system.entered, query={"systemId": "S"})
        assert answer.status == 200, answer.text
        opened = Session(session, answer.session_headers, used=self.stage.line.requests[-1])
        return await self.use(opened)

    async def use(self, session: Session) -> Session:
        """Use the login through an author's call, and keep how it was used."""
        if not self.stage.system.use:
            return session
        answer = await self.opshub.call("/use", session.headers)
        assert answer.status == 200, answer.text
        assert answer.body["status"] == 200, answer.text
        assert self.stage.system.alive in answer.body["text"], answer.text
        return Session(session.id, session.headers, self.stage.line.requests[-1])

    async def cleanup(self, session: Session) -> Answer:
        """End a session: every cleanup is answered 200."""
        answer = await self.opshub.cleanup(session.id, session.headers, IDS)
        assert answer.status == 200, answer.text
        return answer

    async def owes_nothing(self) -> None:
        """Wait until nothing is owed."""
        async with asyncio.timeout(WITHIN):
            while (await connector("owed", "list", "--json", folder=self.folder)).json:  # noqa: ASYNC110 - as above
                await asyncio.sleep(LOOK_EVERY)


@asynccontextmanager
async def staged(system: RealSystem) -> AsyncIterator[Stage]:
    """Start an installed system, and lay the line to it."""
    public = free_port()
    with running(system, f"http://{HOST}:{public}") as target:
        line = Line(target)
        async with await asyncio.start_server(line.accept, HOST, public):
            try:
                yield Stage(system, line, f"http://{HOST}:{public}")
            finally:
                await line.end()
