"""What the bench tells about the imports of a start."""

from pathlib import Path

from bench.imports import PYTHON, imported
from bench.question import OURS


def test_the_imports_of_a_start_are_charged_to_their_packages(tmp_path: Path) -> None:
    found = imported(tmp_path)
    assert {OURS, PYTHON, "aiohttp"} <= {*found}
    assert not {"connector", "drivers", "asyncio"} & {*found}
    assert min(found.values()) >= 0 < found[OURS]
