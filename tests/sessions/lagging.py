"""A driver whose first eviction waits until a test lets it go on. Named in a configuration by its dotted path."""

import asyncio
from typing import ClassVar

from drivers import DriverSettings, Scope
from drivers.memory import MemoryDriver


class LaggingDriver(MemoryDriver):
    """A memory driver that a test has by the name that it has in the configuration."""

    Settings = DriverSettings
    by_name: ClassVar[dict[str, "LaggingDriver"]] = {}

    def __init__(self, name: str, settings: DriverSettings) -> None:
        super().__init__(name, MemoryDriver.Settings())
        self.by_name[name] = self
        self.asked = asyncio.Event()
        self.release = asyncio.Event()

    async def evict(self, *scopes: Scope) -> None:
        if not self.asked.is_set():
            self.asked.set()
            await self.release.wait()
        await super().evict(*scopes)
