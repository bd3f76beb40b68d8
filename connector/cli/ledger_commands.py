"""`connector ledger`: move a ledger from one store to another."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.options import ConfigOption, chosen

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.ledger.keyring import Keyring
    from connector.ledger.postgres.address import Address

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

app = typer.Typer(help="The ledger as a whole.", no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """Keep `copy` a command of its own, although it is the only one."""


def _variable(text: str) -> str:
    if VARIABLE.fullmatch(text):
        return text
    # What it is instead may be an address with a password, so it is not repeated.
    raise typer.BadParameter("expected the name of a variable, and never the address itself: others see a command line")


@app.command()
def copy(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="The ledger's file, which no server uses.")],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO",
            parser=_variable,
            help="The name of the variable with the database's address, which holds no ledger yet.",
        ),
    ],
    *,
    config: ConfigOption = None,
) -> None:
    """Move a ledger's file into a PostgreSQL database. No server starts with the file any more.

    All goes over in one transaction, and is read again. If the command is broken off, run it once more.
    """
    from connector.config.settings import LedgerSection
    from connector.preflight.keyfile import load_keyring
    from connector.preflight.ledger_store import ledger_address
    from connector.preflight.loading import read

    address = ledger_address(LedgerSection(store="postgres", dsn_env=target), os.environ)
    keyring = load_keyring(read(chosen(config), os.environ).settings.ledger.key_file, os.environ, ledger=source)
    _move(source, address, keyring)


def _move(path: Path, address: "Address", keyring: "Keyring") -> None:
    from rich.console import Console
    from rich.progress import Progress

    from connector.ledger.postgres.arriving import arrive
    from connector.ledger.sqlite.leaving import COLUMNS, leaving

    terminal = Console(stderr=True)
    with leaving(path, keyring) as file, Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as bars:
        numbers = {table: sum(1 for _ in file.rows(table)) for table in COLUMNS}
        damaged = file.damaged()
        bar = bars.add_task("moving the ledger", total=sum(numbers.values()))
        was_done = arrive(address, file, COLUMNS, lambda: bars.advance(bar))
    if was_done:
        typer.echo(f"{path} was moved to {address} before; nothing is left to do")
        return
    moved = ", ".join(f"{number} {table}" for table, number in numbers.items() if number) or "no row"
    typer.echo(f"moved to {address}, and read again: {moved}. Set ledger.store and ledger.dsn_env now")
    if damaged:
        typer.echo(f"rows that do not verify stay in {path}: {damaged}. Everything cached will be invalidated", err=True)
