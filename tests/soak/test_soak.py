"""The soak in short: when mixed traffic is over, the server holds what it held before."""

import sys
from pathlib import Path

import pytest

from tests.soak.soak import soaked
from tests.soak.traffic import MIX, name_of

ROOT = Path(__file__).parents[2]
ROUNDS = 6


@pytest.mark.skipif(sys.platform != "linux", reason="a process tells its memory and its files in /proc, and has 127.0.0.2")
async def test_after_mixed_traffic_memory_objects_files_and_tasks_are_where_they_were(tmp_path: Path) -> None:
    course = await soaked(ROOT, tmp_path, ROUNDS)

    assert course.left == {}
    silent = {"idle outsiders", "half sent"}
    assert {kind for kind, _ in course.told} == {name_of(kind) for kind in MIX} - silent
    assert {status for kind, status in course.told if kind == "sessions"} == {200}
    assert {status for kind, status in course.told if kind == "outsiders"} == {404}
