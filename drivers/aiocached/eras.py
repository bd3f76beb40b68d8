"""Which server a pool's connections lead to, although an address may move at any moment."""

from collections.abc import Awaitable, Callable

NEVER = -1
"""The era of a connection that was never made."""


class Eras:
    """In one era, all connections lead to one server. It ends when they may lead to another one from now on."""

    def __init__(self) -> None:
        self.now = 0
        """The number of the present one."""
        self._server: str | bytes = ""
        """The one that a connection has reached last; empty before the first."""
        self._is_clean = True
        """Whether nothing is there that was evicted elsewhere."""

    def end(self) -> None:
        """Begin another one: the server does not serve, or is no longer the one to use."""
        self.now += 1

    def reached(self, server: str | bytes) -> bool:
        """Note which server a new connection has reached, and tell whether that has begun an era: it is another one."""
        is_another = bool(self._server) and self._server != server
        self._server = server
        if is_another:
            # At once, so that no eviction goes to the former one alone while this one is used.
            self._is_clean = False
            self.end()
        return is_another

    async def clean(self, era: int, invalidate: Callable[[], Awaitable[object]]) -> None:
        """Make everything there unreachable if it is another server than before: it may have missed evictions since it was used.

        Each new connection does so, before it is used, until one of the present era has done it: none waits for another one.
        """
        if not self._is_clean:
            await invalidate()
            self._is_clean |= era == self.now

    async def done_where_it_counts(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do the work, and again if an era has ended meanwhile: what is done at the former server may be missing at the next."""
        era = NEVER
        while era != self.now:
            era = self.now
            await work()
