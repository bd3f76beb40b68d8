"""A script: runs another one whose clock is wrong by so many seconds. `python -m tests.ahead SECONDS MODULE ARGUMENTS...`."""

import runpy
import sys
import time
from unittest.mock import patch


def main() -> None:
    """Run the module, by another time of day."""
    ahead, module, real = float(sys.argv.pop(1)), sys.argv.pop(1), time.time
    with patch("time.time", lambda: real() + ahead):  # before anything takes it for a default
        runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main()
