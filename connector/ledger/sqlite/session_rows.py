"""Rows of open sessions: read, believed or not, used and removed.

A session has one row, that of its login. Beside it there may be rows whose key is missing, or that were damaged: they stay.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from connector.ledger.fingerprints import shares
from connector.ledger.keyring import KeyMissing
from connector.ledger.open_sessions import COLUMNS, NAMES, SessionRow, authenticated, decoded, encoded, renewed, verify
from connector.ledger.sqlite.table import Table, marks
from connector.ledger.unverified import Unverified
from connector.model.credential import Credential
from connector.model.sessions import Current, Known, OpenSession, Renewal, Use

INSERT = f"INSERT INTO sessions ({NAMES}) VALUES ({marks(COLUMNS)})"  # noqa: S608 - ours
SELECT = f"SELECT {NAMES} FROM sessions"  # noqa: S608 - ours


def known(table: Table) -> Known:
    """Return what has to be known to tell whether a session is alive."""
    latest: dict[str, str] = {}
    renewed: dict[str, Current] = {}
    earlier: dict[str, tuple[str, ...]] = {}
    older_keys, keyless, damaged = Counter[str](), 0, 0
    for row in _rows(table, "ORDER BY id"):
        try:
            verify(row, table.keyring)
        except KeyMissing:
            keyless += 1
        except Unverified:
            damaged += 1
        else:
            if row.session_id in latest:
                earlier[row.session_id] = (*earlier.get(row.session_id, ()), latest[row.session_id])
            latest[row.session_id] = row.login_id
            renewed.pop(row.session_id, None)
            if row.version:
                renewed[row.session_id] = _current(decoded(row, table.keyring))
            if row.key_id != table.keyring.current:
                older_keys[row.key_id] += 1
    ledger_id = bytes(table.connection.execute("SELECT id FROM identity").fetchone()[0])
    return Known(ledger_id, latest, earlier, older_keys, keyless, damaged, renewed)


def note_use(table: Table, used: Mapping[str, Use]) -> None:
    """Record when sessions were last used, except those that are closed by now or whose row is not to be believed."""
    for session_id, use in used.items():
        for row, session in believed(table, session_id):
            if session.login_id == use.login_id:
                used_at = max(use.moment, row.used_at)
                noted = authenticated(row._replace(used_at=used_at, unanswered=0), table.keyring)
                values = (noted.used_at, noted.unanswered, noted.mac, row.id)
                table.connection.execute("UPDATE sessions SET used_at = ?, unanswered = ?, mac = ? WHERE id = ?", values)


def renew(table: Table, renewal: Renewal) -> Current | None:
    """Replace the credential of an open session if it has this version. Return what is current then; None if it is not open."""
    for row, session in believed(table, renewal.session_id):
        if session.login_id == renewal.login_id:
            is_due = session.credential is not None and session.version == renewal.version
            return _current(_renewed(table, row, session, renewal.credential) if is_due else session)
    return None


def current(table: Table, session_id: str, login_id: str) -> Current | None:
    """Return the credential of an open session's login; None if it has none, or no row that is to be believed."""
    sessions = (session for _, session in believed(table, session_id) if session.login_id == login_id)
    return next((_current(session) for session in sessions if session.credential is not None), None)


def origin_of(table: Table, session_id: str, login_id: str) -> str | None:
    """Return where an open session's login was made; None if it has no row that is to be believed."""
    return next((session.origin for _, session in believed(table, session_id) if session.login_id == login_id), None)


def logins_of(table: Table, session_id: str) -> set[str]:
    """Return the ids of the logins for which the session has a row, whether it is to be believed or not."""
    return {id_ for (id_,) in table.connection.execute("SELECT login_id FROM sessions WHERE session_id = ?", (session_id,))}


def believed(table: Table, session_id: str) -> Iterator[tuple[SessionRow, OpenSession]]:
    """Yield the session's rows that are to be believed, and what they hold."""
    for row in [*_rows(table, "WHERE session_id = ?", session_id)]:
        with suppress(KeyMissing, Unverified):
            yield row, decoded(row, table.keyring)


def taken(table: Table, session_id: str, which: Collection[str] | None = None) -> list[OpenSession]:
    """Remove the session's rows that are to be believed, all or those of which logins, and return what they held."""
    taken = []
    for row, session in believed(table, session_id):
        if which is None or session.login_id in which:
            table.connection.execute("DELETE FROM sessions WHERE id = ?", (row.id,))
            taken.append(session)
    return taken


def has_sharers(table: Table, login: OpenSession) -> bool:
    """Tell whether another session is open by the same login, if it is one that several sessions may have."""
    if not login.is_shared or login.credential is None:
        return False
    digests = shares(login.credential, table.keyring)
    rows = [*_rows(table, f"WHERE share IN ({marks(digests)}) AND origin = ?", *digests, login.origin)]
    others = [row for row in rows if (row.session_id, row.login_id) != (login.session_id, login.login_id)]
    for row in others:
        with suppress(KeyMissing, Unverified):
            verify(row, table.keyring)
            return True
    return False


def insert(table: Table, session: OpenSession) -> None:
    """Write a row for a session."""
    table.connection.execute(INSERT, encoded(session, table.keyring))


def remove(table: Table, session_id: str, login_id: str) -> None:
    """Remove the row of a login, whether it is to be believed or not."""
    table.connection.execute("DELETE FROM sessions WHERE session_id = ? AND login_id = ?", (session_id, login_id))


def _renewed(table: Table, row: SessionRow, session: OpenSession, credential: Credential) -> OpenSession:
    done = replace(session, credential=credential, version=session.version + 1)
    changed = renewed(row, done, table.keyring)
    values = (changed.credential, changed.version, changed.share, changed.mac, row.id)
    table.connection.execute("UPDATE sessions SET credential = ?, version = ?, share = ?, mac = ? WHERE id = ?", values)
    return done


def _current(session: OpenSession) -> Current:
    return Current(session.credential, session.version)


def _rows(table: Table, condition: str, *values: str | bytes) -> Iterator[SessionRow]:
    return map(SessionRow._make, table.connection.execute(f"{SELECT} {condition}", values))
