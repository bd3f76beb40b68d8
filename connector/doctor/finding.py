"""One thing that the doctor has looked at, and what to do about it."""

from collections.abc import Iterable
from enum import Enum

import msgspec


class Condition(Enum):
    """How something is, the best first."""

    SOUND = "sound"
    WARNING = "warning"
    """It works, and will not under some circumstances."""
    FAULT = "fault"
    """Something does not work."""


EXIT_CODES = {Condition.SOUND: 0, Condition.WARNING: 1, Condition.FAULT: 2}
"""As the plugins of monitoring systems end (Monitoring Plugins Guidelines)."""


class DoctorFinding(msgspec.Struct, frozen=True):
    """What was found. No text repeats a secret."""

    name: str
    """Stays the same from version to version: `keys-mode`."""
    condition: Condition
    seen: str
    remedy: str | None = None
    """What a person can do."""


def sound(name: str, seen: str) -> DoctorFinding:
    """Say that something is as it should be."""
    return DoctorFinding(name, Condition.SOUND, seen)


def warning(name: str, seen: str, remedy: str) -> DoctorFinding:
    """Say that something may become a fault."""
    return DoctorFinding(name, Condition.WARNING, seen, remedy)


def fault(name: str, seen: str, remedy: str) -> DoctorFinding:
    """Say that something does not work."""
    return DoctorFinding(name, Condition.FAULT, seen, remedy)


def worst(findings: Iterable[DoctorFinding]) -> Condition:
    """Return the condition of the worst finding."""
    order = [*Condition]
    return max((finding.condition for finding in findings), key=order.index, default=Condition.SOUND)
