"""The contract of one kind of store, and the digests and bytes that it stores."""

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from drivers.aiocached.secret_settings import Passwords
from drivers.aiocached.translation import OF_THE_SYSTEM, Failures
from drivers.contract import MAX_TTL, Entry, Scope, Stamp, Statistics, StoreServer, Usage, lineage
from drivers.keys import scope_digest

Owners = tuple[bytes, ...]
"""The digests of what an entry depends on: the `lineage` of its scope. Evicting any of them evicts the entry."""

# The expiry is in the entry itself, because no store keeps it exactly.
_HEAD = struct.Struct(">dI")


@dataclass(frozen=True, slots=True)
class Packed:
    """An entry as it is stored, and until when."""

    data: bytes
    expires_at: float
    ttl: float
    """Seconds until then; always more than zero."""


class Layout(ABC):
    """Generations, buckets and entries in one kind of store. All methods behave as those of `Driver`, with two exceptions.

    Entries are opaque bytes, and `get` may return an expired one; the driver checks that. Errors of the libraries pass
    unchanged; the driver translates them.
    """

    failures: ClassVar[Failures] = OF_THE_SYSTEM
    """The errors of the library."""

    async def open(self) -> None:
        """Make ready for use, and refuse a server that cannot work."""

    def take(self, passwords: Passwords) -> None:
        """Log in with these passwords when connections are made from now on."""

    async def aclose(self) -> None:
        """Release everything. A second call does nothing."""

    @abstractmethod
    async def ping(self) -> None:
        """Write and read something."""

    @abstractmethod
    async def stamp(self, owners: Owners) -> Stamp:
        """Return the owners' current generations as one value. Missing ones are made."""

    @abstractmethod
    async def get(self, owners: Owners, key: bytes) -> bytes | None:
        """Return the entry in the current bucket of these owners. No generation is made."""

    @abstractmethod
    async def put(self, owners: Owners, key: bytes, packed: Packed, stamp: Stamp | None) -> bool:
        """Store into the current bucket of these owners; with a stamp, only if it is current. Tell whether it was stored."""

    @abstractmethod
    async def delete(self, owners: Owners, key: bytes) -> None:
        """Forget one entry of the current bucket."""

    @abstractmethod
    async def forget(self, owners: Owners) -> None:
        """Forget these owners' generations: nothing that was stored under them can be reached again."""

    @abstractmethod
    async def purge(self, limit: int) -> bool:
        """As `Driver.purge`."""

    @abstractmethod
    async def statistics(self) -> Statistics:
        """As `Driver.statistics`."""

    async def usage(self, owner: bytes) -> Usage | None:  # noqa: ARG002 - for those that override it
        """As `Driver.usage`, of what depends on this owner."""
        return None

    async def server(self) -> StoreServer | None:
        """As `Driver.server`."""
        return None


@lru_cache(maxsize=4096)
def owners_of(scope: Scope) -> Owners:
    """Return what the entries of a scope depend on."""
    return tuple(map(scope_digest, lineage(scope)))


def pack(entry: Entry, now: float) -> Packed | None:
    """Return an entry as it is stored, its life shortened to `MAX_TTL`; None if it has expired already."""
    ttl = min(entry.expires_at - now, MAX_TTL)
    if not ttl > 0:  # written so that NaN counts as expired, too
        return None
    expires_at = min(entry.expires_at, now + MAX_TTL)
    return Packed(_HEAD.pack(expires_at, len(entry.stamp)) + entry.stamp + entry.value, expires_at, ttl)


def unpack(data: bytes) -> Entry:
    """Return the entry that `pack` has packed."""
    expires_at, stamp_bytes = _HEAD.unpack_from(data)
    value_at = _HEAD.size + stamp_bytes
    return Entry(value=data[value_at:], stamp=Stamp(data[_HEAD.size : value_at]), expires_at=expires_at)
