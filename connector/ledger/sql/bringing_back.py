"""What a restored ledger makes of its rows: nobody goes on with a login of that time, and nothing cached then is served."""

from collections.abc import Callable
from dataclasses import dataclass

from connector.ledger.keyring import KeyMissing
from connector.ledger.open_sessions import NAMES, SessionRow, verify
from connector.ledger.sql import audit_rows, session_rows
from connector.ledger.sql.housekeeping import totals
from connector.ledger.sql.replaced import Present, end, take_along
from connector.ledger.sql.session_changes import is_debt
from connector.ledger.sql.table import CLAIMS, Table, marks
from connector.ledger.unverified import Unverified, claimed
from connector.model.audit import AuditEntry, ended
from connector.model.debts import Totals
from connector.model.errors import ConfigurationError

QUARANTINE = f"INSERT INTO quarantine ({CLAIMS}) VALUES ({marks(CLAIMS.split())})"  # noqa: S608 - names of our own


@dataclass(frozen=True, slots=True)
class Restored:
    """What has become of a backup."""

    at: float
    ended: int
    """How many sessions were open in it, or in what it has taken the place of."""
    unread: int
    """How many rows of what it has taken the place of do not verify."""
    totals: Totals


def bring_back(table: Table, *, present: Present, entry: AuditEntry, advance: Callable[[], None]) -> Restored:
    """Owe each login that is open in a backup's rows, or in what they take the place of, and invalidate everything cached.

    A session whose row is not to be believed is shown in quarantine. `advance` is called for each session.

    Raises:
        ConfigurationError: a session was still open, or not known as ended, when it was looked for.
    """
    sessions = [session for _, session in session_rows.found(table, "ORDER BY id")]
    for session in sessions:
        end(table, session, now=entry.at)
        advance()
    _set_aside_the_rest(table)
    unread = take_along(table, present, now=entry.at)
    logins = {(each.session_id, each.login_id) for each in sessions}
    ended_now = len(logins | {(row.session_id, row.login_id) for row in present.sessions})
    table.lose_track("the ledger was restored from a backup")
    audit_rows.note(table, ended(entry, f"restored; {ended_now} sessions were open"))
    lost = sum(not is_debt(table, session.session_id, session.login_id, session.credential) for session in sessions)
    if lost or table.connection.execute("SELECT count(*) FROM sessions").fetchone()[0]:
        raise ConfigurationError([f"{lost} sessions are not known as ended when they are looked for: nothing is restored"])
    return Restored(entry.at, ended_now, unread, totals(table))


def _set_aside_the_rest(table: Table) -> None:
    """Put sessions into quarantine that cannot be ended. With their key put back later, they would be open again."""
    for row in [*map(SessionRow._make, table.connection.execute(f"SELECT {NAMES} FROM sessions ORDER BY id"))]:  # noqa: S608 - ours
        claims = claimed(
            f"its session was open at the backup, and cannot be ended from here: {_problem(table, row)}",
            id_=table.next_id(1),
            session_id=row.session_id,
            system_id=row.system_id,
            origin=row.origin,
            recorded_at=row.opened_at,
        )
        values = (claims.id, claims.unusable, claims.session_id, claims.system_id, claims.origin, claims.recorded_at)
        table.write(QUARANTINE, values)
        table.delete("sessions", row.id or 0)


def _problem(table: Table, row: SessionRow) -> str:
    try:
        verify(row, table.keyring)
    except (KeyMissing, Unverified) as problem:
        return str(problem)
    return "its credential cannot be read"
