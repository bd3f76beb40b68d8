"""Another process on the same cache file: it does what it is told, line by line, and answers each line once it is done.

python -m tests.drivers.sqlite_peer PATH
"""

import asyncio
import resource
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from drivers import DriverError, SessionScope, SystemScope
from drivers.sqlite import SqliteDriver
from drivers.testing.subject import current, keep
from tests.hog import allow_few_descriptors, take_all_descriptors


class Peer:
    """The commands; each word of a line after the first is an argument."""

    def __init__(self, driver: SqliteDriver) -> None:
        self.driver = driver

    async def keep(self, session: str, size: str) -> str:
        await keep(self.driver, SessionScope(session, "A"), "key", b"x" * int(size))
        return "kept"

    async def find(self, session: str) -> str:
        value = await current(self.driver, SessionScope(session, "A"), "key")
        return "missing" if value is None else str(len(value))

    async def evict(self, session: str) -> str:
        await self.driver.evict(SessionScope(session))
        return "evicted"

    async def evict_system(self) -> str:
        await self.driver.evict(SystemScope("A"))
        return "evicted"

    async def keep_and_evict(self, first: str, last: str) -> str:
        """Report the old stamp of each session on a line of its own, as soon as its eviction was acknowledged."""
        for number in range(int(first), int(last)):
            await self.keep(str(number), "100")
            old = await self.driver.stamp(SessionScope(str(number), "A"))
            await self.evict(str(number))
            sys.stdout.write(f"{number} {old.hex()}\n")
            sys.stdout.flush()
        return "done"

    async def limit_file_size(self, size: str) -> str:
        """Have the system refuse all writes beyond `size` bytes of any file, as a full disk would; -1 lifts the limit."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return "limited"

    async def take_all_descriptors(self) -> str:
        """Leave this process no descriptor."""
        return f"took {len(take_all_descriptors())}"


async def serve(path: Path) -> None:
    driver = SqliteDriver("peer", SqliteDriver.Settings(path=path))
    await driver.open()
    peer = Peer(driver)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            name, *arguments = line.split()
            command: Callable[..., Awaitable[str]] = getattr(peer, name)
            try:
                answer = await command(*arguments)
            except DriverError as problem:
                answer = f"{type(problem).__name__}: {problem}"
            sys.stdout.write(answer + "\n")
            sys.stdout.flush()
    finally:
        await driver.aclose()


if __name__ == "__main__":
    allow_few_descriptors()
    asyncio.run(serve(Path(sys.argv[1])))
