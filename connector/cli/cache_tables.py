"""What is cached, as rows of tables."""

from collections.abc import Iterator

from connector.admin.phrases import plain, size
from connector.admin.shown_caches import ShownCaches, ShownUsage

STORES = ("store", "state", "entries", "size", "garbage", "hits", "misses")
SYSTEMS = ("store", "system", "entries", "size")


def store_rows(found: ShownCaches) -> Iterator[tuple[str, ...]]:
    """Yield a row for each store. What it cannot tell is left empty."""
    for store in found.drivers:
        figures = (number(store.entries), size(store.bytes), number(store.garbage))
        yield store.driver, plain(store.state), *figures, str(store.hits), str(store.misses)


def system_rows(found: ShownCaches) -> Iterator[tuple[str, ...]]:
    """Yield a row for each system and store."""
    for each in found.systems:
        for driver, usage in each.held.items():
            yield driver, plain(each.system), *_held(usage)


def number(value: int | None) -> str:
    """Return a number in words; nothing if it is not known."""
    return "" if value is None else str(value)


def _held(usage: ShownUsage | None) -> tuple[str, str]:
    if usage is None:
        return "cannot be told", ""
    least = "" if usage.complete else "at least "
    return f"{least}{usage.entries}", f"{least}{size(usage.bytes)}" if usage.bytes is not None else ""
