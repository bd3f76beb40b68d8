"""What the last transactions of a replica have made of rows, in memory: what a fail-over has lost is written again from it."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from connector.ledger.sql.facts import Fact

LONGEST = 600.0
"""Seconds for which facts are kept: far longer than a standby may lag behind that is still promoted."""
MOST = 20_000
"""Facts that are kept. Each is a row, of about a kilobyte."""


class WrittenFacts(NamedTuple):
    """What one transaction has made of rows."""

    sequence: int
    moment: float
    facts: Sequence[Fact]


class Journal:
    """The facts of transactions that were acknowledged, the oldest first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, longest: float = LONGEST, most: int = MOST) -> None:
        self._clock = clock
        self._longest = longest
        self._most = most
        self._entries: deque[WrittenFacts] = deque()
        self._size = 0
        self._dropped = 0
        """The sequence of the last entry that was dropped."""

    def add(self, sequence: int, facts: Sequence[Fact]) -> None:
        """Keep what a transaction has done, and drop what is too old or too much."""
        now = self._clock()
        if facts:
            self._entries.append(WrittenFacts(sequence, now, facts))
            self._size += len(facts)
        while self._entries and (self._size > self._most or self._entries[0].moment < now - self._longest):
            dropped = self._entries.popleft()
            self._size -= len(dropped.facts)
            self._dropped = dropped.sequence

    def above(self, sequence: int) -> list[Fact]:
        """Return what transactions with a higher number have done, in their order."""
        return [fact for entry in self._entries if entry.sequence > sequence for fact in entry.facts]

    def lacks(self, sequence: int) -> bool:
        """Tell whether facts of transactions with a higher number were dropped."""
        return self._dropped > sequence

    def renumber(self, sequence: int) -> None:
        """Give all that is kept this number: the transaction with it has seen to it that the database knows them."""
        self._entries = deque(entry._replace(sequence=sequence) for entry in self._entries)
        self._dropped = min(self._dropped, sequence)
