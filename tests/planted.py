"""Mistakes that are planted in a process of tests, to see that these find them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FAILED = 1
"""pytest's exit code if a test has failed."""
WITHIN = 300.0


def assert_found(name: str, plugin: str, tests: Path) -> None:
    """Run a file of tests with a mistake that a plugin of pytest plants, and expect that one of them fails."""
    planted = ["-p", plugin, "--plant", name, "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", *planted, str(tests)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=WITHIN)
    assert ended.returncode == FAILED, ended.stdout
