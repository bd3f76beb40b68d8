"""Our own counters and histograms, beside those of Prometheus's client."""

import re
from collections.abc import Iterator
from typing import Any

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from connector.telemetry.measured import Counters, Histograms

BOUNDS = (0.0005, 0.25, 1, 60)
SIZES = (0.0, 0.0005, 0.0006, 0.25, 1, 1.5, 60, 61)
MOMENT = re.compile(rb"(_created\S* )\S+")


def text(registry: CollectorRegistry) -> bytes:
    """Return what is told, without the moments since when is counted."""
    return MOMENT.sub(rb"\1", generate_latest(registry))


@pytest.fixture(params=[True, False], ids=["with moments", "without moments"], autouse=True)
def moments(request: pytest.FixtureRequest) -> Iterator[None]:
    client: Any = prometheus_client  # these two have no types
    if not request.param:
        client.disable_created_metrics()
    yield
    client.enable_created_metrics()


def test_counters_are_told_as_prometheus_s_client_tells_its_own() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    for made in (Counters("calls", "Calls", ("status",), registry=ours), Counter("calls", "Calls", ("status",), registry=theirs)):
        made.labels("200").inc()
        made.labels("200").inc(2)
        made.labels("503")
    assert text(ours) == text(theirs)
    assert b'calls_total{status="200"} 3.0' in text(ours)


def test_histograms_are_told_as_prometheus_s_client_tells_its_own() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    for made in (
        Histograms("took", "Time", ("driver",), buckets=BOUNDS, registry=ours),
        Histogram("took", "Time", ("driver",), buckets=BOUNDS, registry=theirs),
    ):
        made.labels("unused")
        for size in SIZES:
            made.labels("sqlite").observe(size)
    assert text(ours) == text(theirs)
    assert b'took_count{driver="sqlite"} 8.0' in text(ours)


def test_a_histogram_without_labels_is_told_from_zero_on() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    Histograms("took", "Time", (), buckets=BOUNDS, registry=ours).labels()
    Histogram("took", "Time", buckets=BOUNDS, registry=theirs)
    assert text(ours) == text(theirs)
