"""An action in two steps: a page that asks first, and one that says afterwards what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Field = tuple[str, object]
"""A line of a description: what, and its value."""


@dataclass(frozen=True, slots=True)
class AskedFirst:
    """Asks whether an action is meant."""

    title: str
    about: Sequence[Field]
    consequence: str
    """What will happen."""
    action: str
    """The path that does it, below the login's place."""
    button: str
    back: str
    """The path of the list from which it was asked for."""
    hidden: Sequence[tuple[str, str]] = ()
    """Fields that the person does not see."""
    reason: bool = False
    """Whether a reason has to be given."""
    here: str | None = None
    """The text of a box to tick, if there is one."""


@dataclass(frozen=True, slots=True)
class ToldAfterwards:
    """Says what became of an action."""

    kind: Literal["done", "attention", "waiting"]
    title: str
    about: Sequence[Field]
    back: str
    look_again: str | None = None
    """The path that tells more soon, as long as it is not over."""
