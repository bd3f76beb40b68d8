"""Whether the server can do its work: its storage drivers answer, and it is not shutting down."""

from dataclasses import dataclass

import msgspec

from connector.cache.watch import Watch

READY = "ready"


@dataclass(slots=True)
class Lifecycle:
    """Where the server stands between its start and its end. The process sets it."""

    draining: bool = False
    """Whether the server is shutting down: it finishes what it has begun and wants no new work."""


class Readiness(msgspec.Struct, frozen=True):
    """How the server is as a whole, and each of its drivers: `up`, or why it is not."""

    status: str
    drivers: dict[str, str]


@dataclass(frozen=True, slots=True)
class ReadinessCheck:
    """Asks all drivers at once."""

    watch: Watch
    lifecycle: Lifecycle

    async def ask(self) -> Readiness:
        """Ping every driver, and tell how it is."""
        reasons = await self.watch.ping()
        all_up = all(reason is None for reason in reasons.values())
        status = "draining" if self.lifecycle.draining else READY if all_up else "unavailable"
        return Readiness(status, {name: "up" if reason is None else reason for name, reason in reasons.items()})
