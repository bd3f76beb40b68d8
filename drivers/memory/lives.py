"""Generations of sessions and systems, and the buckets that they name."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from drivers import generations
from drivers.contract import Everything, Scope, SessionScope, Stamp, SystemScope
from drivers.memory.rings import Bucket
from drivers.memory.shelf import Shelf

NOTED_EVERY = 60.0
"""Seconds that may pass before it is noted that a generation is still in use."""

_Owner = tuple[str, str]
_EVERYTHING: _Owner = ("everything", "")


@dataclass(slots=True, eq=False)
class _Life:
    """The present life of a session, a system or everything: its generation, and the buckets whose names it is part of."""

    generation: bytes = field(default_factory=generations.new_generation)
    buckets: "set[NamedBucket]" = field(default_factory=set)
    used: float = 0.0
    ended: bool = False


@dataclass(slots=True, eq=False)
class NamedBucket(Bucket):
    """The entries of one scope for as long as all the lives last that it depends on; `name` is made of their generations."""

    name: Stamp = field(kw_only=True)
    scope: Scope = field(kw_only=True)
    lives: tuple[_Life, ...] = field(kw_only=True)
    used: float = field(kw_only=True)


class Lives:
    """All lives. Ending one costs the same, however much depends on it; its buckets are freed step by step."""

    def __init__(self) -> None:
        self._lives: OrderedDict[_Owner, _Life] = OrderedDict()
        """Least recently used first."""
        self._buckets: dict[Scope, NamedBucket] = {}
        """The last one of each scope, which may have ended."""
        self._garbage: list[_Life | NamedBucket] = []
        """A stack of ended lives and buckets that still have to be freed."""

    @property
    def garbage(self) -> int:
        """How many lives and buckets are still to be freed, about."""
        return len(self._garbage)

    def bucket(self, scope: Scope) -> NamedBucket | None:
        """Return the scope's bucket, if it has one."""
        bucket = self._buckets.get(scope)
        if bucket is not None:
            for life in bucket.lives:  # not `any`, which takes three times as long: this is on the way of every read
                if life.ended:
                    return None
        return bucket

    def buckets(self, scope: Scope) -> Iterator[NamedBucket]:
        """Yield the buckets that end with this scope. None of them may be freed meanwhile."""
        life = self._lives.get(_owners(scope)[0])
        for bucket in () if life is None else life.buckets:
            if not any(each.ended for each in bucket.lives):
                yield bucket

    def present(self, scope: Scope, now: float) -> NamedBucket:
        """Return the scope's bucket, a new one if it has none, and note that it is in use."""
        bucket = self.bucket(scope)
        # Noting each use would move its lives to the end of their order at every read.
        if bucket is not None and now - bucket.used < NOTED_EVERY:
            return bucket
        lives = tuple(self._life(owner, now) for owner in _owners(scope))
        if bucket is None:
            bucket = self._begin(scope, lives)
        bucket.used = now
        return bucket

    def end(self, scope: Scope) -> None:
        """End the scope's own life, and so the buckets of all scopes that depend on it."""
        self._end(_owners(scope)[0])

    def free(self, shelf: Shelf) -> bool:
        """Take one step of freeing what has ended, and tell whether there was one."""
        if not self._garbage:
            return False
        match self._garbage[-1]:
            case NamedBucket() as bucket if bucket.entries:
                shelf.forget_any(bucket)
            case NamedBucket() as bucket:
                self._garbage.pop()
                self._free(bucket)
            case _Life(buckets=buckets) if buckets:
                self._garbage.append(buckets.pop())
            case _:
                self._garbage.pop()
        return True

    def end_idle(self, now: float) -> bool:
        """End the longest unused life if it is idle, and tell whether it was."""
        owner = next(iter(self._lives), None)
        idle = owner is not None and self._lives[owner].used < now - generations.LIFE
        if owner and idle:
            self._end(owner)
        return idle

    def _life(self, owner: _Owner, now: float) -> _Life:
        life = self._lives.get(owner)
        if life is None:
            life = self._lives[owner] = _Life()
        life.used = now
        self._lives.move_to_end(owner)
        return life

    def _begin(self, scope: Scope, lives: tuple[_Life, ...]) -> NamedBucket:
        name = Stamp(b"".join([life.generation for life in lives]))
        bucket = self._buckets[scope] = NamedBucket(name=name, scope=scope, lives=lives, used=0.0)
        for life in lives:
            life.buckets.add(bucket)
        return bucket

    def _end(self, owner: _Owner) -> None:
        life = self._lives.pop(owner, None)
        if life is not None:
            # Marked, because buckets that depend on it are found by other ways, too, and are freed only later.
            life.ended = True
            self._garbage.append(life)

    def _free(self, bucket: NamedBucket) -> None:
        for life in bucket.lives:
            life.buckets.discard(bucket)
        if self._buckets.get(bucket.scope) is bucket:
            del self._buckets[bucket.scope]


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
