"""The charts of the last day: what this server did, minute by minute, and how long that took. It is said in numbers, too."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from connector.admin.service import Admin
from connector.api.control_values import ok
from connector.console.asking import Field
from connector.console.pages import Pages
from connector.telemetry.last_day import Point, Took

KINDS = ("initializes", "cleanups", "logouts")
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class ChartPages:
    """Asks the service for the last day, and hands it to the page's script."""

    admin: Admin
    pages: Pages

    def routes(self, base: str) -> list[web.RouteDef]:
        """Return where the page and its numbers are."""
        return [web.get(f"{base}/charts", self.show), web.get(f"{base}/charts/numbers", self.numbers)]

    async def show(self, request: web.Request) -> web.Response:
        """Show the page; its script draws the charts."""
        history = self.admin.history(time.time() - HOUR)
        said = _in_words([*history.points, history.present])
        return self.pages.page(request, "charts.html", said=said)

    async def numbers(self, _: web.Request) -> web.Response:
        """Answer with the numbers of each chart, as its script draws them."""
        return ok(charts(self.admin.history().points))


def charts(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Return the charts: for each its moments, and its lines with one number a moment."""
    at = [point.at for point in points]
    counted = [_counted(kind, points) for kind in KINDS]
    took = {
        "cleanup, half of them": _took(point.cleanup_took for point in points)[0],
        "cleanup, 99 of 100": _took(point.cleanup_took for point in points)[1],
        "logout, half of them": _took(point.logout_took for point in points)[0],
        "logout, 99 of 100": _took(point.logout_took for point in points)[1],
    }
    drawn = [*zip(KINDS, counted, strict=True), ("seconds", took)]
    return [{"name": name, "at": at, "lines": lines} for name, lines in drawn]


def _counted(kind: str, points: Sequence[Point]) -> dict[str, list[int]]:
    """Return how many there were in each minute, by what became of them: first what became of most."""
    each: list[dict[str, int]] = [getattr(point, kind) for point in points]
    sums = _summed(each)
    return {word: [counts.get(word, 0) for counts in each] for word in sorted(sums, key=lambda word: (-sums[word], word))}


def _summed(each: Iterable[dict[str, int]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for counts in each:
        sums.update(counts)
    return sums


def _took(each: Iterable[Took | None]) -> tuple[list[float | None], list[float | None]]:
    found = [*each]
    return [None if took is None else took.p50 for took in found], [None if took is None else took.p99 for took in found]


def _in_words(points: Sequence[Point]) -> list[Field]:
    """Say what was done in the last hour."""
    lines: list[Field] = []
    for kind in KINDS:
        sums = _summed(getattr(point, kind) for point in points)
        lines.append((kind.capitalize(), ", ".join(f"{word}: {number}" for word, number in sorted(sums.items())) or "none"))
    slowest = [took.p99 for point in points for took in [point.cleanup_took] if took]
    lines.append(("Slowest minute of cleanups", f"99 of 100 within {max(slowest):.3g} s" if slowest else "there was none"))
    return lines
