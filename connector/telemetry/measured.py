"""Counters and histograms as Prometheus has them, for a process that counts with every request.

Those of its client take a lock for each number, and a cleanup adds to a dozen of them. Here one thread counts and reads, which is
that of the event loop.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as Reference
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

CREATED = "_created"
"""The end of the name of a sample that tells since when is counted. The library's environment can switch these off."""


class Tally:
    """A number that grows."""

    __slots__ = ("created", "value")

    def __init__(self) -> None:
        self.created = time.time()
        self.value = 0.0

    def inc(self, number: float = 1.0) -> None:
        """Add to it."""
        self.value += number


class Spread:
    """How often something was how large."""

    __slots__ = ("_bounds", "counts", "created", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.created = time.time()
        self.counts = [0] * (len(bounds) + 1)
        """How many were above a bound, and not above the next one."""
        self.total = 0.0

    def observe(self, size: float) -> None:
        """Count one."""
        self.counts[bisect_left(self._bounds, size)] += 1
        self.total += size


class Counters(Collector):
    """The counters of one name, by the values of their labels."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], *, registry: CollectorRegistry) -> None:
        self._about = name, meaning
        self._labels = labels
        self._children: dict[tuple[str, ...], Tally] = {}
        registry.register(self)

    def labels(self, *values: str) -> Tally:
        """Return the counter with these values."""
        return self._children.setdefault(values, Tally())

    def collect(self) -> Iterator[Metric]:
        """Yield all of them, as the registry wants them."""
        family = CounterMetricFamily(*self._about, labels=self._labels)
        for values, count in self._children.items():
            family.add_metric(values, count.value, created=count.created if _tells_since_when() else None)
        yield family


class Histograms(Collector):
    """The histograms of one name, by the values of their labels."""

    def __init__(
        self, name: str, meaning: str, labels: Sequence[str], *, buckets: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._about = name, meaning
        self._labels = labels
        self._bounds = tuple(buckets)
        self._children: dict[tuple[str, ...], Spread] = {}
        registry.register(self)

    def labels(self, *values: str) -> Spread:
        """Return the histogram with these values."""
        return self._children.setdefault(values, Spread(self._bounds))

    def collect(self) -> Iterator[Metric]:
        """Yield all of them, as the registry wants them."""
        family = HistogramMetricFamily(*self._about, labels=self._labels)
        bounds = [*map(str, map(float, self._bounds)), "+Inf"]
        for values, spread in self._children.items():
            family.add_metric(values, [*zip(bounds, accumulate(spread.counts), strict=True)], spread.total)
            if _tells_since_when():
                family.add_sample(f"{family.name}{CREATED}", dict(zip(self._labels, values, strict=True)), spread.created)
        yield family


def _tells_since_when() -> bool:
    """Tell whether the library's own counters have such samples now."""
    [metric] = Reference("reference", "", registry=None).collect()
    return any(sample.name.endswith(CREATED) for sample in metric.samples)
