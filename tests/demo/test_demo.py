"""The demo tells the truth: it holds as it stands, and says so when it does not."""

import subprocess
import sys

from tests.demo.scene import Sight
from tests.demo.screen import show
from tests.e2e.connector_process import ROOT, WITHIN


def test_the_demo_shows_what_is_gone_and_exits_with_0(node_packages: None) -> None:
    command = [sys.executable, "-m", "tests.demo"]
    shown = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=4 * WITHIN)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "refused" in shown.stdout


def test_what_is_still_there_although_it_should_be_gone_is_told() -> None:
    there: Sight = {"session 1": {"cached in sqlite": True}}
    assert show(there, {"session 1": {"cached in sqlite": True}})
    assert not show(there, {"session 1": {"cached in sqlite": False}})
