"""Where the end system of the life of sessions is reached, unless it is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from aiohttp import web

from tests.ports import free_port
from tests.torture.life.calls import now
from tests.torture.life.end_system import EndSystem, Regime


class Listening:
    """The end system on a loopback port, which can be closed and opened again."""

    def __init__(self, system: EndSystem, runner: web.AppRunner) -> None:
        self.system = system
        self.port = free_port()
        self._runner = runner
        self.closed: list[float] = []
        """When it went away."""
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def behave(self, regime: Regime) -> None:
        """Behave like this from now on; where it is away, nobody listens."""
        self.system.regime = regime
        if regime is Regime.AWAY:
            await self.close()
        else:
            await self.open()

    async def open(self) -> None:
        """Listen, on the same port every time. Twice is fine."""
        if self._site is None:
            self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024, reuse_address=True)
            await self._site.start()

    async def close(self) -> None:
        """Take no more connections; what has begun goes on. Twice is fine."""
        if self._site is not None:
            site, self._site = self._site, None
            self.closed.append(now())
            await site.stop()


@asynccontextmanager
async def listening(random: Random) -> AsyncIterator[Listening]:
    """Run an end system on a free loopback port."""
    system, application = EndSystem(random), web.Application()
    application.router.add_routes(system.routes())
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        place = Listening(system, runner)
        await place.open()
        yield place
    finally:
        await runner.cleanup()
