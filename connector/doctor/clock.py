"""The clock of this machine, held against those of others."""

from collections.abc import Callable
from time import time

from connector.doctor.finding import DoctorFinding, sound, warning

OFF = 5.0
"""Seconds by which two clocks may differ."""


def timed(ask: Callable[[], float]) -> tuple[float, float, float]:
    """Ask another clock. Return when it was asked and what it said, and when the answer was there."""
    begun = time()
    said = ask()
    return begun, said, time()


def clock_finding(name: str, begun: float, said: float, ended: float, *, whole: float = 0.0) -> DoctorFinding:
    """Say how far a clock is from that of this machine. It was asked between two moments of this one, and said `said`.

    `whole` is how many seconds later it may have been, because the clock tells only whole ones.
    """
    off = max(begun - said - whole, said - ended, 0.0)
    if off <= OFF:
        return sound(f"{name}-clock", "its clock is that of this machine")
    way = "ahead of" if said > ended else "behind"
    remedy = "let NTP set both clocks: they decide when something is due, and how long a login lives"
    return warning(f"{name}-clock", f"its clock is {off:,.0f} s {way} that of this machine", remedy)
