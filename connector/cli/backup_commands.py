"""`connector backup` and `connector restore`: a ledger in one file, and a ledger made of it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.options import EXIT_UNUSABLE_ROWS, ConfigOption, JsonOption, chosen
from connector.cli.printing import print_json
from connector.cli.progress import progress

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.config.settings import LedgerSection
    from connector.ledger.keyring import Keyring
    from connector.ledger.sql.bringing_back import Restored
    from connector.ledger.sql.snapshot import Snapshot
    from connector.ledger.sql.table import Table
    from connector.ledger.sqlite.backup import About


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a backup of the ledger, while the server runs or not. Keep the keys apart from it: they are not in the file.

    The file is read again, and each row verified, before it has its name. Only its owner may read it. Ends with 65 if the file is
    there, and rows in it do not verify, or need a key that is missing: nobody can use these.
    """
    from connector.ledger.sql.snapshot import Snapshot
    from connector.ledger.sqlite.backup import back_up
    from connector.runtime.signals import take_as_ctrl_c

    take_as_ctrl_c()
    ledger, keyring = _configured(config)
    with _opened(ledger, keyring) as table, progress("backup", (snapshot := Snapshot(table)).size()) as advance:
        about = back_up(file, snapshot, keyring, ledger=_place(ledger), now=time.time(), advance=advance)
    _tell_backup(file, about, as_json=as_json)
    if about.damaged or about.without_key:
        raise typer.Exit(EXIT_UNUSABLE_ROWS)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `connector backup` has written.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of the ledger that is there. What it owes is owed, too.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a ledger of a backup, while no server runs. Whatever was open in it is ended once the server starts.

    Nobody goes on with a login of that time, and everything cached is invalidated. If it is broken off, the ledger is as it was
    or, once the new one takes its place, restored. If the command is killed just then, the next start finishes that.
    """
    from connector.ledger.sqlite.backup import opened_backup
    from connector.runtime.signals import take_as_ctrl_c

    take_as_ctrl_c()
    ledger, keyring = _configured(config)
    with opened_backup(file, keyring) as (snapshot, about):
        rows = sum(about.rows.values()) + about.rows.get("sessions", 0)
        with progress("restore", rows) as advance:
            restored = _restored(ledger, snapshot, keyring, advance, replace=replace)
    _tell_restored(file, ledger, about, restored, as_json=as_json)


def _configured(config: Path | None) -> "tuple[LedgerSection, Keyring]":
    from connector.preflight.keyfile import given_keyring
    from connector.preflight.loading import read

    ledger = read(chosen(config), os.environ).settings.ledger
    return ledger, given_keyring(ledger.key_file, os.environ)


@contextmanager
def _opened(ledger: "LedgerSection", keyring: "Keyring") -> "Iterator[Table]":
    """Open the ledger for reading, beside a server that uses it."""
    if ledger.store == "sqlite":
        from connector.ledger.sqlite.reading import opened_read_only as file_opened

        with file_opened(ledger.path, keyring) as table:
            yield table
    else:
        from connector.preflight.ledger_store import ledger_address

        address = ledger_address(ledger, os.environ)
        from connector.ledger.postgres.looking import opened_read_only as database_opened

        with database_opened(address, keyring) as table:
            yield table


def _restored(
    ledger: "LedgerSection", snapshot: "Snapshot", keyring: "Keyring", advance: Callable[[], None], *, replace: bool
) -> "Restored":
    from connector.cli.audited_here import begun_here
    from connector.model.audit import Action
    from connector.runtime.signals import ignore_all

    entry = begun_here(Action.RESTORE, "ledger")
    if ledger.store == "sqlite":
        from connector.ledger.sqlite.restored_file import restore as into_file

        return into_file(ledger.path, snapshot, keyring, entry, advance, replace=replace, last_moment=ignore_all)
    from connector.preflight.ledger_store import ledger_address

    address = ledger_address(ledger, os.environ)
    from connector.ledger.postgres.restored_database import restore as into_database

    return into_database(address, snapshot, keyring, entry, advance, replace=replace)


def _place(ledger: "LedgerSection") -> str:
    """Return where the ledger is, without a password."""
    if ledger.store == "sqlite":
        return str(ledger.path.absolute())
    from connector.preflight.ledger_store import ledger_address

    return str(ledger_address(ledger, os.environ))


def _tell_backup(file: Path, about: "About", *, as_json: bool) -> None:
    import msgspec

    if as_json:
        print_json({"file": str(file), **msgspec.to_builtins(about)})
    else:
        typer.echo(f"{file}: {sum(about.rows.values())} rows of {about.ledger}, and read again")
        typer.echo(
            f"needs these keys, which are not in it: {', '.join(f'{id_} ({digest})' for id_, digest in about.keys.items())}"
        )
    if about.damaged:
        typer.echo(f"rows that do not verify went along as they are: {about.damaged}", err=True)
    for key_id, number in about.without_key.items():
        typer.echo(f"rows whose key {key_id} is missing went along as they are: {number}", err=True)


def _tell_restored(file: Path, ledger: "LedgerSection", about: "About", restored: "Restored", *, as_json: bool) -> None:
    totals = restored.totals
    unknown, waiting = totals.openings + totals.unknown, totals.waiting + totals.quarantined
    if as_json:
        told = {"ledger": _place(ledger), "made_at": about.made_at, "ended": restored.ended, "unread": restored.unread}
        print_json(told | {"owed": totals.owed, "waiting": waiting, "unknown": unknown, "unreadable": totals.unreadable})
    else:
        made_at = datetime.fromtimestamp(about.made_at, UTC)
        typer.echo(f"{_place(ledger)}: restored from {file}, made at {made_at:%Y-%m-%d %H:%M:%S} UTC, and read again")
        typer.echo(
            f"sessions that were open: {restored.ended}. Once a server starts, it ends their logins, and serves nothing cached"
        )
        typer.echo(f"owed: {totals.owed}, needs attention: {waiting}, unknown: {unknown}")
    if restored.unread:
        typer.echo(f"rows of the ledger that was there do not verify, and stay in the file aside: {restored.unread}", err=True)
