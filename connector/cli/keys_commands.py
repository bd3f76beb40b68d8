"""`connector keys`: see the keys of the ledger, and exchange them without a session that is refused."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from connector.admin.phrases import plain
from connector.cli.exits import EXIT_NOTHING, exit_codes
from connector.cli.options import EXIT_NOT_NOW, ConfigOption, JsonOption, chosen
from connector.cli.printing import print_json, print_table
from connector.model.audit import Action

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.admin.shown import ShownKeyring
    from connector.config.settings import LedgerSection

T = TypeVar("T")
RELOAD = "send this server SIGHUP (systemctl reload) or restart it, and do the same on each replica"
RELOAD_EACH = "send each SIGHUP (systemctl reload) or restart it, and try again"

app = typer.Typer(help="The keys of the ledger: see and exchange them.", no_args_is_help=True)
KeyArgument = Annotated[str, typer.Argument(metavar="ID", help="A key's id, as `connector keys list` shows it.")]


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key, what it does here, and who needs and who has it."""

    id: str
    does: str
    rows: Mapping[str, int]
    having: list[str]
    lacking: list[str]


@app.command("list")
def list_keys(*, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the keys of this server: what each does, how many rows need it, and how many servers have it."""
    keys, found = _keys(config)
    if found.answers and not _same([*keys.values()], found.replicas[0].keys):
        typer.echo(f"the server has not taken the keys of this file as they are; {RELOAD}", err=True)
    rows = [*_listed(keys, found)]
    if as_json:
        print_json(rows)
        return
    cells = ((row.id, row.does, _counted(row.rows), _had(row)) for row in rows)
    print_table(("id", "does", "rows that need it", "servers that have it"), cells)


@app.command()
def add(*, config: ConfigOption = None) -> None:
    """Add a new key as the last one. It opens what others seal with it, and seals nothing until it is promoted."""
    from connector.preflight.key_changes import add_key
    from connector.preflight.ledger_store import ledger_file

    ledger = _ledger(config)
    work = partial(add_key, ledger.key_file, os.environ, ledger=ledger_file(ledger))
    key_id = _changed(config, Action.ADD_KEY, "a new key", work, lambda id_: f"added {id_}")
    told = f"Give every replica this file, send each SIGHUP or restart it, and then: connector keys promote {key_id}"
    typer.echo(f"added {key_id} to {ledger.key_file}. {told}")


@app.command()
def promote(id_: KeyArgument, *, config: ConfigOption = None) -> None:
    """Let a key make whatever is new. Ends with 75 as long as a running server does not have it."""
    from connector.preflight.key_changes import change_keys, promoted

    keys, found = _keys(config)
    digest = _digest(id_, keys)
    if lacking := [each.name for each in found.replicas if digest not in each.keys]:
        what = f"these servers do not have it, or do not tell yet: {', '.join(map(plain, lacking))}"
        _not_now(f"not promoted: {what}. Give them this file, {RELOAD_EACH}")
    work = partial(change_keys, _ledger(config).key_file, promoted(id_), os.environ)
    _changed(config, Action.PROMOTE_KEY, f"key {id_}", work, lambda _: "it is the first one")
    typer.echo(f"{id_} is the first key now: {RELOAD}")


@app.command()
def retire(id_: KeyArgument, *, config: ConfigOption = None) -> None:
    """Take a key out that nothing needs any more. Ends with 75 as long as something does."""
    from connector.preflight.key_changes import change_keys, retired

    keys, found = _keys(config)
    digest = _digest(id_, keys)
    if id_ == next(iter(keys)):
        _not_now("not retired: it is the first key, which makes whatever is new. Promote another one before")
    if writing := [each.name for each in found.replicas if not each.keys or digest in each.keys[:1]]:
        what = f"these servers write with it, or do not tell yet: {', '.join(map(plain, writing))}"
        _not_now(f"not retired: {what}. Promote another one there, {RELOAD_EACH}")
    if rows := found.rows.get(id_):
        _not_now(f"not retired: rows that need it: {_counted(rows)}. Try again once `connector keys list` shows none")
    work = partial(change_keys, _ledger(config).key_file, retired(id_), os.environ)
    _changed(config, Action.RETIRE_KEY, f"key {id_}", work, lambda _: "it is no key any more")
    typer.echo(f"{id_} is no key any more: {RELOAD}")


def _changed(config: Path | None, action: Action, which: str, work: Callable[[], T], told: Callable[[T], str]) -> T:
    """Change the key file, with a line in the audit log before and after."""
    from connector.cli.audited_here import done_here

    with exit_codes():
        return done_here(config, action, f"{which}, in {_ledger(config).key_file} of {platform.node()}", work, told)


def _keys(config: Path | None) -> "tuple[dict[str, str], ShownKeyring]":
    """Return the ids of the keys of this machine with their digests, and what the ledger and its servers tell."""
    from connector.cli.seen import seen
    from connector.preflight.keyfile import given_keys

    with exit_codes():
        found = seen(config, lambda source: source.keys())
    return given_keys(_ledger(config).key_file, os.environ), found


def _ledger(config: Path | None) -> "LedgerSection":
    from connector.preflight.loading import read

    return read(chosen(config), os.environ).settings.ledger


def _digest(id_: str, keys: Mapping[str, str]) -> str:
    if id_ not in keys:
        typer.echo(f"no key has the id {plain(id_)}; `connector keys list` shows them", err=True)
        raise typer.Exit(EXIT_NOTHING)
    return keys[id_]


def _listed(keys: Mapping[str, str], found: "ShownKeyring") -> Iterator[ListedKey]:
    """Yield what is known of each key, those that are missing at the end."""
    in_force = found.replicas[0].keys if found.answers else [*keys.values()]
    for id_ in [*keys, *sorted(found.rows.keys() - keys.keys())]:
        digest = keys.get(id_)
        does = "is missing" if digest is None else _work(digest, in_force)
        having, lacking = ([each.name for each in found.replicas if (digest in each.keys) is has] for has in (True, False))
        yield ListedKey(id_, does, found.rows.get(id_, {}), having, lacking)


def _work(digest: str, in_force: Sequence[str]) -> str:
    """Say what a key does in a server with these keys, which may not have taken those of the file yet."""
    if digest not in in_force:
        return "nothing yet"
    return "seals" if digest == in_force[0] else "opens"


def _same(given: Sequence[str], in_force: Sequence[str]) -> bool:
    """Tell whether a server has the keys that it is given, and writes with the first one; the others have no order."""
    return in_force[:1] == given[:1] and {*in_force} == {*given}


def _had(row: ListedKey) -> str:
    """Say how many servers have a key; nothing if none is known, as of a ledger in a file whose server is down."""
    known = len(row.having) + len(row.lacking)
    return f"{len(row.having)} of {known}" if known else ""


def _counted(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(rows.items())) or "none"


def _not_now(reason: str) -> None:
    typer.echo(reason, err=True)
    raise typer.Exit(EXIT_NOT_NOW)
