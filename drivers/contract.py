"""What a storage driver promises, and the values it deals in.

Correctness of eviction never depends on deleting anything. Every stored entry carries the *stamp* that was current before
its load began; a reader compares it with the current stamp, and an unequal one is a miss. Evicting a scope makes its stamp
unequal to all earlier ones, in constant time; freeing the bytes is a separate, unhurried matter (`Driver.purge`).
"""

from abc import ABC, abstractmethod
from enum import Enum
from typing import Annotated, Any, ClassVar, NewType

import msgspec
from pydantic import BaseModel, ConfigDict, Field

MAX_TTL = 29 * 24 * 3600.0
"""Longest life of an entry in seconds: memcached reads anything over 30 days as a date in the past."""

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
"""A setting that says how long something may take: a day at most."""

Stamp = NewType("Stamp", bytes)
"""The present life of a scope: opaque, compared for equality only, never used again once the scope was evicted."""


class SystemScope(msgspec.Struct, frozen=True, gc=False):
    """One integrated system, *with every session under it*."""

    system_id: str


class SessionScope(msgspec.Struct, frozen=True, gc=False):
    """One session. Its identity is `session_id` alone; `system_id` says which system's eviction takes it along."""

    session_id: str
    system_id: str | None = None


class Everything(msgspec.Struct, frozen=True, gc=False):
    """All that a store holds, known to anybody or not."""


EVERYTHING = Everything()
Scope = SessionScope | SystemScope | Everything


def lineage(scope: Scope) -> tuple[Scope, ...]:
    """Return the scope by its identity and then those that take it along when they are evicted: its system, and everything."""
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
    """A cheap estimate of what a driver holds; None where the store cannot tell."""

    entries: int | None
    garbage: int | None
    """Entries or buckets that are unreachable and wait for `Driver.purge`."""
    bytes: int | None = None
    """Room that is taken, in memory or on the disk, whatever of it can still be reached."""


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
    """Settings of one driver instance; a driver of one's own derives from this to name its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


_SHORT_CUTS = {"stamp": "stamp_at_once", "get": "get_at_once", "evict": "evict_at_once"}


def _place_of(method: str, driver: type) -> int:
    """Return which of its ancestors, itself the first, a class has a method from."""
    return next(place for place, ancestor in enumerate(driver.__mro__) if method in vars(ancestor))


class Driver(ABC):
    """A storage back end for cached bytes.

    A driver is used in one of two roles. As the *authority* it mints the stamps that count (`stamp`, `put_if_current`). Before
    an authority it keeps *near copies* (`put`), whose stamps it stores but does not judge. `get`, `delete`, `evict` and
    `purge` serve both.

    Every method may be called from any number of tasks at once and may be cancelled at any await; a cancelled call either
    took effect or did not. Methods raise `drivers.DriverError` and nothing else on purpose; deadlines are the caller's.
    Scopes and keys are arbitrary text: no character in them has a meaning to a driver.
    """

    Settings: ClassVar[type[DriverSettings]] = DriverSettings
    """The model that `[storage.<name>]` is checked against."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Where a driver derives from another one and does something in its own way, the other's short cut would pass that by."""
        super().__init_subclass__(**options)
        for way, short_cut in _SHORT_CUTS.items():
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

        A store that is merely out of reach raises `DriverUnavailable`; it may be usable later without another `open`.
        """

    async def aclose(self) -> None:
        """Release everything, also after a failed `open`. A second call does nothing."""

    @abstractmethod
    async def ping(self) -> None:
        """Make one real round trip through the store. Raises `DriverError` if it cannot serve reads *and* writes now."""

    @abstractmethod
    async def stamp(self, scope: Scope) -> Stamp:
        """Return the scope's current stamp, minting a fresh one where there is none.

        Guarantee: a stamp returned by a call that began after an `evict` of this scope (or of its system) returned is unequal to
        every stamp that was returned before that `evict` began, whichever process called, and whether or not the store restarted,
        lost or rolled back its data in between.
        """

    def stamp_at_once(self, scope: Scope) -> Stamp | None:  # noqa: ARG002 - for those that override it
        """Do what `stamp` does, where that needs no waiting. By default it does.

        Where this returns None or raises, `stamp` is called. It spares a read the deadline, as `get_at_once` does.
        """
        return None

    @abstractmethod
    async def get(self, scope: Scope, key: str) -> Entry | None:
        """Return the unexpired entry, or None. The caller compares the entry's stamp with the authority's current one.

        As authority, a driver may return an entry whose stamp is no longer current; it never alters a stamp it was given.
        """

    def get_at_once(self, scope: Scope, key: str) -> Entry | None:  # noqa: ARG002 - for those that override it
        """Do what `get` does, where that needs no waiting. Where this returns None or raises, `get` is called."""
        return None

    @abstractmethod
    async def put(self, scope: Scope, key: str, entry: Entry) -> None:
        """Keep a near copy: value, stamp and expiry as they are, whatever stamp is current.

        An entry that has expired already is not kept. A life longer than `MAX_TTL` is shortened to it. Where an entry is not
        kept, for want of room or because it has expired, none of before is left: it would be served though it was changed.
        """

    @abstractmethod
    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        """As authority: `put`, but only if the stamp is the scope's current one. Returns whether the entry is kept."""

    @abstractmethod
    async def delete(self, scope: Scope, key: str) -> None:
        """Forget one entry, if there is one."""

    @abstractmethod
    async def evict(self, *scopes: Scope) -> None:
        """Make every entry of these scopes unreachable in this driver, at a cost independent of how much they hold.

        Once it has returned, no `get` in any process that shares the store returns an entry that was put before the call
        began, and `stamp` keeps its guarantee. Durable before it returns, where the store is durable. Entries of other scopes
        stay, save that a system takes its sessions along, and `EVERYTHING` all. Evicting what does not exist succeeds.
        """

    def evict_at_once(self, *scopes: Scope) -> bool:  # noqa: ARG002 - for those that override it
        """Do what `evict` does, where that needs no waiting, and say whether it is done. By default it does need waiting.

        It spares a cleanup a task for this driver. Where it has evicted nothing, by False or by an error, `evict` is called.
        """
        return False

    @abstractmethod
    async def purge(self, limit: int) -> bool:
        """Free at most about `limit` unreachable or expired entries and say whether there is more to do.

        One call never holds up the event loop for more than a few milliseconds. Purging never affects what a reader sees.
        """

    @abstractmethod
    async def statistics(self) -> Statistics:
        """Return a cheap estimate of what is held."""
