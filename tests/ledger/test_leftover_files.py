"""Files that SQLite has left beside a ledger that is gone: nothing of them gets into a ledger that is made in its place."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.ledger.sql.snapshot import Snapshot
from connector.ledger.sqlite.backup import back_up
from connector.ledger.sqlite.leaving import leaving
from connector.ledger.sqlite.moving_in import move_in
from connector.ledger.sqlite.reading import opened_read_only
from connector.ledger.sqlite.recovery import COMPANIONS
from connector.model.audit import Action, Actor, begun
from connector.model.errors import ConfigurationError
from tests.ledger.ledgers import KEYS, NAME, START, all_due, filled, opened, record

ENTRY = begun(Actor("ada", "command line"), Action.COPY_LEDGER, "ledger x", START)


async def leave_a_log(folder: Path) -> bytes:
    """Leave a ledger's write-ahead log, with a logout that is owed, and not its file."""
    async with opened(folder / "killed") as ledger:
        await record(ledger, 77)
        log = (folder / "killed" / f"{NAME}-wal").read_bytes()
    shutil.rmtree(folder / "killed")
    (folder / f"{NAME}-wal").write_bytes(log)
    return log


def move_to(path: Path, source: Path) -> None:
    move_in(path, leaving(source, KEYS), ENTRY, lambda _: nullcontext(lambda: None))


async def test_a_start_moves_aside_what_a_ledger_that_is_gone_has_left_and_says_so(tmp_path: Path) -> None:
    log = await leave_a_log(tmp_path)

    with capture_logs() as logs:
        async with opened(tmp_path) as ledger:
            assert (await all_due(ledger), ledger.lost_track) == ([], True)

    (aside,) = tmp_path.glob(f"{NAME}.corrupt-*-wal")
    assert aside.read_bytes() == log
    (loud,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert loud["moved_to"] == str(aside).removesuffix("-wal")


async def test_what_is_moved_aside_twice_within_a_second_keeps_both(tmp_path: Path) -> None:
    for _ in range(2):
        await leave_a_log(tmp_path)
        async with opened(tmp_path):
            pass
        (tmp_path / NAME).unlink()

    assert len([*tmp_path.glob(f"{NAME}.corrupt-*-wal")]) == 2


@pytest.mark.parametrize("ending", [*COMPANIONS, ".saved"])
async def test_a_ledger_does_not_move_to_where_files_of_another_one_are(tmp_path: Path, ending: str) -> None:
    await filled(tmp_path / "old", 1)
    left = tmp_path / f"{NAME}{ending}"
    left.write_bytes(b"left")

    with pytest.raises(ConfigurationError, match=f"is there already; expected no file: {left}$"):
        move_to(tmp_path / NAME, tmp_path / "old" / NAME)

    async with opened(tmp_path / "old") as ledger:
        assert (len(await all_due(ledger)), left.read_bytes()) == (1, b"left")


async def test_a_backup_is_not_written_to_where_files_of_another_one_are(tmp_path: Path) -> None:
    await filled(tmp_path, 1)
    (tmp_path / "new.backup-wal").write_bytes(b"left")

    with opened_read_only(tmp_path / NAME, KEYS) as table, pytest.raises(ConfigurationError, match="is there already"):
        back_up(tmp_path / "new.backup", Snapshot(table), KEYS, ledger="x", now=START, advance=lambda: None)

    assert not (tmp_path / "new.backup").exists()


async def test_of_two_moves_to_one_file_at_once_the_first_is_done_and_the_second_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        await filled(tmp_path / name, 1)
    refused = []

    @contextmanager
    def another_meanwhile(_: int) -> Iterator[Callable[[], None]]:
        with pytest.raises(ConfigurationError, match="another process") as problem:
            move_to(tmp_path / NAME, tmp_path / "two" / NAME)
        refused.append(problem.value)
        yield lambda: None

    move_in(tmp_path / NAME, leaving(tmp_path / "one" / NAME, KEYS), ENTRY, another_meanwhile)

    async with opened(tmp_path) as moved, opened(tmp_path / "two") as stayed:
        assert (len(refused), len(await all_due(moved)), len(await all_due(stayed))) == (1, 1, 1)
