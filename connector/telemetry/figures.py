"""Metrics of the stores and the sessions, read from memory at each scrape."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence, Sized

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connector.cache.storage import Storage
from connector.model.errors import LedgerUnavailable
from connector.model.seat_pools import HeldSeats, Pool
from connector.telemetry.metrics import LEDGER_INTERVAL, LEDGER_PATIENCE


class StoreFigures(Collector):
    """Figures by driver; its name is the configuration's."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def collect(self) -> Iterator[Metric]:
        """Yield the figures, as the registry wants them."""
        up = GaugeMetricFamily("connector_driver_up", "1 while the store serves, else 0", labels=["driver"])
        hits = CounterMetricFamily("connector_cache_hits", "Reads of cached values that found one", labels=["driver"])
        misses = CounterMetricFamily("connector_cache_misses", "Reads of cached values that found none", labels=["driver"])
        for name, reads in self._storage.reads.items():
            up.add_metric([name], float(self._storage.watch.is_up(name)))
            hits.add_metric([name], reads.hits)
            misses.add_metric([name], reads.misses)
        yield from (up, hits, misses, *self._held())

    def _held(self) -> Iterator[Metric]:
        entries = GaugeMetricFamily("connector_cache_entries", "Entries in the store, evicted ones too", labels=["driver"])
        room = GaugeMetricFamily("connector_cache_bytes", "Room that the store takes", labels=["driver"])
        for name, holding in self._storage.watch.holdings.items():
            if holding is not None and holding.entries is not None:
                entries.add_metric([name], holding.entries)
            if holding is not None and holding.bytes is not None:
                room.add_metric([name], holding.bytes)
        yield from (entries, room)


class SessionFigures(Collector):
    """How many sessions are open."""

    def __init__(self, open_sessions: Sized) -> None:
        self._open_sessions = open_sessions

    def collect(self) -> Iterator[Metric]:
        """Yield the figure, as the registry wants it."""
        meaning = "Sessions that were opened here and not closed since"
        yield GaugeMetricFamily("connector_open_sessions", meaning, len(self._open_sessions))


class SeatFigures(Collector):
    """How many seats are held, by what, and waited for: of all pools together, because a pool may be a user's."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        """`waiting` tells how many wait for a seat."""
        self._waiting = waiting
        self._pools: Sequence[Pool] | None = None

    async def watch(self, pools: Callable[[], Awaitable[Sequence[Pool]]]) -> None:
        """Ask the ledger for ever which seats are held."""
        while True:
            await self.ask(pools)
            await asyncio.sleep(LEDGER_INTERVAL)

    async def ask(self, pools: Callable[[], Awaitable[Sequence[Pool]]]) -> None:
        """Ask the ledger once. While it does not answer, nothing is told of what is held."""
        try:
            async with asyncio.timeout(LEDGER_PATIENCE):
                self._pools = await pools()
        except (TimeoutError, LedgerUnavailable):  # which `LedgerGauges` tells
            self._pools = None

    def collect(self) -> Iterator[Metric]:
        """Yield the figures, as the registry wants them."""
        yield GaugeMetricFamily("connector_seats_waited_for", "Initializes that wait for a seat", self._waiting())
        if self._pools is None:
            return
        held = GaugeMetricFamily("connector_seats_held", "Seats of the end system that are held, by what", labels=["by"])
        for what in HeldSeats().by_what:
            held.add_metric([what.replace(" ", "_")], sum(pool.held.by_what[what] for pool in self._pools))
        yield held


class DoubtFigures(Collector):
    """At how many end systems most recent logouts are doubtful. Which ones, `connector status` says."""

    def __init__(self, doubted: Callable[[], Sized]) -> None:
        self._doubted = doubted

    def collect(self) -> Iterator[Metric]:
        """Yield the figure, as the registry wants it."""
        meaning = "End systems most of whose recent logouts found no session although nothing shows that it had ended"
        yield GaugeMetricFamily("connector_doubted_end_systems", meaning, len(self._doubted()))
