"""`make bench QUICK=1`, as CI runs it: whether every question is answered, and not how."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.questions import ALL

WITHIN = 900
"""Seconds, on a machine whose other core runs the torture."""


@pytest.mark.slow
@pytest.mark.usefixtures("redis_binary")
def test_a_quick_run_answers_every_question_and_its_checks_hold(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "bench", "--quick", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=WITHIN)

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    answered = {row["question"].partition(": ")[0] for row in json.loads((tmp_path / "results.json").read_text())}
    assert answered == {question.name for question in ALL}
    assert {file.stem for file in tmp_path.rglob("*.svg")} == answered
    assert "Not measured yet" not in (tmp_path / "performance.md").read_text()
