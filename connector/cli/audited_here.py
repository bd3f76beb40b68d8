"""What a command does itself and not the server, with its line in the audit log."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import typer

from connector.model.audit import Action, Actor, AuditEntry, Note, begun, ended
from connector.model.errors import ConnectorError
from connector.runtime.users import this_user

T = TypeVar("T")
NO_LOG = "there is no ledger yet, so no audit log tells of this"
LOST = "the audit log could not be told how this has ended; its line stays without an outcome"


def begun_here(action: Action, target: str) -> AuditEntry:
    """Return the line of what a command of this user begins to do."""
    return begun(Actor(this_user(), "command line"), action, target, time.time())


def done_here(config: Path | None, action: Action, target: str, work: Callable[[], T], told: Callable[[T], str]) -> T:
    """Write that an action begins, do it, write what `told` says of its result, and return the result.

    The running server writes the line or, if that is down, this command does so into its ledger. Without a ledger there is none.

    Raises:
        ConfigurationError, Refused, NotYours: the line cannot be written, and nothing was done; or the work raises it.
    """
    with _audit_log(config) as note:
        if note is None:
            typer.echo(NO_LOG, err=True)
            return work()
        note(entry := begun_here(action, target))
        try:
            result = work()
        except ConnectorError as problem:
            _end(note, entry, f"failed: {problem}")
            raise
        _end(note, entry, told(result))
        return result


def _end(note: Note, entry: AuditEntry, outcome: str) -> None:
    try:
        note(ended(entry, outcome))
    except ConnectorError as problem:
        typer.echo(f"{LOST}: {problem}", err=True)


@contextmanager
def _audit_log(config: Path | None) -> Iterator[Note | None]:
    from connector.cli.control_client import ServerDown
    from connector.cli.ledger_at_rest import audit_log_at_rest
    from connector.cli.options import chosen
    from connector.cli.seen import running_server
    from connector.preflight.loading import read

    with ExitStack() as stack:
        note: Note | None
        try:
            note = stack.enter_context(running_server(config)).note
        except ServerDown:
            note = stack.enter_context(audit_log_at_rest(read(chosen(config), os.environ).settings.ledger))
        yield note
