"""What an administrator is shown of what is cached, as values."""

import msgspec

from connector.model.cleanup import CleanupReport
from connector.model.outcomes import EvictResult
from drivers import Usage


class ShownStore(msgspec.Struct, frozen=True, kw_only=True):
    """One storage driver."""

    driver: str
    state: str
    """`up`, or why it does not answer. Its figures are None then."""
    entries: int | None
    """About how many it holds; None if it cannot tell."""
    garbage: int | None
    """Entries or scopes that are unreachable, and not freed yet."""
    bytes: int | None
    hits: int
    """Reads since the start of this server that it has answered with a current value."""
    misses: int


class ShownUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver holds of a system, its sessions included."""

    entries: int
    bytes: int | None
    """About what they take; None if the store cannot tell."""
    complete: bool
    """Whether all was counted. If not, there is more."""


class ShownSystem(msgspec.Struct, frozen=True, kw_only=True):
    """What is cached for one system."""

    system: str
    held: dict[str, ShownUsage | None]
    """By driver; None if it cannot tell, or does not answer."""


class ShownCaches(msgspec.Struct, frozen=True, kw_only=True):
    """What is cached, by driver and by system. It is this server's view: local stores are its own."""

    drivers: list[ShownStore]
    """Nearest first; the last one is the authority."""
    systems: list[ShownSystem]
    """Those of which sessions are open, or the one that was asked for."""
    more: bool
    """Whether there are more systems."""


class EvictedSystem(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the eviction of a system."""

    system: str
    recorded: bool
    """Whether what was owed was durable before it was tried."""
    evictions: dict[str, str]
    """What became of it in each driver: `evicted`, or why not."""
    owed: list[str]
    """The drivers that still have to do it. They will once they can, and serve nothing of the system until then."""
    hooks: dict[str, str]


def shown_usage(usage: Usage | None) -> ShownUsage | None:
    """Return what is shown of what a driver holds."""
    return None if usage is None else ShownUsage(entries=usage.entries, bytes=usage.bytes, complete=usage.complete)


def evicted_system(system: str, report: CleanupReport) -> EvictedSystem:
    """Return what is shown of an eviction that an administrator has asked for."""
    outcomes = {driver: step.outcome for driver, step in report.evictions.items()}
    return EvictedSystem(
        system=system,
        recorded=report.recorded,
        evictions={driver: _told(each.result.value, each.message) for driver, each in outcomes.items()},
        owed=[driver for driver, each in outcomes.items() if each.result is not EvictResult.EVICTED],
        hooks={hook: _told(step.outcome.result.value, step.outcome.message) for hook, step in report.hooks.items()},
    )


def _told(result: str, message: str | None) -> str:
    return result if message is None else f"{result}: {message}"
