"""Where a server runs: with a terminal that may go, or with none."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.cli.terminal import new_terminal, path_of

ALONE = "import os, sys; os.setsid(); os.execv(sys.argv[1], sys.argv[1:])"
AT_A_TERMINAL = "import os, sys; os.setsid(); os.open(sys.argv[1], os.O_RDWR); os.execv(sys.argv[2], sys.argv[2:])"
NOHUP = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
ANYBODYS = "import os, sys; os.umask(0); os.execv(sys.argv[1], sys.argv[1:])"

WITHOUT_TERMINAL = (sys.executable, "-c", ALONE)
"""Runs the command behind it without a terminal, as the system's own services do."""
AS_NOHUP_DOES = (sys.executable, "-c", NOHUP)
"""Runs the command behind it so that it ignores hang-ups."""
WITHOUT_UMASK = (sys.executable, "-c", ANYBODYS)
"""Runs the command behind it so that what it makes is open to everybody, unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal that controls nothing yet."""

    ours: int
    name: str

    @property
    def launcher(self) -> tuple[str, ...]:
        """Runs the command behind it under the control of this terminal."""
        return (sys.executable, "-c", AT_A_TERMINAL, self.name)

    def hang_up(self) -> None:
        """Go, as when its window is closed; the system tells those that it controls."""
        os.close(self.ours)


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Give a terminal for one command."""
    ours, its = new_terminal()
    try:
        yield Terminal(ours, path_of(its))
    finally:
        os.close(its)
        with suppress(OSError):  # it has hung up
            os.close(ours)
