"""A list that is shown page by page: how much is on one, and where the next one is."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web

T = TypeVar("T")

PAGE = 100
"""Rows that are shown at a time."""
ONE_MORE = PAGE + 1
"""How many to ask for: one row more tells whether there is a next page."""


def one_page(
    request: web.Request, found: Sequence[T], place: str, place_of: Callable[[T], int]
) -> tuple[Sequence[T], str | None]:
    """Return the rows of a page, and the query of the next one, or None if there is none.

    The query keeps what else was asked for. Its field `place` says behind which row the next page begins.
    """
    rows = found[:PAGE]
    if len(found) <= PAGE:
        return rows, None
    kept = {name: value for name, value in request.query.items() if value and name != place}
    return rows, f"?{urlencode({**kept, place: place_of(rows[-1])})}"
