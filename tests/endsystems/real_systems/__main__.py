"""Installs the real systems, drills each, and writes docs/end-systems.md: `python -m tests.endsystems.real_systems [SYSTEM]...`

With names of systems, only those are drilled, and the other rows of the page stay as they are.
"""

import asyncio
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.endsystems.real_systems.catalogue import SYSTEMS
from tests.endsystems.real_systems.drill import PHASES
from tests.endsystems.real_systems.installation import CannotInstall, install
from tests.endsystems.real_systems.page import write
from tests.endsystems.real_systems.stage import staged
from tests.endsystems.real_systems.system import RealSystem

ALL_OF_IT = 1800.0
"""Seconds that one system may take, without its installation."""


def main(keys: Sequence[str]) -> int:
    """Return the exit code: 0 if each system has passed each phase."""
    chosen = [system for system in SYSTEMS if not keys or system.key in keys]
    outcomes = {system.key: _drilled(system) for system in chosen}
    write(outcomes)
    return int(any(outcomes.values()))


def _drilled(system: RealSystem) -> list[str]:
    """Install and drill one system; return the phases that failed."""
    _say(f"{system.name} {system.version}")
    try:
        install(system)
        return asyncio.run(_play(system))
    except (CannotInstall, RuntimeError, OSError) as problem:
        _say(f"    {problem}")
        return ["installation and start"]


async def _play(system: RealSystem) -> list[str]:
    failed = []
    async with asyncio.timeout(ALL_OF_IT), staged(system) as stage:
        for name, phase in PHASES.items():
            with TemporaryDirectory() as folder:
                try:
                    await phase(stage, Path(folder))
                    _say(f"    pass  {name}")
                except (AssertionError, OSError, RuntimeError, TimeoutError):
                    failed.append(name)
                    _say(f"    FAIL  {name}\n{traceback.format_exc()}")
                finally:
                    stage.line.mend()
    return failed


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
