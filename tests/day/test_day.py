"""The day in short: what nobody cleans up is gone by midnight, whatever has happened to the server and the end system."""

import sys
from pathlib import Path

import pytest

from connector.model.sessions import Reason
from tests.day.course import KILLS, lived
from tests.day.traffic import FORGOTTEN

SESSIONS = 400
LICENCE = 20
"""Logins: fewer than the first hour needs after the end system was away."""
MINUTE = 0.02
"""Seconds: half an hour of the day is some tenths of a second."""

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform != "linux", reason="a process tells its memory and its files in /proc")
async def test_after_a_day_of_crashes_no_login_is_left_and_the_server_holds_no_more(tmp_path: Path) -> None:
    day, course = await lived(tmp_path, SESSIONS, MINUTE)

    assert day.kills == len(KILLS)
    assert day.reaped[Reason.IDLE] > 0.8 * SESSIONS / FORGOTTEN  # a kill may take the line of some from the log
    assert set(day.left.values()) == {0}
    assert course.left == {}
    assert {status for (kind, status), _ in course.told.items() if kind == "cleanups"} == {200}


@pytest.mark.skipif(sys.platform != "linux", reason="a process tells its memory and its files in /proc")
async def test_a_day_touches_the_line_of_the_licence_and_never_crosses_it(tmp_path: Path) -> None:
    day, _ = await lived(tmp_path, SESSIONS, MINUTE, licence=LICENCE)

    assert day.most == LICENCE
    assert day.refused == 0
    assert set(day.left.values()) == {0}
