"""What the command `connector serve` imports until it serves, by package, as Python itself tells it."""

import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from bench.http.servers import LOG, commanded
from bench.question import OURS

LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)
"""One module: the microseconds that it took without what it imports, and its name."""
PYTHON = "Python's own library"
PARTS = {"connector": OURS, "drivers": OURS}


def imported(folder: Path) -> Mapping[str, float]:
    """Serve in this folder until it is up, and return the milliseconds that each package took."""
    with commanded(folder, "-X", "importtime"):
        return _by_package((folder / LOG).read_text("utf-8"))


def _by_package(told: str) -> Mapping[str, float]:
    milliseconds: defaultdict[str, float] = defaultdict(float)
    for microseconds, module in LINE.findall(told):
        milliseconds[_part(module.partition(".")[0])] += int(microseconds) / 1000
    return milliseconds


def _part(package: str) -> str:
    return PYTHON if package in sys.stdlib_module_names else PARTS.get(package, package)
