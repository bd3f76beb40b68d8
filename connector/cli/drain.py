"""`connector drain`: empty a server before it is scaled away."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.exits import EXIT_NOTHING, exit_codes
from connector.cli.options import EXIT_NOT_NOW, ConfigOption, JsonOption, seconds
from connector.cli.printing import print_json, print_table

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.admin.draining import ShownDrain
    from connector.cli.seen import ServerSeen

TIMEOUT = 60.0
"""Seconds."""
LOOK_EVERY = 0.5
"""Seconds."""
SESSIONS_LEFT = "sessions are open: OpsHub cleans them up, or --close-sessions ends them now"
LOOK = "some logins need attention: `connector owed list --state waiting`, `connector sessions list --state unknown`"

Watch = Callable[["ShownDrain"], None]


def drain(
    *,
    close_sessions: Annotated[
        bool, typer.Option("--close-sessions", help="End open sessions, too, as `connector sessions close` does.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(metavar="TIME", parser=seconds, help="How long to wait: 90s, 30min, 2h. Default: 1min.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Empty the server: it opens no session any more, is not ready, and tries what is owed. Wait until nothing is left.

    Ends with 0 if nothing is left, with 75 if something may still end by itself, and with 1 if only a person can end the rest.
    """
    from connector.cli.seen import running_server

    with exit_codes(), running_server(config) as server, _watched(quiet=as_json) as watch:
        left = _emptied(server, TIMEOUT if timeout is None else timeout, watch, close_sessions=close_sessions)
    if as_json:
        print_json(left)
    else:
        print_table(("what", "left"), [(what, str(number)) for what, number in _lines(left)])
        _advise(left, close_sessions=close_sessions)
    if left.coming_to_an_end:
        raise typer.Exit(EXIT_NOT_NOW)
    if left.needs_attention:
        raise typer.Exit(EXIT_NOTHING)


def _emptied(server: "ServerSeen", patience: float, watch: Watch, *, close_sessions: bool) -> "ShownDrain":
    """Wait until nothing is left that ends by itself, at most for so many seconds, and return what is left."""
    until = time.monotonic() + patience
    while True:
        left = server.drain(close_sessions=close_sessions)
        watch(left)
        if not left.coming_to_an_end or time.monotonic() >= until:
            return left
        time.sleep(LOOK_EVERY)


def _lines(left: "ShownDrain") -> list[tuple[str, int]]:
    return [
        ("under way", left.under_way),
        ("open sessions", left.sessions),
        ("logouts owed", left.owed),
        ("evictions owed", left.evictions),
        ("not recorded yet", left.unrecorded),
        ("logouts that need attention", left.waiting),
        ("logins unknown", left.unknown),
    ]


def _advise(left: "ShownDrain", *, close_sessions: bool) -> None:
    if left.sessions and not close_sessions:
        typer.echo(SESSIONS_LEFT, err=True)
    if left.needs_attention:
        typer.echo(LOOK, err=True)


@contextmanager
def _watched(*, quiet: bool) -> Iterator[Watch]:
    """Give what shows the progress on standard error: as a bar to a person, and as a line for each change to a script."""
    if not sys.stderr.isatty():
        yield (lambda _: None) if quiet else _in_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("draining"), BarColumn(), TextColumn("{task.fields[left]} left"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("draining", total=None, left="")
        most = 0

        def show(left: "ShownDrain") -> None:
            nonlocal most
            now = left.coming_to_an_end
            most = max(most, now)
            progress.update(bar, total=most, completed=most - now, left=now)

        yield show


def _in_lines() -> Watch:
    told = None

    def tell(left: "ShownDrain") -> None:
        nonlocal told
        line = ", ".join(f"{what}: {number}" for what, number in _lines(left) if number) or "nothing is left"
        if line != told:
            typer.echo(line, err=True)
            told = line

    return tell
