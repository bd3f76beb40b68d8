"""Processes that are killed while they record and settle."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

KILLS = 300
TOP = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no forks on this platform")
async def test_all_that_was_acknowledged_before_a_kill_is_in_the_ledger_afterwards(tmp_path: Path) -> None:
    script = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.ledger.killed", str(tmp_path), str(KILLS), "1", stdout=asyncio.subprocess.PIPE, cwd=TOP
    )
    told, _ = await script.communicate()
    found = json.loads(told)
    assert found["lost"] == []
    assert found["kills"] == KILLS
    assert found["acknowledged"] > 0
