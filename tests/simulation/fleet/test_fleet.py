"""Real replicas in five hundred simulated runs that an oracle watches."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from connector.model.errors import LedgerUnavailable
from tests.simulation.fleet.runs import simulate
from tests.simulation.fleet.verdict import Verdict
from tests.simulation.quiet import quiet

ROOT = Path(__file__).parents[3]
PARTS, SEEDS = 10, 50
"""Into how many parts the long run is divided, one for a process at a time, and how many seeds each has."""


def judged(seeds: range) -> Counter[str]:
    counted: Counter[str] = Counter()
    with quiet():
        for seed in seeds:
            oracle = simulate(seed)
            command = f"python -m tests.simulation.fleet --seed {seed}"
            assert not oracle.violations, f"{oracle.violations[0]}\nto see it: {command}"
            counted += oracle.counted
    return counted


def test_no_dead_seal_is_served_and_no_login_is_left_whatever_goes_wrong() -> None:
    """A fleet that answers nothing would do nothing wrong either."""
    counted = judged(range(12))

    assert counted["initialize 200"] > counted["initialize 503"]
    assert counted["cleanup 200"] > counted["cleanup 503"]
    assert min(counted[f"call {status}"] for status in (200, 401)) > counted["call 503"]
    assert counted["hits"] > counted["loads"] / 4


def test_replicas_that_have_stores_of_their_own_do_not_start() -> None:
    assert simulate(seed=1, favoured={"own_stores": True}).counted == {"refused": 1}


def test_a_run_that_breaks_off_is_told_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def judge(_: Verdict) -> None:
        raise LedgerUnavailable("its answer was not foreseen")

    monkeypatch.setattr(Verdict, "judge", judge)
    assert simulate(seed=1).violations == ["the run broke off: LedgerUnavailable('its answer was not foreseen')"]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_dead_seal_is_served_and_no_login_is_left_in_five_hundred_runs(part: int) -> None:
    judged(range(part * SEEDS, (part + 1) * SEEDS))


def test_a_seed_tells_the_same_story_every_time() -> None:
    told = {_told(seed=5, hashes=hashes) for hashes in ("1", "random")}

    assert len(told) == 1
    assert _told(seed=6, hashes="1") not in told


def _told(seed: int, hashes: str) -> str:
    command = (sys.executable, "-m", "tests.simulation.fleet", "--seed", str(seed))
    told = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hashes}, capture_output=True, check=True, text=True
    )
    assert "is answered 200" in told.stdout
    return told.stdout
