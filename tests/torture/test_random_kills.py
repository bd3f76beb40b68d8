"""The short form of `make torture`: some dozens of kills instead of two thousand."""

from pathlib import Path

from tests.torture.random_kills import killed_at_random

KILLS = 60


async def test_random_kills_under_load_lose_nothing_and_bring_nothing_back(tmp_path: Path) -> None:
    verdict = await killed_at_random(tmp_path, KILLS, seed=1)
    assert verdict.clean, verdict
    assert verdict.answered > 0
    assert verdict.unanswered > 0
