"""`connector sessions`: show who is in, and end sessions that nobody ends."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from connector.cli.exits import EXIT_NOTHING, exit_codes
from connector.cli.options import EXIT_NOT_NOW, ConfigOption, JsonOption, seconds
from connector.cli.printing import print_json, print_table
from connector.cli.session_words import HEADINGS, cells, details, ending
from connector.model.session_ids import canonical

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.admin.shown_sessions import SessionFilter, ShownSession
    from connector.cli.seen import ServerSeen

NOT_OPEN = "nothing to close: this session is {}; `connector sessions show` says more"
NOT_UNKNOWN = "nothing to dismiss: this session is {}; `connector sessions close` ends one that is open"

app = typer.Typer(help="Open sessions, and logins that are under way: see and steer them.", no_args_is_help=True)


def _session_id(text: str) -> str:
    id_ = canonical(text)
    if id_ is None:
        raise typer.BadParameter("expected a UUID, as `connector sessions list` shows it")
    return id_


IdArgument = Annotated[
    str, typer.Argument(metavar="ID", parser=_session_id, help="A session's id, as `connector sessions list` shows it.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list")
def list_sessions(
    *,
    state: Annotated[
        Literal["open", "opening", "unknown"] | None,
        typer.Option(help="Only those that are open, whose login is under way, or of whose login nobody knows what it has made."),
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this system.")] = None,
    origin: Annotated[str | None, typer.Option(metavar="URL", help="Only those whose login was made there.")] = None,
    idle_for: Annotated[
        float | None, typer.Option(metavar="TIME", parser=seconds, help="Only those unused for so long: 90s, 30min, 2h, 1d.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show them anew every two seconds, until Ctrl-C.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List sessions: first logins that are under way or unknown, then what is open, the oldest first."""
    from connector.admin.shown_sessions import SessionFilter
    from connector.cli.seen import seen

    chosen = SessionFilter(state=state, system=system, origin=origin, idle=idle_for)
    if watch:
        _watch(config, chosen, as_json=as_json)
        return
    with exit_codes():
        rows = seen(config, lambda source: source.sessions(chosen))
    if as_json:
        print_json(rows)
    elif rows:
        _print_sessions(rows)
    else:
        typer.echo("no session is open" if chosen == SessionFilter() else "no session is like that", err=True)


def _watch(config: Path | None, chosen: "SessionFilter", *, as_json: bool) -> None:
    from connector.cli.watching import watch_as_json, watch_at_terminal

    if not as_json and not sys.stdout.isatty():
        raise typer.BadParameter("standard output is no terminal; expected --json, too", param_hint="--watch")
    with exit_codes(), suppress(KeyboardInterrupt):
        (watch_as_json if as_json else watch_at_terminal)(config, chosen)


def _print_sessions(rows: "Sequence[ShownSession]") -> None:
    from connector.cli.session_table import print_sessions

    now = time.time()
    if sys.stdout.isatty():
        print_sessions(rows, now)
    else:
        print_table(HEADINGS, (cells(row, now) for row in rows))


@app.command()
def show(id_: IdArgument, *, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one session, with each of its logins. Ends with 1 if there is none."""
    from connector.cli.seen import seen

    with exit_codes():
        rows = seen(config, lambda source: source.session(id_))
    if as_json:
        print_json(rows)
    else:
        _print_details(rows)


@app.command()
def close(id_: IdArgument, *, yes: YesOption = False, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Log a session out and evict what it has cached, as a cleanup of OpsHub's does. Ends with 1 if it is not open.

    Ends with 75 if its logout is owed and will be retried, and with 1 if it needs attention.
    """
    if as_json and not yes:
        raise typer.BadParameter("nobody is asked with --json; expected --yes, too", param_hint="--json")
    with _server(config) as server:
        rows = _in_state("open", server.session(id_), NOT_OPEN)
        row = next((row for row in rows if row.usable), rows[0])
        _confirm([row], "Close this session? Its next call is answered 401.", yes=yes)
        closed = server.close(row)
    if as_json:
        print_json(closed)
    else:
        typer.echo("\n".join(ending(closed)))
    if closed.state != "closed":
        raise typer.Exit(EXIT_NOT_NOW if closed.state == "owed" else EXIT_NOTHING)


@app.command()
def dismiss(id_: IdArgument, *, yes: YesOption = False, config: ConfigOption = None) -> None:
    """Forget logins of a session of which nobody knows what they have made. Ends with 1 if there is none.

    Look for them in the end system first, and end them there: nobody here can.
    """
    with _server(config) as server:
        rows = _in_state("unknown", server.session(id_), NOT_UNKNOWN)
        question = "Forget it? If the end system has made the login, it stays open there."
        _confirm(rows, question, yes=yes)
        for row in rows:
            server.dismiss_login(row)
    typer.echo(f"dismissed: {id_}")


def _in_state(state: str, rows: "Sequence[ShownSession]", otherwise: str) -> "Sequence[ShownSession]":
    """Return the logins that are in a state. If there is none, say so, and end the command."""
    if found := [row for row in rows if row.state == state]:
        return found
    typer.echo(otherwise.format(" and ".join(sorted({row.state for row in rows}))), err=True)
    raise typer.Exit(EXIT_NOTHING)


def _confirm(rows: "Sequence[ShownSession]", question: str, *, yes: bool) -> None:
    """Show what is about to go, and end the command unless the answer is yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("standard input is no terminal, so nobody can be asked; expected --yes", param_hint="--yes")
    _print_details(rows)
    typer.confirm(question, abort=True)


def _print_details(rows: "Sequence[ShownSession]") -> None:
    now = time.time()
    for row in rows:
        print_table(("what", "value"), details(row, now))


@contextmanager
def _server(config: Path | None) -> "Iterator[ServerSeen]":
    """Connect to the running server; end the command with `EXIT_DOWN` if there is none."""
    from connector.cli.seen import running_server

    with exit_codes(), running_server(config) as server:
        yield server
