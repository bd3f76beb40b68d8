"""A ledger whose name is a link to its file, which is in another folder: the file is what a server has, and what is replaced."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from connector.ledger.keyring import Keyring
from connector.ledger.sql.bringing_back import Restored
from connector.ledger.sql.snapshot import Snapshot
from connector.ledger.sqlite.backup import back_up, opened_backup
from connector.ledger.sqlite.leaving import leaving
from connector.ledger.sqlite.lost_keys import needs_keys
from connector.ledger.sqlite.moving_in import move_in
from connector.ledger.sqlite.noted_in_file import noting
from connector.ledger.sqlite.reading import opened_read_only
from connector.ledger.sqlite.recovery import is_half_done
from connector.ledger.sqlite.restored_file import restore
from connector.model.audit import Action, Actor, begun
from connector.model.errors import ConfigurationError
from tests.ledger.ledgers import KEYS, NAME, START, all_due, opened, record

ENTRY = begun(Actor("ada", "command line"), Action.RESTORE, "ledger", START)
FILE = "ledger.backup"


@pytest.fixture
async def link(tmp_path: Path) -> Path:
    """A link to a ledger that owes one logout, and that has a backup."""
    for name in ("real", "linked"):
        (tmp_path / name).mkdir()
    path = tmp_path / "linked" / NAME
    path.symlink_to(tmp_path / "real" / NAME)
    async with opened(tmp_path / "linked") as ledger:
        await record(ledger, 1)
    with opened_read_only(path, KEYS) as table:
        back_up(tmp_path / FILE, Snapshot(table), KEYS, ledger="x", now=START, advance=lambda: None)
    return path


def replaced(link: Path, keyring: Keyring = KEYS) -> Restored:
    with opened_backup(link.parents[1] / FILE, keyring) as (backup, _):
        return restore(link, backup, keyring, ENTRY, lambda: None, replace=True)


async def test_nothing_is_done_by_a_link_to_the_file_that_a_server_uses(link: Path) -> None:
    async with opened(link.parents[1] / "real"):
        with pytest.raises(ConfigurationError, match="another process"):
            replaced(link)
        with pytest.raises(ConfigurationError, match="another process"), leaving(link, KEYS):
            pass
        with pytest.raises(ConfigurationError, match="another process"), noting(link):
            pass

    async with opened(link.parents[1] / "real") as ledger:
        assert len(await all_due(ledger)) == 1


async def test_a_restore_by_a_link_replaces_the_file_and_not_the_link(link: Path) -> None:
    replaced(link)

    real = link.parents[1] / "real"
    assert link.is_symlink()
    assert [*real.glob(f"{NAME}.replaced-*Z")]
    async with opened(real) as ledger:
        assert (len(await all_due(ledger)), ledger.lost_track) == (1, True)


async def test_a_ledger_moves_by_a_link_that_leads_to_no_file_to_where_the_link_leads(link: Path) -> None:
    real = link.parents[1] / "real"
    (real / NAME).rename(real / "old.sqlite3")
    for name in ("-wal", "-shm"):  # they are empty, and the work of what has read the ledger
        (real / f"{NAME}{name}").unlink()

    move_in(link, leaving(real / "old.sqlite3", KEYS), ENTRY, lambda _: nullcontext(lambda: None))

    assert link.is_symlink()
    async with opened(real) as ledger:
        assert len(await all_due(ledger)) == 1


async def test_a_repair_that_was_broken_off_is_seen_by_a_link(link: Path) -> None:
    real = link.parents[1] / "real"
    (real / NAME).rename(real / f"{NAME}.saved")

    assert is_half_done(link)
    assert needs_keys(link) == "0 open sessions and 1 debts"
    with (
        pytest.raises(ConfigurationError, match=f"was broken off; a server that starts finishes it: {real}"),
        opened_read_only(link, KEYS),
    ):
        pass


async def test_links_that_lead_in_a_circle_are_told(link: Path) -> None:
    link.unlink()
    link.symlink_to(link.parent / "other")
    (link.parent / "other").symlink_to(link)

    with pytest.raises(ConfigurationError, match="Too many levels of symbolic links"):
        replaced(link)
    with pytest.raises(ConfigurationError, match="Too many levels of symbolic links"):
        async with opened(link.parent):
            pass
