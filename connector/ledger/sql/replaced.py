"""What a ledger knows that a restored one takes the place of: its logins are owed, too, so that none of them is forgotten."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from connector.ledger import begun_logins, open_sessions, rows
from connector.ledger.begun_logins import OpeningRow
from connector.ledger.keyring import KeyMissing
from connector.ledger.open_sessions import SessionRow
from connector.ledger.rows import DebtRow
from connector.ledger.sql import opening_rows, session_rows, ticks
from connector.ledger.sql.audit_rows import NOTE, AuditRow
from connector.ledger.sql.carried_ticks import Shift, counter
from connector.ledger.sql.session_changes import end_anyhow, is_debt
from connector.ledger.sql.table import Table
from connector.ledger.sql.ticks import CounterRow
from connector.ledger.unverified import Unverified
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.errors import ConfigurationError
from connector.model.logins import set_aside
from connector.model.sessions import OpenSession


@dataclass(frozen=True, slots=True)
class Present:
    """The rows of a ledger that another one takes the place of."""

    debts: Sequence[DebtRow] = ()
    sessions: Sequence[SessionRow] = ()
    openings: Sequence[OpeningRow] = ()
    audit: Sequence[AuditRow] = ()
    ids: Sequence[bytes] = ()
    """What seals name."""
    counter: Sequence[CounterRow] = ()
    """What tells for how long servers have run with it."""
    damaged: int = 0
    """How many rows are known to be left out, because they do not verify."""


def take_along(table: Table, present: Present, *, now: float) -> int:
    """Owe in a restored ledger what the present one owes, or has open. Return how many rows do not verify.

    What is owed in either of them is owed. What the present one says of a login is newer. What waits for a login to end by itself
    is as old as before, although the counter is now that of the backup.

    Raises:
        ConfigurationError: a row needs a key that is missing.
    """
    unread = present.damaged
    shift = Shift(counter(present.counter, present.sessions, present.openings, table.keyring), ticks.read(table))
    for take, of_table in ((_take_debt, present.debts), (_take_session, present.sessions), (_take_opening, present.openings)):
        for row in of_table:
            unread += not _is_taken(partial(take, shift=shift, now=now), table, row)
    for line in present.audit:
        table.write(NOTE, line[1:])
    there = {bytes(id_) for (id_,) in table.connection.execute("SELECT id FROM identity")}
    for id_ in {*present.ids} - there:
        table.write("INSERT INTO identity VALUES (?)", (id_,))
    return unread


def end(table: Table, session: OpenSession, *, now: float) -> None:
    """Owe the login of a session that is not open any more. Its seal is dead, even if there is nothing to end."""
    session_rows.remove(table, session.session_id, session.login_id)
    end_anyhow(table, session, now=now)


def _is_taken(take: Callable[..., None], table: Table, row: DebtRow | SessionRow | OpeningRow) -> bool:
    try:
        take(table, row)
    except KeyMissing as problem:
        hint = "put it back; or, if it is lost for good, move that ledger away yourself, and restore without --replace"
        raise ConfigurationError(
            [f"the ledger that is there has rows that nobody would know of any more: {problem}; {hint}"]
        ) from None
    except Unverified:
        return False
    return True


def _take_debt(table: Table, row: DebtRow, shift: Shift, now: float) -> None:
    debt = shift.debt(rows.decoded(row, table.keyring))
    if debt.state is LogoutState.CLOSED:  # what it owes to stores is done for all
        return
    opening_rows.remove(table, debt.session_id, debt.login_id)
    found = table.of_login(debt.session_id, debt.login_id, debt.credential or Credential())
    if any(each.state is not LogoutState.CLOSED for each in found):
        _keep_newest(table, found, debt.credential, debt.version, now)
        return
    for each in found:
        table.update(set_aside(each))
    table.insert(replace(debt, due_at=min(debt.due_at, now)))


def _take_session(table: Table, row: SessionRow, shift: Shift, now: float) -> None:
    session = shift.session(open_sessions.decoded(row, table.keyring))
    opening_rows.remove(table, session.session_id, session.login_id)
    found = table.of_login(session.session_id, session.login_id, session.credential or Credential())
    _keep_newest(table, found, session.credential, session.version, now)
    end(table, session, now=now)


def _keep_newest(table: Table, found: Sequence[Debt], credential: Credential | None, version: int, now: float) -> None:
    """Owe a login by its newest credential: an older one may not end it any more."""
    for debt in found:
        if debt.state is not LogoutState.CLOSED and credential is not None and debt.version < version:
            table.update(replace(debt, credential=credential, version=version, state=LogoutState.OWED, due_at=now))


def _take_opening(table: Table, row: OpeningRow, shift: Shift, now: float) -> None:  # noqa: ARG001 - as the others
    begun_logins.verify(row, table.keyring)
    if not is_debt(table, row.session_id, row.login_id, None):
        unknown = shift.opening(row)._replace(owner=None)
        opening_rows.insert_all(table, [begun_logins.authenticated(unknown, table.keyring)])
