"""`connector status`: how the server is, and how much is owed."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from connector.admin.phrases import moment, plain, size, span
from connector.cli.exits import EXIT_DOWN, exit_codes
from connector.cli.options import EXIT_NOT_NOW, ConfigOption, JsonOption
from connector.cli.printing import print_json, print_table

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.admin.shown import RunningServer, ShownLedger, ShownPool, SilentLedger, StoppedServer


def status(*, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell how the server is and how much is owed. Ends with 69 if the server is down; then the figures are from the file.

    Ends with 75 if the server's ledger does not answer for now.
    """
    from connector.admin.shown import SilentLedger, StoppedServer
    from connector.cli.seen import seen

    with exit_codes():
        found = seen(config, lambda source: source.status())
    if as_json:
        print_json(found)
    else:
        print_table(("what", "value"), [*_lines(found, time.time())])
    if isinstance(found, StoppedServer):
        raise typer.Exit(EXIT_DOWN)
    if isinstance(found.ledger, SilentLedger):
        raise typer.Exit(EXIT_NOT_NOW)


def _lines(found: "RunningServer | StoppedServer", now: float) -> Iterator[tuple[str, str]]:
    from connector.admin.shown import RunningServer

    yield "server", found.status
    if isinstance(found, RunningServer):
        yield "process", f"{found.pid}, up {span(found.uptime)}"
        yield "version", found.version
        yield from ((f"driver {name}", plain(state)) for name, state in found.drivers.items())
        yield from ((f"without {name}", plain(what)) for name, what in found.degraded.items())
        yield from (("another replica", plain(line)) for line in found.replicas)
        yield "metrics", found.metrics or "switched off"
        yield from ((f"seats of {pool.pool}", _seats(pool)) for pool in found.pools)
        if found.unproved:
            yield "already out, not proved", str(found.unproved)
        if found.reaped:
            yield "sessions reaped", _counted(found.reaped)
        if found.doubted:
            yield "most logouts doubtful at", _counted(found.doubted)
    yield from _ledger_lines(found.ledger, now)


def _ledger_lines(ledger: "ShownLedger | SilentLedger", now: float) -> Iterator[tuple[str, str]]:
    from connector.admin.shown import SilentLedger

    if isinstance(ledger, SilentLedger):
        yield "ledger", plain(ledger.unavailable)
        return
    yield "logouts owed", str(ledger.owed)
    yield "next try", moment(ledger.next_try_at, now) or "none"
    yield "needs attention", str(ledger.waiting + ledger.quarantined)
    if ledger.held_back:
        yield "held back, made for", _counted(ledger.held_back)
    yield "evictions owed", str(ledger.evictions)
    yield "oldest", moment(ledger.oldest, now) or "none"
    yield "unusable rows", str(ledger.quarantined + ledger.unreadable)
    yield "closed, still kept", str(ledger.closed)
    yield "open sessions", str(ledger.sessions)
    yield "logins under way", str(ledger.openings)
    yield "logins unknown", str(ledger.unknown)
    if ledger.older_keys:
        yield "older keys they need", _counted(ledger.older_keys)
    yield "ledger", size(ledger.bytes)
    if ledger.shared_by:
        yield "replicas that share it", ", ".join(map(plain, ledger.shared_by))
    if ledger.durability:
        yield "durability", plain(ledger.durability)
    if ledger.maybe_twice:
        yield "logouts maybe sent twice", f"{ledger.maybe_twice} since the start"
    if not ledger.gives_seats:
        yield "seats", "none is given until each replica has written what it knows, because the database has failed over"
    if ledger.rewinds:
        yield "commits lost by the database", f"{ledger.rewinds} times since the start"


def _seats(pool: "ShownPool") -> str:
    held = ", ".join(f"{number} {what}" for what, number in pool.held.items())
    waited_for = f"; {pool.waited_for} waiting" if pool.waited_for else ""
    return f"{sum(pool.held.values())} of {pool.seats} at {plain(pool.origin)}: {held}{waited_for}"


def _counted(numbers: dict[str, int]) -> str:
    return ", ".join(f"{plain(name)} ({number})" for name, number in numbers.items())
