"""A script: the command `connector`, which gets a signal just before the nth time that it renames a ledger.

`python -m tests.ledger.ended_at_renames SIGNAL N ARGUMENT...`; the signal is a name such as `SIGKILL`.
"""

import os
import signal
import sys
from typing import Any

from connector.cli.main import main as connector
from tests.ledger.ledgers import NAME


class Ending:
    """Hears of each rename, as Python tells it beforehand."""

    def __init__(self, name: str, number: int) -> None:
        self.number, self.left = signal.Signals[name], number

    def __call__(self, event: str, about: tuple[Any, ...]) -> None:
        if event == "os.rename" and NAME in str(about[0]):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)


if __name__ == "__main__":
    _, name, number, *arguments = sys.argv
    sys.argv[1:] = arguments
    sys.addaudithook(Ending(name, int(number)))
    connector()
