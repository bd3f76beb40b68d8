"""How long a caller is asked to wait: an hour at most, in every direction."""

import math

DEFAULT = 10
"""Seconds until the next try, if the cause does not tell."""
LONGEST = 3600.0
"""Seconds. A client that is told to wait longer takes the answer for a final no."""


def bounded(seconds: float | None) -> float | None:
    """Return the seconds that were asked for, from none to an hour; None if nothing, or no number, was."""
    if seconds is None or math.isnan(seconds):
        return None
    # A date in the past asks for no wait; it must not become a negative one.
    return min(max(seconds, 0.0), LONGEST)


def header(seconds: float = DEFAULT) -> dict[str, str]:
    """Return the header that asks to wait this long, bounded; no header if it is no number."""
    wait = bounded(seconds)
    return {} if wait is None else {"Retry-After": str(round(wait))}
