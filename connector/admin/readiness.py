"""Whether the server can do its work: it can serve and write down what is owed, its stores answer, and it is not to end."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from connector.cache.storage import Storage
from connector.ledger.port import SoonestDue
from connector.model.errors import LedgerUnavailable
from connector.workers.other_replicas import Peers

READY = "ready"
UP = "up"
WITHOUT_AUTHORITY = "reads are misses; cleanups end logins, answer 503, and owe their evictions"
WITHOUT_STORE = "reads skip it, and it owes evictions until it is back"
PARTED = "another replica uses another store: reads are misses until both use one"
IN_DEBT = "it owes evictions: reads are misses until they are done"


@dataclass(slots=True)
class Lifecycle:
    """Where the server stands between its start and its end. The process sets it."""

    since: float | None = None
    """When the server began to drain, on the monotonic clock."""

    @property
    def draining(self) -> bool:
        """Whether the server is to end: it finishes what it has begun and wants no new work."""
        return self.since is not None

    def drain(self) -> None:
        """Say from now on that the server is to end. A repeat changes nothing."""
        if self.since is None:
            self.since = time.monotonic()

    def left_of(self, seconds: float) -> float:
        """Return how much of this time is left since the server began to drain."""
        return seconds if self.since is None else max(0.0, self.since + seconds - time.monotonic())


class Readiness(msgspec.Struct, frozen=True):
    """How the server is as a whole, and each of its parts: `up`, or why it is not."""

    status: str
    drivers: dict[str, str]
    ledger: str
    degraded: dict[str, str]
    """What a store does not do for now, although the server serves; by the name of its driver."""
    replicas: list[str]
    """What other replicas do not share with this one, although they have to."""


class ReadinessCheck(Struct, frozen=True):
    """Asks the ledger and all drivers at once."""

    storage: Storage
    ledger: SoonestDue
    unrecorded: Sized
    """What the ledger could not take. It is empty again once the ledger has taken it."""
    lifecycle: Lifecycle
    needs_stores: bool
    """Whether a server is ready only while each of its stores answers.

    Without them nothing is served from a cache, so nothing that a cleanup has evicted. Logins, logouts and records go on.
    """
    peers: Peers | None = None

    async def ask(self) -> Readiness:
        """Ping every driver and the ledger, and tell how the server is."""
        reasons, ledger = await asyncio.gather(self.storage.watch.ping(), self._ledger())
        return Readiness(
            status=self._status(reasons, ledger),
            drivers={name: reason or UP for name, reason in reasons.items()},
            ledger=ledger,
            degraded=dict(self._degraded(reasons)),
            replicas=self.peers.strangers if self.peers else [],
        )

    def _status(self, reasons: Mapping[str, str | None], ledger: str) -> str:
        if self.lifecycle.draining:
            return "draining"
        lacks_a_store = self.needs_stores and any(reasons.values())
        is_misplaced = self.peers is not None and self.peers.misplaced
        return "unavailable" if ledger != UP or lacks_a_store or is_misplaced else READY

    def _degraded(self, reasons: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
        authority = self.storage.authority.name
        for name, reason in reasons.items():
            if reason is not None:
                yield name, WITHOUT_AUTHORITY if name == authority else WITHOUT_STORE
            elif name == authority and not self.storage.trusted:
                yield name, PARTED if self.storage.is_parted else IN_DEBT

    async def _ledger(self) -> str:
        """Tell whether the ledger works. Nothing is written for it, because what it could not take says more."""
        if waiting := len(self.unrecorded):
            return f"records that it could not take are kept in memory until it can: {waiting}"
        patience = self.storage.deadlines.ping
        try:
            async with asyncio.timeout(patience):
                await self.ledger.next_due(time.time())
        except (TimeoutError, LedgerUnavailable) as problem:
            return str(problem) or f"no answer within {patience:g} s"
        return UP
