"""The HTTP edge on a free loopback port, with the real orchestrator over scripted parts; as a process of its own, too."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web

from connector.api.parser import IDLE, guarded_runner
from connector.api.routes import add_routes
from connector.config.settings import LogsSection, ServerDeadlines, ServerSection, Settings
from connector.endsystems.end_system import SessionLogin
from connector.model.outcomes import LogoutOutcome
from connector.runtime.event_loop import loop_factory
from connector.telemetry.logs import configure_logs
from tests.assembly import a_ledger, served
from tests.doubles import ACKNOWLEDGED, ScriptedDriver, ScriptedEndSystem
from tests.processes import resident_kilobytes

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
"""Seconds that a test waits at most for something that is certain to come."""
SHORT = 0.05
"""Seconds for a body to arrive, in a server whose deadline is to pass."""


@dataclass
class Edge:
    """What stands behind the server, and where it listens."""

    settings: Settings = field(default_factory=Settings)
    end_system: ScriptedEndSystem = field(default_factory=ScriptedEndSystem)
    drivers: Sequence[ScriptedDriver] = ()
    idle: float = IDLE
    port: int = 0
    runner: web.AppRunner | None = None
    folder: "TemporaryDirectory[str]" = field(default_factory=TemporaryDirectory)

    def __post_init__(self) -> None:
        self.drivers = self.drivers or [ScriptedDriver(name, ScriptedDriver.Settings()) for name in ("near", "authority")]
        self.ledger = a_ledger(Path(self.folder.name))
        parts = served(self.end_system, self.drivers, self.ledger)
        self.orchestrator = parts.orchestrator
        self.app = web.Application()
        add_routes(self.app, self.settings, parts)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class ForgetfulEndSystem(ScriptedEndSystem):
    """Acknowledges every logout, and remembers none: for those who look at the memory of the server."""

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        return ACKNOWLEDGED


def edge_with_deadline(body: float, end_system: ScriptedEndSystem | None = None) -> Edge:
    """Return an edge that waits so many seconds for a body."""
    settings = Settings(server=ServerSection(deadlines=ServerDeadlines(body=body)))
    return Edge(settings, end_system or ScriptedEndSystem())


@asynccontextmanager
async def serving(edge: Edge | None = None) -> AsyncIterator[Edge]:
    """Serve `edge` for as long as the context is open."""
    edge = edge or Edge()
    runner = edge.runner = guarded_runner(edge.app, edge.settings.server, idle=edge.idle)
    with edge.folder:
        async with edge.ledger.opened():
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                edge.port = runner.addresses[0][1]
                yield edge
            finally:
                await runner.cleanup()


@dataclass(frozen=True, slots=True)
class EdgeProcess:
    """The edge in a process of its own."""

    port: int
    pid: int

    def resident_kilobytes(self) -> int:
        """Memory that the process holds at this moment."""
        return resident_kilobytes(self.pid)


@contextmanager
def edge_process(log: Path, environment: Mapping[str, str] | None = None, *, body: float = PATIENCE) -> Iterator[EdgeProcess]:
    """Serve the edge in a process of its own, on the event loop of a server, with its log as JSON in `log`.

    It waits `body` seconds for a body.
    """
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "tests.api.serving", str(body)],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            yield EdgeProcess(int(process.stdout.readline()), process.pid)
        finally:
            process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


async def _serve_until_input_ends(body: float) -> None:
    async with serving(edge_with_deadline(body, ForgetfulEndSystem())) as edge:
        print(edge.port, flush=True)  # noqa: T201 - whoever started this process reads it
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    configure_logs(LogsSection(format="json"))
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve_until_input_ends(float(sys.argv[1])))
