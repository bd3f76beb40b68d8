"""How long a cached value lives."""

import math

from drivers import MAX_TTL

DEFAULT_TTL = 3600.0
"""Seconds that a value lives by default."""
JITTER = 0.1
"""Share of its life that a value loses at most, so that values loaded together do not expire together."""


def checked(ttl: float) -> float:
    """Return the time to live. Raises `ValueError` for one that cannot be."""
    # A comparison with NaN is always false, so infinity and NaN are checked by themselves.
    if not math.isfinite(ttl) or not 0 < ttl <= MAX_TTL:
        raise ValueError(f"ttl is {ttl}; expected seconds, more than 0 and at most {MAX_TTL:.0f} (29 days)")
    return ttl


def shortened(ttl: float, luck: float) -> float:
    """Return a time to live that is shorter by the share of the jitter that `luck`, from 0 to 1, says."""
    return ttl * (1 - JITTER * luck)
