"""Modules of the connector on virtual time and a seeded chance, and database work without threads."""

import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

from connector.ledger.postgres import transactions
from connector.sessions import live
from tests.simulation.fleet.cluster import NoThread
from tests.simulation.loop import SimulatedLoop

DAY_ONE = 1_700_000_000.0
"""When simulated time begins."""
NOTE_EVERY = 2.0
"""Seconds between two notes of use: a tick is shorter here, too."""
AHEAD: ContextVar[float] = ContextVar("AHEAD", default=0.0)
"""How many seconds the clock of a process is ahead."""


@contextmanager
def in_virtual_time(loop: SimulatedLoop, dice: Random) -> Iterator[None]:
    """Let every module of the connector take its time from the loop, and its random words from the dice."""
    virtual = {
        "time": (
            time,
            SimpleNamespace(monotonic=loop.time, time=lambda: DAY_ONE + loop.time() + AHEAD.get(), perf_counter=loop.time),
        ),
        "token_bytes": (secrets.token_bytes, dice.randbytes),
        "token_urlsafe": (secrets.token_urlsafe, lambda number: dice.randbytes(number).hex()),
    }
    modules = [vars(module) for name, module in [*sys.modules.items()] if name.startswith(("connector.", "drivers."))]
    with ExitStack() as stack:
        stack.enter_context(patch.object(transactions, "ThreadOfItsOwn", NoThread))
        stack.enter_context(patch.object(live, "NOTE_EVERY", NOTE_EVERY))
        for names in modules:
            other = {name: stand_in for name, (real, stand_in) in virtual.items() if names.get(name) is real}
            if other:
                stack.enter_context(patch.dict(names, other))
        yield
