"""A disk that fails: no 200 for what was not recorded, no damaged file, and no restart to get well."""

from pathlib import Path

import pytest

from tests.torture.faults import CLIENTS, ROUNDS, failing_writes


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
async def test_a_disk_that_fails_every_third_write_gives_no_200_and_recovers_by_itself(
    ptrace: None, tmp_path: Path, error: str
) -> None:
    failed = await failing_writes(tmp_path, error, every=3)
    assert failed.statuses == {503: CLIENTS * ROUNDS}
    assert failed.verdict.clean, failed.verdict


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
async def test_what_was_answered_200_on_a_disk_that_fails_now_and_then_is_owed(ptrace: None, tmp_path: Path, error: str) -> None:
    failed = await failing_writes(tmp_path, error, every=41)
    assert set(failed.statuses) == {200, 503}
    assert failed.verdict.clean, failed.verdict
