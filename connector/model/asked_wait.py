"""How long somebody may be asked to wait: at most an hour, whoever asks for it and whoever it is passed on to."""

import math

LONGEST = 3600.0
"""Seconds. Whoever is told to wait for longer counts the answer as a no for ever, and nobody looks after him."""


def bounded(seconds: float | None) -> float | None:
    """Return the seconds that were asked for, from none to an hour; None where nothing was, or no number."""
    if seconds is None or math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST)
