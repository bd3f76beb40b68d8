"""A server with a full ledger starts like any other."""

from pathlib import Path

from tests.torture.measurements import recovery

ROWS = 20_000


async def test_thousands_of_owed_rows_delay_neither_the_first_answer_nor_the_first_retry(tmp_path: Path) -> None:
    for folder in ("empty", "full"):
        (tmp_path / folder).mkdir()
    empty, full = await recovery(tmp_path / "empty", 0), await recovery(tmp_path / "full", ROWS)
    assert full.answered - empty.answered < 2
    assert full.retrying is not None
    assert full.retrying - empty.answered < 2
