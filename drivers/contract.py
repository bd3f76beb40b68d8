"""The contract of a storage driver, and its values.

Correctness of eviction never depends on deleting anything. Every stored entry carries the *stamp* that was current before
its load began. A reader compares it with the current stamp; if they differ, the read is a miss. Evicting a scope makes its
stamp differ from all earlier ones, in constant time. The bytes are freed later (`Driver.purge`).
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, ClassVar, NewType

import msgspec
from pydantic import BaseModel, ConfigDict, Field

MAX_TTL = 29 * 24 * 3600.0
"""Longest life of an entry in seconds: memcached reads anything over 30 days as a date in the past."""

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
"""A setting that says how long something may take: a day at most."""

Stamp = NewType("Stamp", bytes)
"""The present life of a scope: opaque, compared for equality only, and never used again after an eviction."""


class SystemScope(msgspec.Struct, frozen=True, gc=False):
    """One integrated system, *with every session under it*."""

    system_id: str


class SessionScope(msgspec.Struct, frozen=True, gc=False):
    """One session. `session_id` alone identifies it; an eviction of the system `system_id` evicts it, too."""

    session_id: str
    system_id: str | None = None


class Everything(msgspec.Struct, frozen=True, gc=False):
    """Everything that a store holds, even if no caller knows of it."""


EVERYTHING = Everything()
Scope = SessionScope | SystemScope | Everything


def lineage(scope: Scope) -> tuple[Scope, ...]:
    """Return the scope by its identity, then those whose eviction includes it: its system, and everything."""
    match scope:
        case SessionScope(session_id, str(system_id)):
            return SessionScope(session_id), SystemScope(system_id), EVERYTHING
        case Everything():
            return (EVERYTHING,)
        case _:
            return scope, EVERYTHING


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A stored value: `expires_at` is in seconds since the epoch, `stamp` is the authority's from before the load."""

    value: bytes
    stamp: Stamp
    expires_at: float


class Statistics(msgspec.Struct, frozen=True, gc=False):
    """A cheap estimate of what a driver holds; None if the store cannot tell."""

    entries: int | None
    garbage: int | None
    """Entries or buckets that are unreachable and wait for `Driver.purge`."""
    bytes: int | None = None
    """Room in memory or on the disk, unreachable entries included."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """What a driver holds of one scope. Some of it may be unreachable or expired, and not freed yet."""

    entries: int
    bytes: int | None
    """About what they take; None if the store cannot tell."""
    complete: bool = True
    """Whether all was counted. If not, there is more: counting has a bound, so that it holds nobody up."""


class StoreServer(msgspec.Struct, frozen=True):
    """The server that holds the entries, as it is at one moment."""

    version: str
    """What it is, and of which version: `Redis 7.0.15`."""
    clock: float
    """What time it has, in seconds since the epoch."""
    risks: tuple[tuple[str, str], ...] = ()
    """What its version or its settings put at risk, each with what to do about it."""


MOST_COUNTED = 10_000
"""Entries that `Driver.usage` counts at most, about."""


class Sharing(Enum):
    """How far a store reaches: whose entries, stamps and evictions an instance sees at once."""

    NONE = "none"
    """Its own only."""
    ONE_MACHINE = "one machine"
    """Those of every instance on the same store, in any process of this machine."""
    MACHINES = "machines"
    """Those of every instance on the same store, on any machine."""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver can do besides what every driver can. Start-up checks and the contract suite go by it."""

    shared: Sharing = Sharing.NONE
    """As authority, a store that several machines share needs the same keys on all of them."""
    durable: bool = False
    """Whether the store keeps its entries after its last instance is closed."""
    enumerable: bool = True
    """Whether the driver can list what it holds. If not, `purge` frees nothing: unreachable entries stay until they expire."""


