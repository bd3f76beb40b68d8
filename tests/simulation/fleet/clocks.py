"""Modules of the connector on virtual time, and database work without threads."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from connector.ledger.postgres import transactions
from tests.simulation.fleet.cluster import in_a_thread
from tests.simulation.loop import SimulatedLoop

DAY_ONE = 1_700_000_000.0
"""When simulated time begins."""


@contextmanager
def in_virtual_time(loop: SimulatedLoop) -> Iterator[None]:
    """Have every module of the connector take its time from the loop, as long as the context is."""
    virtual = SimpleNamespace(monotonic=loop.time, time=lambda: DAY_ONE + loop.time(), perf_counter=loop.time)
    timed = [module for name, module in [*sys.modules.items()] if name.startswith("connector.") and _has_time(module)]
    for module in timed:
        vars(module)["time"] = virtual
    try:
        with patch.object(transactions, "in_a_thread", in_a_thread):
            yield
    finally:
        for module in timed:
            vars(module)["time"] = time


def _has_time(module: object) -> bool:
    return getattr(module, "__dict__", {}).get("time") is time
