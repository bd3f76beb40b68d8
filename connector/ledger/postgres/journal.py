"""What the last transactions of a replica have made of rows, in memory: what a fail-over has lost is written again from it."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connector.ledger.sql.facts import Fact

LONGEST = 600.0
"""Seconds for which facts are kept: far longer than a standby may lag behind that is still promoted."""
MOST = 20_000
"""Facts that are kept. Each is a row, of about a kilobyte."""


class KnownUpTo(NamedTuple):
    """Up to which of its transactions a database knows those of a replica: what the replica's row says there."""

    epoch: bytes
    """The word of the epoch in which the replica has written last."""
    sequence: int
    """The number of its last transaction, in that epoch."""


@dataclass(frozen=True, slots=True)
class WrittenFacts:
    """What one transaction has made of rows."""

    moment: float
    facts: Sequence[Fact]
    numbers: dict[bytes, int]
    """By the word of each epoch since: the number of the transaction with which a database knows these facts in that epoch."""

    def is_in(self, known: KnownUpTo | None) -> bool:
        """Tell whether a database that knows so much knows these facts."""
        number = None if known is None else self.numbers.get(known.epoch)
        return known is not None and number is not None and number <= known.sequence


class Journal:
    """The facts of transactions that were acknowledged, the oldest first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, longest: float = LONGEST, most: int = MOST) -> None:
        self._clock = clock
        self._longest = longest
        self._most = most
        self._entries: deque[WrittenFacts] = deque()
        self._size = 0
        self._dropped: WrittenFacts | None = None
        """The last entry that was dropped. Whoever knows it knows all before it."""

    @property
    def all(self) -> list[Fact]:
        """What is remembered of all transactions, in their order."""
        return [fact for entry in self._entries for fact in entry.facts]

    def add(self, done: KnownUpTo, facts: Sequence[Fact]) -> None:
        """Keep what a transaction has done, and drop what is too old or too much."""
        now = self._clock()
        if facts:
            self._entries.append(WrittenFacts(now, facts, {done.epoch: done.sequence}))
            self._size += len(facts)
        while self._entries and (self._size > self._most or self._entries[0].moment < now - self._longest):
            self._dropped = self._entries.popleft()
            self._size -= len(self._dropped.facts)

    def beside(self, known: KnownUpTo | None) -> Iterator[tuple[Fact, bool]]:
        """Yield all that is remembered, in its order, each with whether a database that knows so much does not know it."""
        for entry in self._entries:
            is_unknown = not entry.is_in(known)
            for fact in entry.facts:
                yield fact, is_unknown

    def lacks(self, known: KnownUpTo | None) -> bool:
        """Tell whether facts of such transactions were dropped."""
        return self._dropped is not None and not self._dropped.is_in(known)

    def entered(self, done: KnownUpTo) -> None:
        """Note that this transaction, the first of its epoch, has seen to it that the database knows all that is kept.

        An earlier epoch may come back, with a former primary: what was known there is known then.
        """
        for entry in (*self._entries, *([self._dropped] if self._dropped else [])):
            entry.numbers[done.epoch] = done.sequence
