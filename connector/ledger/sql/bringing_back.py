"""What a restored ledger makes of its rows: nobody goes on with a login of that time, and nothing cached then is served."""

from collections.abc import Callable

from connector.ledger.keyring import KeyMissing
from connector.ledger.open_sessions import NAMES, SessionRow, verify
from connector.ledger.sql import session_rows
from connector.ledger.sql.session_changes import end_anyhow, is_debt
from connector.ledger.sql.table import CLAIMS, Table, marks
from connector.ledger.unverified import Unverified, claimed
from connector.model.errors import ConfigurationError
from connector.model.sessions import OpenSession

LOST_TRACK = "the ledger was restored from a backup"
QUARANTINE = f"INSERT INTO quarantine ({CLAIMS}) VALUES ({marks(CLAIMS.split())})"  # noqa: S608 - names of our own


def bring_back(table: Table, *, now: float, advance: Callable[[], None]) -> int:
    """Owe each login that is open, and have everything cached invalidated. Return how many were open.

    A session whose row is not to be believed is shown in quarantine. `advance` is called for each session.

    Raises:
        ConfigurationError: a session was still open, or not known as ended, when it was looked for.
    """
    sessions = [session for _, session in session_rows.found(table, "ORDER BY id")]
    for session in sessions:
        end(table, session, now=now)
        advance()
    _set_aside_the_rest(table)
    table.write("INSERT INTO lost_track VALUES (?)", (LOST_TRACK,))
    lost = sum(not is_debt(table, session.session_id, session.login_id, session.credential) for session in sessions)
    if lost or table.connection.execute("SELECT count(*) FROM sessions").fetchone()[0]:
        raise ConfigurationError([f"{lost} sessions are not known as ended when they are looked for: nothing is restored"])
    return len(sessions)


def end(table: Table, session: OpenSession, *, now: float) -> None:
    """Owe the login of a session that is not open any more. Its seal is dead, even if there is nothing to end."""
    session_rows.remove(table, session.session_id, session.login_id)
    end_anyhow(table, session, now=now)


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
