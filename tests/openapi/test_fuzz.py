"""Whatever is sent to a call that is described: the answer is as described, no defect is logged, and each session ends."""

from pathlib import Path

import pytest

from tests.openapi.fuzz import faults

SECONDS = 60


@pytest.mark.slow
async def test_nothing_that_is_sent_gets_an_answer_that_is_not_described(tmp_path: Path) -> None:
    found = await faults(tmp_path, SECONDS, seed=1)

    assert not found, "\n".join(found)
