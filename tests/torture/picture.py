"""The storm as a picture: how many logouts the end system saw in each second after it had come back."""

from collections.abc import Sequence

WIDTH, HEIGHT, MARGIN = 760, 260, 46
BAR = 5
"""Seconds that one bar stands for."""
MARKS = 60
"""Seconds between two marks of the time."""


def drawn(rate: Sequence[int], title: str) -> str:
    """Return an SVG of logouts per second, with the time from left to right."""
    bars = [sum(part) / len(part) for part in (rate[start : start + BAR] for start in range(0, len(rate), BAR))]
    top, wide = max(bars), (WIDTH - 2 * MARGIN) / len(bars)
    tall = HEIGHT - 2 * MARGIN
    shapes = [
        f'<rect x="{MARGIN + place * wide:.1f}" y="{HEIGHT - MARGIN - bar / top * tall:.1f}" width="{wide * 0.85:.1f}" '
        f'height="{bar / top * tall:.1f}" fill="#3b6ea5"/>'
        for place, bar in enumerate(bars)
    ]
    shapes += [
        _text(MARGIN + second / BAR * wide, HEIGHT - MARGIN + 18, f"{second} s") for second in range(0, len(rate) + 1, MARKS)
    ]
    shapes += [
        _text(WIDTH / 2, 22, title),
        _text(MARGIN - 22, MARGIN + 4, f"{top:.0f}/s"),
        _text(MARGIN - 22, HEIGHT - MARGIN + 4, "0"),
        f'<path d="M{MARGIN} {MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}" fill="none" stroke="#444"/>',
    ]
    inside = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" '
        f'text-anchor="middle">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n{inside}\n</svg>\n'
    )


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="#222">{text}</text>'
