"""The real cache and the real cleanup, in a thousand simulated runs that an oracle watches."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.quiet import quiet
from tests.simulation.world import simulate

ROOT = Path(__file__).parents[2]


def judged(seeds: range) -> Counter[str]:
    counted: Counter[str] = Counter()
    with quiet():
        for seed in seeds:
            oracle = simulate(seed)
            assert not oracle.violations, f"{oracle.violations[0]}\nto see it: python -m tests.simulation --seed {seed}"
            counted += oracle.counted
    return counted


def test_no_read_after_a_cleanup_shows_what_was_loaded_before_it() -> None:
    judged(range(50))


@pytest.mark.slow
def test_no_read_after_a_cleanup_shows_what_was_loaded_before_it_in_a_thousand_runs() -> None:
    judged(range(50, 1_000))


def test_the_simulated_cache_is_one() -> None:
    """An empty cache would show nothing old either."""
    counted = judged(range(50))

    assert counted["hits"] > counted["loads"] / 4


def test_a_seed_tells_the_same_story_every_time() -> None:
    told = {_told(seed=7, hashes=hashes) for hashes in ("1", "2", "random")}

    assert len(told) == 1
    assert _told(seed=8, hashes="1") not in told


def _told(seed: int, hashes: str) -> str:
    command = (sys.executable, "-m", "tests.simulation", "--seed", str(seed))
    told = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hashes}, capture_output=True, check=True, text=True
    )
    assert "begins" in told.stdout
    return told.stdout
