"""What sessions and systems have cached, seen through the same drivers that a server uses."""

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from connector.preflight.drivers import build_drivers
from connector.preflight.loading import load
from drivers import Driver, Entry, Scope
from drivers.memory import MemoryDriver


@dataclass(frozen=True, slots=True)
class Shelf:
    """Open drivers, nearest first, the authority last. Whatever is put is put into all of them."""

    drivers: tuple[Driver, ...]

    KEY: ClassVar[str] = "projects"
    LIFE: ClassVar[float] = 600

    async def put(self, *scopes: Scope) -> None:
        """Cache something for each scope, as a reader that has loaded it does."""
        *near, authority = self.drivers
        for scope in scopes:
            entry = Entry(b"loaded from the end system", await authority.stamp(scope), time.time() + self.LIFE)
            if not await authority.put_if_current(scope, self.KEY, entry):
                raise RuntimeError(f"{scope} was evicted in the meantime")
            for driver in near:
                await driver.put(scope, self.KEY, entry)

    async def served(self, scope: Scope) -> dict[str, bool]:
        """By driver name: whether it still hands out what was put for this scope."""
        return {driver.name: await driver.get(scope, self.KEY) is not None for driver in self.drivers}


@asynccontextmanager
async def shelf(config: Path, environment: Mapping[str, str]) -> AsyncIterator[Shelf]:
    """Open the drivers of a configuration beside the server, save those in its memory, where nobody else can look."""
    configured = build_drivers(load(config, {**os.environ, **environment}).settings.storage)
    shared = tuple(driver for driver in configured if not isinstance(driver, MemoryDriver))
    async with AsyncExitStack() as stack:
        for driver in shared:
            stack.push_async_callback(driver.aclose)
            await driver.open()
        yield Shelf(shared)
