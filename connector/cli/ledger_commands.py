"""`connector ledger`: move a ledger from one store to another."""

import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.audited_here import begun_here
from connector.cli.options import EXIT_UNUSABLE_ROWS, ConfigOption, chosen
from connector.cli.progress import progress
from connector.model.audit import Action

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.ledger.postgres.address import Address

ADDRESS = re.compile(r"://|\b(host|hostaddr|port|dbname|user|password|passfile|service)\s*=")
"""What an address of libpq has in it, and hardly any path."""
DAY = 86_400.0
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

app = typer.Typer(help="The ledger as a whole.", no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """Keep `copy` a command of its own, although it is the only one."""


def _end(text: str) -> "Path | Address":
    """Return a file's path or, if a variable of this name is set, the address that it holds."""
    from connector.config.settings import LedgerSection
    from connector.preflight.ledger_store import ledger_address

    if ADDRESS.search(text):  # it may hold a password, so it is not repeated
        raise typer.BadParameter("expected the name of a variable, and never the address itself: others see a command line")
    if VARIABLE.fullmatch(text) and os.environ.get(text):
        return ledger_address(LedgerSection(store="postgres", dsn_env=text), os.environ)
    return Path(text)


@app.command()
def copy(
    ends: Annotated[
        list[str],
        typer.Argument(
            metavar="FROM... TO", help="Files, and the name of the variable with a database's address; or that, and a new file."
        ),
    ],
    *,
    config: ConfigOption = None,
) -> None:
    """Move a ledger from a file into a PostgreSQL database, or back. No server starts with the old one any more.

    Several files move into one database, one after the other. Each goes over at once, and is read again. If the command is broken
    off, run it once more. Ends with 65 if all is done, and rows of a file do not verify or need a key that is missing. The former
    stay behind.
    """
    *sources, target = [_end(text) for text in ends]
    from connector.ledger.postgres.address import Address  # psycopg is an extra, and `_end` tells that it is missing

    match sources, target:
        case [], _:
            raise typer.BadParameter("expected what moves, and where to")
        case [Address() as address], Path() as file:
            _into_file(address, file)
        case [Address(), *_], Path():
            raise typer.BadParameter("expected one new file")
        case _, Path():
            named = ", ".join(str(end) for end in [*sources, target] if isinstance(end, Path))
            raise typer.BadParameter(f"expected a variable that is set, and files; these count as files: {named}")
        case _, Address() as address:
            files = [source for source in sources if isinstance(source, Path)]
            if len(files) < len(sources):
                raise typer.BadParameter("expected files and a database, and not two databases")
            usable = [_into_database(file, address, config) for file in files]
            if not all(usable):
                raise typer.Exit(EXIT_UNUSABLE_ROWS)


def _into_database(path: Path, address: "Address", config: Path | None) -> bool:
    """Move a file, and tell whether all its rows can be used there."""
    from connector.ledger.postgres.adopting import Adoption
    from connector.ledger.postgres.arriving import arrive
    from connector.ledger.sqlite.leaving import leaving
    from connector.preflight.keyfile import load_keyring
    from connector.preflight.loading import read

    settings = read(chosen(config), os.environ).settings
    keyring = load_keyring(settings.ledger.key_file, os.environ, ledger=path)
    begun = begun_here(Action.COPY_LEDGER, f"ledger {path.absolute()}")
    adoption = Adoption(keyring, _idle_ticks(settings.sessions.idle_timeout), begun)
    with leaving(path, keyring) as file, progress("moving the ledger", file.size()) as advance:
        was_done = arrive(address, file, adoption, advance)
        damaged, without_key = file.damaged(), file.without_key()
    if was_done:
        typer.echo(f"{path} was moved to {address} before; nothing is left to do")
        without_key = 0  # keys may have been taken out since
    else:
        typer.echo(f"{path} moved to {address}, and read again. Set ledger.store and ledger.dsn_env now")
    if damaged:
        typer.echo(f"rows that do not verify stay in {path}: {damaged}. Everything cached will be invalidated", err=True)
    if without_key:
        typer.echo(f"rows whose key is missing went along as they are: {without_key}", err=True)
    return not (damaged or without_key)


def _idle_ticks(timeout: float | str | None) -> int:
    """Return after how many ticks a session that arrives is idle; a day, unless something else is set."""
    from connector.model.listed import TICK

    if timeout == "off":
        return sys.maxsize
    return round((DAY if timeout is None else float(timeout)) / TICK)


def _into_file(address: "Address", path: Path) -> None:
    from connector.ledger.postgres.departing import departing
    from connector.ledger.sqlite.moving_in import move_in

    entry = begun_here(Action.COPY_LEDGER, f"ledger {address}")
    move_in(path, departing(address), entry, partial(progress, "moving the ledger"))
    typer.echo(f'moved to {path}, and read again. Set ledger.store = "sqlite" now, and ledger.path')
