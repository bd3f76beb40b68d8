"""Groups of nodes that reach one another."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

Arrows = Mapping[str, AbstractSet[str]]


def cycles(arrows: Arrows) -> list[list[str]]:
    """Return the groups of two or more nodes of which each one leads to all the others, sorted."""
    reached = {node: frozenset(_reached(node, arrows)) for node in arrows}
    groups = {
        tuple(sorted(other for other in reached[node] if node in reached.get(other, ())))
        for node in arrows
        if node in reached[node]
    }
    return sorted([*group] for group in groups if len(group) > 1)


def _reached(start: str, arrows: Arrows) -> Iterator[str]:
    """Yield every node that one or more arrows lead to."""
    seen: set[str] = set()
    ahead = [*arrows[start]]
    while ahead:
        node = ahead.pop()
        if node not in seen:
            seen.add(node)
            yield node
            ahead += arrows.get(node, ())
