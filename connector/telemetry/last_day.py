"""What this server did in the last day, minute by minute, for charts. It is kept in memory, and begins anew with each start."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import msgspec

from connector.telemetry.metrics import Metrics

INTERVAL = 60.0
"""Seconds between two points."""
KEPT = 24 * 60
"""Points: a day."""
INITIALIZES, CLEANUPS, LOGOUTS = "connector_initializes_total", "connector_cleanups_total", "connector_logouts_total"
CLEANUPS_TOOK, LOGOUTS_TOOK = "connector_cleanup_duration_seconds_bucket", "connector_logout_duration_seconds_bucket"
_BY = {INITIALIZES: "outcome", CLEANUPS: "status", LOGOUTS: "outcome", CLEANUPS_TOOK: "le", LOGOUTS_TOOK: "le"}
"""By which of its labels each sample is counted; those that differ only in others are added up."""


class Took(msgspec.Struct, frozen=True):
    """How long something took, in seconds, as exactly as the buckets of its histogram tell."""

    p50: float
    """Half of them took no longer."""
    p99: float


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What was done in one minute. What did not happen is left out."""

    at: float
    """Its end, in seconds since the epoch."""
    seconds: float
    """How long it was: more than a minute if the server was stopped meanwhile."""
    initializes: dict[str, int]
    """How many, by what became of them, as in `connector_initializes_total`."""
    cleanups: dict[str, int]
    """How many, by the HTTP status of the answer."""
    logouts: dict[str, int]
    """How many tries, first ones and later ones, by what became of them."""
    cleanup_took: Took | None
    """None if there was none that ran."""
    logout_took: Took | None
    """How long one try took; None if there was none."""


class LastDay:
    """Keeps a point for each minute. It reads what the metrics count anyway, so that no call has anything more to do."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._clock = clock
        self._points: deque[Point] = deque(maxlen=KEPT)
        self._last, self._began = self._counted(), time.monotonic()

    async def run(self, every: float = INTERVAL) -> None:
        """Keep a point each minute, for ever."""
        while True:
            await asyncio.sleep(every)
            self.keep()

    def keep(self) -> None:
        """End the present minute, and begin the next one."""
        self._points.append(self.present)
        self._last, self._began = self._counted(), time.monotonic()

    def since(self, moment: float) -> list[Point]:
        """Return the minutes that have ended after this moment, the oldest first."""
        return [point for point in self._points if point.at > moment]

    @property
    def present(self) -> Point:
        """Return the minute that has not ended yet, as it is now."""
        counted = self._counted()
        new = {name: {label: n - self._last[name][label] for label, n in counted[name].items()} for name in _BY}
        return Point(
            at=self._clock(),
            seconds=round(time.monotonic() - self._began, 3),
            initializes=_some(new[INITIALIZES]),
            cleanups=_some(new[CLEANUPS]),
            logouts=_some(new[LOGOUTS]),
            cleanup_took=_took(new[CLEANUPS_TOOK]),
            logout_took=_took(new[LOGOUTS_TOOK]),
        )

    def _counted(self) -> dict[str, Counter[str]]:
        """Return what was counted since the start, by the names in `_BY`."""
        counted: dict[str, Counter[str]] = {name: Counter() for name in _BY}
        for metric in self._metrics.for_charts():
            for sample in metric.samples:
                if (label := _BY.get(sample.name)) is not None:
                    counted[sample.name][sample.labels[label]] += int(sample.value)
        return counted


def _some(counts: Mapping[str, int]) -> dict[str, int]:
    return {label: count for label, count in counts.items() if count}


def _took(buckets: Mapping[str, int]) -> Took | None:
    bounds = sorted((float(bound), count) for bound, count in buckets.items())
    return Took(_quantile(bounds, 0.5), _quantile(bounds, 0.99)) if bounds and bounds[-1][1] else None


def _quantile(buckets: Sequence[tuple[float, int]], share: float) -> float:
    """Return which time this share did not exceed. Within a bucket, they are taken to be spread evenly.

    The last bucket has no bound: what is in it took at least as long as the bound before.
    """
    wanted = share * buckets[-1][1]
    for (lower, below), (upper, reached) in pairwise([(0.0, 0), *buckets]):
        if reached >= wanted:
            return lower if upper == float("inf") else lower + (upper - lower) * (wanted - below) / (reached - below)
    raise AssertionError("the last bucket holds all")
