"""What is true, when: which loads a read may still show, and what has happened."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from drivers import EVERYTHING, Scope, SessionScope, SystemScope
from drivers.contract import lineage


class Loaded(msgspec.Struct, frozen=True):
    """A value as the end system gave it: of which scope and key, and at which event its load began."""

    scope: str
    key: str
    began: int


class Stale(AssertionError):
    """A read has shown what it must not show."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A read that has begun, and the event that a load must have begun after to be shown by it."""

    scope: Scope
    key: str
    began: int
    oldest: int


@dataclass(slots=True)
class Oracle:
    """Numbers the events, and judges every read by them."""

    history: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    _events: int = 0
    _oldest: dict[tuple[str, Scope], int] = field(default_factory=dict)
    """By process (or "" for all) and evicted scope: the event after which a load must have begun to be shown."""

    def event(self, what: str) -> int:
        """Note something that happens, and number it."""
        self._events += 1
        self.history.append(f"{self._events:5} {what}")
        return self._events

    def reading(self, process: str, scope: Scope, key: str, verb: str) -> Reading:
        """Note that a read begins."""
        began = self.event(f"{process}: {verb} {named(scope)}/{key} begins")
        oldest = max(self._oldest.get((who, each), 0) for who in ("", process) for each in lineage(scope))
        return Reading(scope, key, began, oldest)

    def has_read(self, reading: Reading, found: Loaded | None, verb: str) -> None:
        """Judge what a read has shown."""
        self.event(f"    {verb} {named(reading.scope)}/{reading.key} -> {found.began if found else 'absent'}")
        if found is None:
            return
        if found.began < reading.began:
            self.counted["hits"] += 1
        if (found.scope, found.key) != (named(reading.scope), reading.key):
            self._violated(f"{named(reading.scope)}/{reading.key} shows a value of {found.scope}/{found.key}")
        if found.began < reading.oldest:
            place = f"{found.scope}/{found.key}"
            self._violated(f"{place} as loaded at event {found.began} is shown after the cleanup received at {reading.oldest}")

    def cleaned(self, received: int, scopes: tuple[Scope, ...], process: str = "") -> None:
        """Note the answer of a cleanup: to everybody with 200, otherwise only to who asks the process that gave it."""
        for scope in scopes:
            place = (process, lineage(scope)[0])
            self._oldest[place] = max(self._oldest.get(place, 0), received)

    def broken(self, what: str) -> None:
        """Note a defect."""
        self._violated(what)

    def _violated(self, what: str) -> None:
        self.event(f"!!! {what}")
        self.violations.append(what)


def named(scope: Scope) -> str:
    """Return a scope's name in the history."""
    match scope:
        case SessionScope(session_id):
            return session_id
        case SystemScope(system_id):
            return system_id
        case _:
            return str(EVERYTHING)
