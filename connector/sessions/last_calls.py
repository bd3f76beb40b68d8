"""The last calls of sessions that were ended: each process of a fleet tells the others when it has none any more."""

import asyncio
from collections.abc import Callable, Collection, Hashable, Mapping
from contextlib import suppress
from time import monotonic

from connector.ledger.bookkeeping import DEADLINE, in_time
from connector.ledger.port import SharedSessions
from connector.model.errors import LedgerUnavailable
from connector.runtime.deadline import within

BOUND = 2 * DEADLINE
"""Seconds that a logout waits for calls at most: no call, and no process that does not answer, keeps a login for longer.

Until then no retry takes it, because who waits has claimed it.
"""
ASK_EVERY = 0.5
"""Seconds between two questions how often the others have looked."""
ENOUGH = 2
"""Looks after which an owner is sure: the one before may have begun before the end was there to be found."""


class LastCalls:
    """Tells others of this process's calls, and waits for those of others."""

    def __init__(self, ledger: SharedSessions, now: Callable[[], float] = monotonic) -> None:
        """`now` is in seconds, and never set."""
        self._ledger = ledger
        self._now = now
        self._since: dict[tuple[str, str], float] = {}
        """Since when a look finds calls of a login that was ended, by the ids of the session and the login."""

    def looked(self, still_used: Collection[tuple[str, str]]) -> None:
        """Note the logins that a look has found ended while calls of them run here. It counts once these calls are over."""
        now = self._now()
        self._since = {login: self._since.get(login, now) for login in still_used}
        if all(since + BOUND <= now for since in self._since.values()):
            self._ledger.has_looked()

    async def over(self) -> None:
        """Wait until no call of a login runs in any process that is there, or for `BOUND` seconds.

        To be called after the end of the login is durable and evicted: a call that begins now is turned away.
        """
        with suppress(TimeoutError):
            await within(BOUND, self._all_have_looked())

    async def _all_have_looked(self) -> None:
        before = now = await self._looks()
        while now is None or before is None or _any_may_not_know(before, now):
            await asyncio.sleep(ASK_EVERY)
            now = await self._looks()
            before = before or now

    async def _looks(self) -> Mapping[Hashable, int] | None:
        with suppress(LedgerUnavailable):
            return await in_time(self._ledger.looks())
        return None


def _any_may_not_know(before: Mapping[Hashable, int], now: Mapping[Hashable, int]) -> bool:
    return any(looks < before[owner] + ENOUGH for owner, looks in now.items() if owner in before)
