"""Moments in words, for a person."""

from datetime import UTC, datetime


def utc(moment: float) -> str:
    """Return a moment, in seconds since the epoch, as a date and a time of UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
