"""What people have done to a running connector: one line for each action, with who did it, from where, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from secrets import token_bytes

from msgspec import Struct

WORD_BYTES = 16
LONGEST = 500
"""Characters of a text in a line."""


class Action(StrEnum):
    """What somebody does that changes something. A later version may know more: a line keeps the text."""

    CONSOLE_LOGIN = "console login"
    RETRY = "retry"
    DISMISS = "dismiss"
    CLOSE = "close"
    DISMISS_LOGIN = "dismiss login"
    DRAIN = "drain"
    EVICT = "evict"
    RESTORE = "restore"
    COPY_LEDGER = "copy ledger"
    ADD_KEY = "add key"
    PROMOTE_KEY = "promote key"
    RETIRE_KEY = "retire key"


class Actor(Struct, frozen=True):
    """Who acts, and from where."""

    who: str
    """The name of a user."""
    where: str
    """The face of the administration and, if it has one, the address: `control socket`, `console 127.0.0.1`."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log. The moment is in seconds since the epoch."""

    word: bytes
    """A random word, by which the line is known: to write it twice makes one line."""
    at: float
    who: str
    where: str
    action: str
    target: str
    """What it was done to, in words: `owed 17`, `session 6f1c...`."""
    outcome: str | None = None
    """What became of it; None if it has begun, and nobody knows how it ended."""
    id: int = 0
    """Numbers the lines of a ledger, the oldest first; 0 before it is written."""


Note = Callable[[AuditEntry], None]
"""Writes a line, or its outcome."""


def begun(by: Actor, action: Action, target: str, at: float) -> AuditEntry:
    """Return the line that is written before an action begins."""
    return AuditEntry(token_bytes(WORD_BYTES), at, storable(by.who), storable(by.where), action.value, storable(target))


def ended(entry: AuditEntry, outcome: str) -> AuditEntry:
    """Return the line of an action that is over."""
    return replace(entry, outcome=storable(outcome))


def storable(text: str) -> str:
    """Return a text of bounded length without what could break a line or a database."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[:LONGEST])
