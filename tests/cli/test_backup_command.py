"""`connector backup` of a ledger with rows that nobody can use: the file is there, and the exit code tells."""

from pathlib import Path

import pytest

from connector.preflight.keyfile import parsed
from tests.cli.command import connector
from tests.ledger.ledgers import NAME, open_, opened, raw, record, session

LINE = f"one:{'k' * 42}A"
KEYS = parsed(LINE, origin="x")
ANOTHER = f"two:{'j' * 42}A"
FILE = "ledger.backup"


@pytest.fixture
async def installation(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(f'[ledger]\npath = "{NAME}"\n')
    async with opened(tmp_path, KEYS) as ledger:
        await record(ledger, 1)
        await open_(ledger, session(2))
    return tmp_path


async def test_a_backup_with_a_damaged_row_is_kept_and_ends_with_a_code_of_its_own(installation: Path) -> None:
    environ = {"CONNECTOR_LEDGER_KEYS": LINE}
    with raw(installation) as connection:
        connection.execute("UPDATE debts SET origin = 'https://elsewhere.example.com'")

    backup = await connector("backup", FILE, folder=installation, environ=environ)
    restored = await connector("restore", "--replace", FILE, folder=installation, environ=environ)

    assert (backup.exit_code, "rows that do not verify went along as they are: 1" in backup.err) == (65, True)
    assert (restored.exit_code, "sessions that were open: 1" in restored.out) == (0, True)


async def test_a_backup_of_rows_whose_key_is_missing_is_kept_and_ends_with_that_code(installation: Path) -> None:
    backup = await connector("backup", FILE, folder=installation, environ={"CONNECTOR_LEDGER_KEYS": ANOTHER})

    assert (backup.exit_code, "rows whose key one is missing" in backup.err) == (65, True)
    assert (installation / FILE).exists()
