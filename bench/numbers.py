"""Numbers as people write them: 3,631 and 0.0026, never with a power of ten."""

from math import floor, log10


def written(figure: float, digits: int = 4) -> str:
    """Return the number with so many digits that count, and no fewer than stand before the point."""
    if not figure:
        return "0"
    rounded = float(f"{figure:.{digits}g}")
    decimals = max(0, digits - 1 - floor(log10(abs(rounded))))
    text = f"{rounded:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(figure: float) -> str:
    """Return the number with three digits, four if it is a thousand or more."""
    return written(figure, 3 if abs(figure) < 1_000 else 4)
