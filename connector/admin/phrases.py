"""Moments, spans of time, sizes and text of unknown origin in words, for a person."""

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
SIZES = ("B", "KB", "MB", "GB")


def plain(text: str | None) -> str:
    """Return text of unknown origin without what could move a cursor or break a line."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text or "")


def moment(at: float | None, now: float) -> str:
    """Say when something is or was, for instance `in 40 s`; nothing for None."""
    if at is None:
        return ""
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


def span(seconds: float) -> str:
    """Say how long something takes in whole units, for instance `3 min`."""
    size, unit = next((size, unit) for size, unit in UNITS if seconds >= size or size == 1)
    return f"{seconds // size:.0f} {unit}"


def size(value: int | None) -> str:
    """Return a number of bytes in words, for instance `1.2 MB`; nothing if it is not known."""
    if value is None:
        return ""
    left, unit = float(value), 0
    while left >= 1000 and unit < len(SIZES) - 1:
        left, unit = left / 1000, unit + 1
    return f"{left:.{1 if unit else 0}f} {SIZES[unit]}"
