"""Bundled profiles at the real systems that they were written for. `make end-systems` tries the others, too."""

from pathlib import Path

import pytest

from tests.conftest import do_without
from tests.endsystems.real_systems.catalogue import CHEAP, SYSTEMS
from tests.endsystems.real_systems.drill import PHASES
from tests.endsystems.real_systems.installation import CannotInstall, install, python
from tests.endsystems.real_systems.stage import staged
from tests.endsystems.real_systems.system import RealSystem

TRIED = [system for system in SYSTEMS if system.key in CHEAP]


@pytest.mark.slow
@pytest.mark.parametrize("system", TRIED, ids=CHEAP)
async def test_a_real_system_passes_its_drill(system: RealSystem, tmp_path: Path) -> None:
    need(system)
    async with staged(system) as stage:
        for name, phase in PHASES.items():
            folder = tmp_path / name
            folder.mkdir()
            await phase(stage, folder)


def need(system: RealSystem) -> None:
    """Install it. Without the Python of its pins the test is skipped, also in CI; otherwise it can be installed there."""
    if python() is None:
        pytest.skip("the packages are pinned for another Python")
    try:
        install(system)
    except CannotInstall as problem:
        do_without(str(problem))
