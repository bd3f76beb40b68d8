"""A script: a replica whose clock is wrong by so many seconds. `python -m tests.torture.fleet.ahead SECONDS CONFIG TICK`."""

import runpy
import sys
import time
from unittest.mock import patch


def main() -> None:
    """Serve as the other script does, by another time of day."""
    ahead, real = float(sys.argv.pop(1)), time.time
    with patch("time.time", lambda: real() + ahead):  # before any module takes it for a default
        runpy.run_module("tests.torture.fleet.serving", run_name="__main__")


if __name__ == "__main__":
    main()
