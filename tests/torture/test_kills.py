"""Whatever step the server is killed at: what was answered holds, what was recorded is done, and nothing is done twice."""

from pathlib import Path

import pytest

from tests.torture import kills
from tests.torture.failpoints import ALL, Failpoint


@pytest.mark.parametrize("point", ALL, ids=str)
async def test_a_kill_at_any_step_loses_nothing_and_does_nothing_twice(point: Failpoint, tmp_path: Path) -> None:
    verdict = await kills.killed_at(point, tmp_path)
    assert verdict.clean, verdict
    assert verdict.answered >= kills.AT_ONCE


async def test_a_kill_after_the_answers_leaves_what_they_said_true(tmp_path: Path) -> None:
    verdict = await kills.killed_after_the_answers(tmp_path)
    assert verdict.clean, verdict
    assert verdict.answered == kills.AT_ONCE
