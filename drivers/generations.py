"""Generations: random tokens, each for the present life of a scope in one store."""

from secrets import token_bytes

BYTES = 16
"""As many as a UUID has, so that no two generations are ever the same."""
LIFE = 30 * 24 * 3600
"""Seconds after which an unused generation is forgotten. No entry lives that long: see `MAX_TTL`."""


def new_generation() -> bytes:
    """Return a token that no scope ever had."""
    return token_bytes(BYTES)
