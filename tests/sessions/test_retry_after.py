"""`Retry-After`: an hour at most, wherever it is taken from and whoever it is passed on to."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from connector import Unavailable
from connector.endsystems.http.response import Response
from connector.model.retry_after import LONGEST
from tests.sessions.dawdling import Dawdling
from tests.sessions.served import served

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("asked", "taken"),
    [("0", 0), ("7", 7), ("999999999", LONGEST), (at(90), 90), (at(-90), 0), (at(86_400), LONGEST), ("soon", None)],
)
def test_an_answer_asks_for_an_hour_at_most(asked: str, taken: float | None) -> None:
    assert Response(503, [("Retry-After", asked)], b"").retry_after(NOW) == taken


@pytest.mark.parametrize(
    ("asked", "header"),
    [(7, "7"), (0, "0"), (999_999_999, "3600"), (-5, "0"), (math.inf, "3600"), (math.nan, None)],
)
def test_a_handler_passes_on_an_hour_at_most(asked: float, header: str | None) -> None:
    assert Unavailable("away", retry_after=asked).headers.get("Retry-After") == header


@pytest.mark.parametrize(
    ("asked", "header"),
    [("7.0", "7"), ("0.0", "10"), ("1e9", "3600"), ("-5.0", "10"), ("inf", "3600"), ("nan", "10")],
)
async def test_an_initialize_passes_on_an_hour_at_most(session: str, tmp_path: Path, asked: str, header: str) -> None:
    profile = f"{Dawdling.__module__}.{Dawdling.__name__}"
    async with served(tmp_path, f'[end_system]\nprofile = "{profile}"\nsettings = {{ seconds = {asked} }}\n') as server:
        answer = await server.opshub.initialize(session, [])

    assert (answer.status, answer.headers["Retry-After"]) == (503, header)
