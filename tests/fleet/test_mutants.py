"""Each planted mistake is found by the tests that are meant to find it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.planting import MUTANTS

HERE = Path(__file__).parent
FAILED = 1
"""pytest's exit code if a test has failed."""
WITHIN = 300.0


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_sessions_of_a_fleet_is_killed(name: str) -> None:
    plugin = ["-p", "tests.fleet.planting", "--plant", name, "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", *plugin, str(HERE / MUTANTS[name].found_by)]
    ended = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False, timeout=WITHIN)
    assert ended.returncode == FAILED, ended.stdout