class DriverSettings(BaseModel):
    """Settings of one driver instance. A driver of your own derives from this to name its settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


_SHORT_CUTS = (
    ("stamp", "stamp_at_once"),
    ("get", "get_at_once"),
    ("get_at_once", "get_many_at_once"),
    ("evict", "evict_at_once"),
    ("evict", "begin_to_evict"),
)
"""Each method with one that abbreviates it: a short cut of a short cut comes after it."""


def _place_of(method: str, driver: type) -> int:
    """Return the number of the ancestor from which a class has a method; the class itself is 0."""
    return next(place for place, ancestor in enumerate(driver.__mro__) if method in vars(ancestor))


class Driver(ABC):
    """A storage back end for cached bytes.

    A driver has one of two roles. As the *authority* it makes the stamps that count (`stamp`, `put_if_current`). As a *local
    cache* it keeps copies (`put`), whose stamps it stores but does not judge. `get`, `delete`, `evict` and `purge` serve both.

    Any number of tasks may call a method at once, and cancel it at any await. A cancelled call either took effect or did not.
    Methods raise only `drivers.DriverError` on purpose. The caller sets deadlines. Scopes and keys are arbitrary text, in which
    no character has a meaning.
    """

    Settings: ClassVar[type[DriverSettings]] = DriverSettings
    """The model that `[storage.<name>]` is checked against."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Drop inherited short cuts of methods that a derived driver overrides: they would bypass the new method."""
        super().__init_subclass__(**options)
        # Compared by place in the ancestry: the short cut must be at least as new as the method that it abbreviates.
        for way, short_cut in _SHORT_CUTS:
            if _place_of(way, cls) < _place_of(short_cut, cls):
                setattr(cls, short_cut, getattr(Driver, short_cut))

    def __init__(self, name: str, settings: DriverSettings) -> None:
        self.settings = settings
        self.name = name
        """The instance's name in the configuration, used in reports and errors."""

    @property
    def capabilities(self) -> Capabilities:
        """What this driver can do: known from its settings, and the same before and after `open`.

        Override it, with a class attribute or with a property.
        """
        return Capabilities()

    def check(self) -> None:
        """Raise `DriverMisconfigured` for what would keep `open` from working and shows without opening anything."""

    async def open(self) -> None:
        """Make ready for use. Raises if the store cannot work as configured; after a failure `aclose` is still called.

        A store that is out of reach raises `DriverUnavailable`. It may be usable later without another `open`.
        """

    def read_secrets(self) -> None:
        """Take what is in the files of its secrets by now for each connection that is made from now on, after a `check`."""

    async def aclose(self) -> None:
        """Release everything, also after a failed `open`. A second call does nothing."""

    @abstractmethod
    async def ping(self) -> None:
        """Make one real round trip through the store. Raises `DriverError` if it cannot serve reads *and* writes now.

        A store that is full may pass, if it serves reads and evictions.
        """

    @abstractmethod
    async def stamp(self, scope: Scope) -> Stamp:
        """Return the scope's current stamp, and make one if there is none.

        Guarantee: let an `evict` of this scope, or of its system, have returned before this call began. Then this stamp differs
        from every stamp that was returned before that `evict` began. It holds for all processes, even if the store has
        restarted, lost its data or rolled it back in between.
        """

    def stamp_at_once(self, scope: Scope) -> Stamp | None:  # noqa: ARG002 - for those that override it
        """Do what `stamp` does, if that needs no waiting. By default it does.

        If this returns None or raises, `stamp` is called. It saves a read the deadline, as `get_at_once` does.
        """
        return None

    @abstractmethod
    async def get(self, scope: Scope, key: str) -> Entry | None:
        """Return the unexpired entry, or None. The caller compares the entry's stamp with the authority's current one.

        As authority, a driver may return an entry with an old stamp. It never changes a stamp.
        """

    def get_at_once(self, scope: Scope, key: str) -> Entry | None:  # noqa: ARG002 - for those that override it
        """Do what `get` does, if that needs no waiting. If this returns None or raises, `get` is called."""
        return None

    def get_many_at_once(self, scope: Scope, keys: Sequence[str]) -> Sequence[Entry | None]:
        """Do what `get_at_once` does for each of the keys. If this raises, `get` is called for all of them."""
        return [self.get_at_once(scope, key) for key in keys]

    @abstractmethod
    async def put(self, scope: Scope, key: str, entry: Entry) -> None:
        """Keep a local copy: value, stamp and expiry as they are, even if another stamp is current.

        A life longer than `MAX_TTL` is shortened to it. An entry that has expired, or has no room, is not kept. Then an older
        one must not be left either: it would be served although it was changed.
        """

    @abstractmethod
    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        """As authority: `put`, but only if the stamp is the scope's current one. Tell whether the entry is kept."""

    @abstractmethod
    async def delete(self, scope: Scope, key: str) -> None:
        """Forget one entry, if there is one."""

    @abstractmethod
    async def evict(self, *scopes: Scope) -> None:
        """Make every entry of these scopes unreachable in this driver, at a cost independent of how much they hold.

        After it has returned, no `get` in any process that shares the store returns an entry from before the call, and `stamp`
        keeps its guarantee. In a durable store, it is durable by then. Entries of other scopes stay, except that a system
        includes its sessions, and `EVERYTHING` includes all. Evicting what does not exist succeeds.
        """

    def evict_at_once(self, *scopes: Scope) -> bool:  # noqa: ARG002 - for those that override it
        """Do what `evict` does, if that needs no waiting, and tell whether it is done. By default it needs waiting.

        It saves a cleanup a task for this driver. If it returns False or raises, `evict` is called.
        """
        return False

    def begin_to_evict(self, *scopes: Scope) -> asyncio.Future[None] | None:  # noqa: ARG002 - for those that override it
        """Begin what `evict` does, and return the future of its end. By default, that takes a task.

        It saves a cleanup the task. Whoever waits does not cancel it. If this returns None or raises, `evict` is called.
        """
        return None

    @abstractmethod
    async def purge(self, limit: int) -> bool:
        """Free about `limit` unreachable or expired entries at most, and tell whether there is more to do.

        One call never holds up the event loop for more than a few milliseconds. Purging never affects what a reader sees.
        """

    @abstractmethod
    async def statistics(self) -> Statistics:
        """Return a cheap estimate of what is held."""

    async def usage(self, scope: Scope) -> Usage | None:  # noqa: ARG002 - for those that override it
        """Return what is held of a scope, a system's sessions included, for a person; None if the store cannot tell.

        It counts about `MOST_COUNTED` entries at most, and changes nothing.
        """
        return None

    async def server(self) -> StoreServer | None:
        """Return which server holds the entries, for a person; None if none does, or the store cannot tell."""
        return None
