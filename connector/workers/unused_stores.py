"""The worker that strikes out the evictions that are owed to stores that nobody uses any more."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Protocol

import structlog

from connector.cache.storage import Storage
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.port import OwedEvictionRecords, ShownKeys
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from connector.model.peers import use_one_store
from connector.workers.owed_evictions import owed_slices
from drivers import DriverError

log = structlog.get_logger(__name__)

PAUSE = 1.0
"""Seconds after a look that has struck out something. If a duplicate cleanup came meanwhile, its row owes it still."""
LOOK_EVERY = 60.0
"""Seconds after any other look. A replica with an older configuration may have owed more, or a missing key may be back."""


class EvictionsOfOwners(OwedEvictionRecords, ShownKeys, Protocol):
    """What is owed, and by whom it may be."""


class UnusedStores:
    """Strikes out what is owed to stores that are not configured, here or in any other process on the ledger.

    Nothing is served from them. If one is configured again, then either as a local cache, whose stamps the authority judges, or
    as the authority: what it holds is invalidated then.
    """

    def __init__(self, ledger: EvictionsOfOwners, storage: Storage, books: Bookkeeping) -> None:
        self._ledger = ledger
        self._storage = storage
        self._books = books

    async def run(self) -> None:
        """Look for ever."""
        while True:
            has_struck = await self.look()
            await asyncio.sleep(PAUSE if has_struck else LOOK_EVERY)

    async def look(self) -> bool:
        """Strike out once what is owed by now. Return whether that was anything; not if it ended early."""
        struck = Counter[str]()
        try:
            async for debts in owed_slices(self._ledger, None):
                if owing := self._owing(debts):
                    if not (await self._may_strike_out() and await self._strike_out(owing)):
                        return False
                    struck.update(store for _, stores in owing for store in stores)
        except (TimeoutError, DriverError, LedgerUnavailable) as problem:
            log.debug("evictions that unused stores owe are put off", reason=str(problem) or "late")
            return False
        finally:
            for store, number in struck.items():
                log.info("a store that is not configured owes no evictions any more", store=store, debts=number)
        return bool(struck)

    def _owing(self, debts: Sequence[Debt]) -> list[tuple[Debt, Collection[str]]]:
        """Return the debts that owe an eviction from stores that are not configured here, with the names of these."""
        names = {driver.name for driver in self._storage.drivers}
        return [(debt, stores) for debt in debts if (stores := debt.evictions.keys() - names)]

    async def _may_strike_out(self) -> bool:
        """Tell whether every owner of the ledger uses this authority. One with another may use what is not configured here.

        Asked after the debts were read: whoever has recorded one of them is there, or is gone and has to start again. To start
        with another authority than the ledger knows invalidates everything. So the ledger has to know the one of this process.
        """
        owners = await self._ledger.owners()
        if len(owners) > 1 and not use_one_store(about for _, about in owners):
            return False
        if owners:  # a start with another authority may have come after this one's
            await self._ledger.serve_from(self._storage.authority_as_configured, starts=False)
        return True

    async def _strike_out(self, owing: Sequence[tuple[Debt, Collection[str]]]) -> bool:
        """Do so in as few transactions as possible, and tell whether the ledger could take it.

        A store may be known by another name here. So what is owed is evicted first. From any other store, it does no harm.
        """
        scopes = {scope for debt, stores in owing for store in stores for scope in debt.evictions[store]}
        async with asyncio.timeout(self._storage.deadlines.evict):
            await self._storage.evict(self._storage.authority, [*scopes])
        async with asyncio.TaskGroup() as settling:
            tasks = [settling.create_task(self._books.settle(debt, outcome=None, evicted=[*stores])) for debt, stores in owing]
        return all(task.result() for task in tasks)
