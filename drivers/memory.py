"""Entries in this process's memory: the nearest copy, and an authority for one process that may forget all at its end."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from secrets import token_bytes

from drivers.contract import (
    MAX_TTL,
    Driver,
    DriverSettings,
    Entry,
    Everything,
    Scope,
    SessionScope,
    Stamp,
    Statistics,
    SystemScope,
)
from drivers.errors import DriverUnavailable
from drivers.expiries import Expiries

IDLE_LIFE = 30 * 24 * 3600.0
"""Seconds after which a generation that nobody used is forgotten: longer than any entry lives."""
SLICE = 1_000
"""Entries freed between two turns of the event loop: about a millisecond."""

_Owner = tuple[str, str]
_EVERYTHING: _Owner = ("everything", "")


@dataclass(slots=True, eq=False)
class _Life:
    """The present life of one session or system: its generation, and the buckets whose names it is part of."""

    used: float
    generation: bytes = field(default_factory=lambda: token_bytes(16))
    buckets: "set[_Bucket]" = field(default_factory=set)


@dataclass(slots=True, eq=False)
class _Bucket:
    """The entries that depend on the same lives; `name` is made of their generations."""

    name: Stamp
    lives: list[_Life]
    entries: dict[str, Entry] = field(default_factory=dict)


class MemoryDriver(Driver):
    """Every call but `purge` is a few dictionary look-ups. Two instances share nothing."""

    def __init__(self, name: str, settings: DriverSettings, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(name, settings)
        self._clock = clock
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._lives: OrderedDict[_Owner, _Life] = OrderedDict()
        """Least recently used first."""
        self._buckets: dict[bytes, _Bucket] = {}
        self._garbage: list[_Life | _Bucket] = []
        """A stack of what nobody can name any more and is still to be freed."""
        self._expiries: Expiries[_Bucket] = Expiries()
        self._held = 0

    async def aclose(self) -> None:
        self._closed = True
        self._begin()

    async def ping(self) -> None:
        self._must_be_open()

    async def stamp(self, scope: Scope) -> Stamp:
        self._must_be_open()
        return _name(self._lives_of(scope))

    async def get(self, scope: Scope, key: str) -> Entry | None:
        self._must_be_open()
        bucket = self._bucket(scope)
        entry = bucket.entries.get(key) if bucket else None
        return entry if entry and entry.expires_at > self._clock() else None

    async def put(self, scope: Scope, key: str, entry: Entry) -> None:
        self._must_be_open()
        self._store(self._lives_of(scope), key, entry)

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        self._must_be_open()
        lives = self._lives_of(scope)
        return _name(lives) == entry.stamp and self._store(lives, key, entry)

    async def delete(self, scope: Scope, key: str) -> None:
        self._must_be_open()
        bucket = self._bucket(scope)
        if bucket and key in bucket.entries:
            self._expiries.discard(bucket, key, bucket.entries.pop(key).expires_at)
            self._one_less(bucket)

    async def evict(self, *scopes: Scope) -> None:
        self._must_be_open()
        for scope in scopes:
            self._end(_owners(scope)[0])

    async def purge(self, limit: int) -> bool:
        for step in range(limit):
            self._must_be_open()
            if not (self._free_unreachable() or self._free_expired() or self._end_idle()):
                return False
            if step % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        return True

    async def statistics(self) -> Statistics:
        self._must_be_open()
        return Statistics(entries=self._held, garbage=len(self._garbage))

    def _must_be_open(self) -> None:
        if self._closed:
            raise DriverUnavailable(f"{self.name}: closed")

    def _lives_of(self, scope: Scope) -> list[_Life]:
        now = self._clock()
        return [self._life(owner, now) for owner in _owners(scope)]

    def _life(self, owner: _Owner, now: float) -> _Life:
        life = self._lives.get(owner)
        if life is None:
            life = self._lives[owner] = _Life(now)
        life.used = now
        self._lives.move_to_end(owner)
        return life

    def _bucket(self, scope: Scope) -> _Bucket | None:
        lives = [self._lives[owner] for owner in _owners(scope) if owner in self._lives]
        return self._buckets.get(_name(lives)) if len(lives) == len(_owners(scope)) else None

    def _store(self, lives: list[_Life], key: str, entry: Entry) -> bool:
        now = self._clock()
        if entry.expires_at <= now:
            return False
        kept = replace(entry, expires_at=min(entry.expires_at, now + MAX_TTL))
        bucket = self._buckets.get(_name(lives)) or self._begin_bucket(lives)
        if replaced := bucket.entries.get(key):
            self._expiries.discard(bucket, key, replaced.expires_at)
        else:
            self._held += 1
        bucket.entries[key] = kept
        self._expiries.add(bucket, key, kept.expires_at)
        return True

    def _begin_bucket(self, lives: list[_Life]) -> _Bucket:
        bucket = self._buckets[_name(lives)] = _Bucket(_name(lives), lives)
        for life in lives:
            life.buckets.add(bucket)
        return bucket

    def _one_less(self, bucket: _Bucket) -> None:
        self._held -= 1
        if not bucket.entries:
            del self._buckets[bucket.name]
            for life in bucket.lives:
                life.buckets.discard(bucket)

    def _end(self, owner: _Owner) -> None:
        life = self._lives.pop(owner, None)
        if life and life.buckets:
            self._garbage.append(life)

    def _free_unreachable(self) -> bool:
        """Take one step of freeing what lies on top of the garbage."""
        if not self._garbage:
            return False
        match self._garbage[-1]:
            case _Bucket(entries=entries) as bucket if entries:
                key, entry = entries.popitem()
                self._expiries.discard(bucket, key, entry.expires_at)
                self._one_less(bucket)
            case _Life(buckets=buckets) if buckets:
                self._garbage.append(buckets.pop())
            case _:
                self._garbage.pop()
        return True

    def _free_expired(self) -> bool:
        due = self._expiries.take_due(self._clock())
        if due is None:
            return False
        bucket, key = due
        del bucket.entries[key]
        self._one_less(bucket)
        return True

    def _end_idle(self) -> bool:
        owner = next(iter(self._lives), None)
        idle = owner is not None and self._lives[owner].used < self._clock() - IDLE_LIFE
        if owner and idle:
            self._end(owner)
        return idle


def _owners(scope: Scope) -> tuple[_Owner, ...]:
    """Whose generations name the bucket of `scope`, its own first; as `lineage` has it, without making a scope of each."""
    match scope:
        case SessionScope(session_id, system_id):
            own = ("session", session_id)
            return (own, _EVERYTHING) if system_id is None else (own, ("system", system_id), _EVERYTHING)
        case SystemScope(system_id):
            return ("system", system_id), _EVERYTHING
        case Everything():
            return (_EVERYTHING,)


def _name(lives: list[_Life]) -> Stamp:
    return Stamp(b"".join([life.generation for life in lives]))
