"""How late the machine itself is: the kernel counts for how long the processes of a fleet wait for a processor."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.life.calls import now

EVERY = 0.25
"""Seconds between two looks."""
NANOSECONDS = 1e9


@dataclass(slots=True)
class Lateness:
    """For how long the process that waited longest had to wait, look by look."""

    processes: Callable[[], Iterable[int]] = tuple
    """Returns the ids of the processes that count."""
    waited: list[tuple[float, float]] = field(default_factory=list)
    """When somebody looked, and the seconds that a process had waited for a processor since the look before."""
    _before: dict[int, float] = field(default_factory=dict)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look again and again while the context is open."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()

    def between(self, since: float, until: float) -> float:
        """Return the seconds of waiting between two moments."""
        return sum(seconds for moment, seconds in self.waited if since <= moment <= until + EVERY)

    async def _watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(EVERY)

    def look(self) -> None:
        """Note who has waited since the last look."""
        found = {process: waited for process in self.processes() if (waited := _waited(process)) is not None}
        longest = max((waited - self._before.get(process, waited) for process, waited in found.items()), default=0.0)
        self.waited.append((now(), longest))
        self._before = found


def _waited(process: int) -> float | None:
    """Return for how many seconds the main thread of a process has waited for a processor so far; None if it is gone."""
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / NANOSECONDS
    return None
