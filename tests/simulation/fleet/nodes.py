"""Servers of the modelled PostgreSQL: each keeps rows, and one may begin with what another has committed."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from types import MappingProxyType
from typing import Any

from tests.simulation.fleet.speech import LOCK

SHOWN = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "synchronous_standby_names": "*"}
"""Its settings, as far as anybody asks."""
PROCESS = 7
"""Which one of its processes answers."""


class Node:
    """One server. What it has committed is a picture, which another one may begin with."""

    def __init__(
        self,
        dice: Random,
        clock: Callable[[], float],
        *,
        timeline: int = 1,
        picture: bytes = b"",
        numbers: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._clock = clock
        self.timeline = timeline
        self.rows = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.numbers = dict(numbers)
        """The sequences: what was drawn last. No transaction takes it back."""
        self.is_there = True
        self.acknowledges = True
        """Whether it answers a COMMIT: without its standby, one that is synchronous does not."""
        if picture:
            self.rows.deserialize(picture)
        else:
            self.rows.execute("PRAGMA page_size = 512")
            # Of nothing at all, SQLite makes no picture. The column is one that PostgreSQL's tables have from version 2 on.
            self.rows.execute("CREATE TABLE ledger_version (number INTEGER NOT NULL, layout INTEGER)")
        self._functions: dict[str, tuple[int, Callable[..., Any]]] = {
            LOCK: (1, lambda _: None),
            "hashtextextended": (2, lambda *_: 0),
            "current_schema": (0, lambda: "public"),
            "pg_is_in_recovery": (0, lambda: 0),
            "pg_current_wal_lsn": (0, lambda: "0/1"),
            "pg_walfile_name": (1, lambda _: f"{self.timeline:08X}0000000000000001"),
            "pg_backend_pid": (0, lambda: PROCESS),
            "set_config": (3, lambda _, value, __: value),
            "current_setting": (1, SHOWN.__getitem__),
            "moment": (0, clock),
            "random_word": (0, lambda: dice.randbytes(16)),
            "beginning_of": (2, lambda text, length: text[:length]),
            "nextval": (1, lambda name: self.drawn(name)[0]),
            "setval": (2, self.numbers.__setitem__),
            "last_of": (1, lambda name: self.numbers.get(name, 0)),
        }
        self._teach(self.rows)
        self.picture = self.before = picture
        """What is committed now, and what was before the last commit."""

    def _teach(self, rows: sqlite3.Connection) -> None:
        for name, (arguments, function) in self._functions.items():
            rows.create_function(name, arguments, function)

    def drawn(self, sequence: str, number: int = 1) -> list[int]:
        """Return the next numbers of a sequence."""
        first = self.numbers.get(sequence, 0) + 1
        self.numbers[sequence] = first + number - 1
        return [first + place for place in range(number)]

    def committed(self) -> None:
        """Note that a transaction has taken effect."""
        self.before, self.picture = self.picture, self.rows.serialize()

    @property
    def is_settled(self) -> bool:
        """Whether the ledger counts all as written again that was known before this server became the primary."""
        found = self.rows.execute("SELECT is_settled FROM epoch WHERE timeline = ?", (f"{self.timeline:08X}",)).fetchone()
        return found is not None and bool(found[0])

    def standby(self, dice: Random) -> "Node":
        """Return a server that has all that is committed now, and would be on the next timeline."""
        return Node(dice, self._clock, timeline=self.timeline + 1, picture=self.picture, numbers=self.numbers)

    @contextmanager
    def as_before(self) -> Iterator[sqlite3.Connection]:
        """Show what was there before the last commit."""
        rows = sqlite3.connect(":memory:")
        try:
            rows.deserialize(self.before)
            self._teach(rows)
            yield rows
        finally:
            rows.close()
