"""Sessions that are opened, used and closed, each within one transaction: a login is always a session's, a debt, or ended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_bytes

from connector.credential import Credential
from connector.ledger.debts import Debt, LogoutState
from connector.ledger.keyring import KeyMissing
from connector.ledger.open_sessions import COLUMNS, NAMES, OpenSession, authenticated, decoded, encoded, verify
from connector.ledger.rows import Row, Unverified, fingerprints
from connector.ledger.table import Table
from drivers import SessionScope

INSERT = f"INSERT INTO sessions ({NAMES}) VALUES (NULL, {', '.join('?' * (len(COLUMNS) - 1))})"  # noqa: S608 - ours
SELECT = f"SELECT {NAMES} FROM sessions"  # noqa: S608 - ours
USED = COLUMNS.index("used_at")


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of open sessions."""

    ledger_id: bytes
    """Stands for this file: never that of another, nor of one that was made anew."""
    logins: Mapping[str, str]
    """Session id -> login id."""
    keyless: int
    """Rows whose key is missing, and with it the key of their sessions' seals."""
    damaged: int
    """Rows that do not verify: their sessions count as dead."""


def known(table: Table) -> Known:
    """Return what has to be known to tell whether a session is alive."""
    logins, keyless, damaged = {}, 0, 0
    for row in table.connection.execute(SELECT):
        try:
            verify(row, table.keyring)
        except KeyMissing:
            keyless += 1
        except Unverified:
            damaged += 1
        else:
            logins[row[2]] = row[5]
    ledger_id = bytes(table.connection.execute("SELECT id FROM identity").fetchone()[0])
    return Known(ledger_id, logins, keyless, damaged)


def open_session(table: Table, session: OpenSession, *, replaced: OpenSession | None, now: float) -> None:
    """Write down that a session is open by a new login; its earlier one, as the row or `replaced` knows it, becomes a debt."""
    close_session(table, session.session_id, but=session.credential, now=now)
    if replaced is not None:
        owe(table, replaced, but=session.credential, now=now)
    if session.credential is not None:
        _revive(table, session.session_id, session.credential, now)
    table.connection.execute(INSERT, encoded(session, table.keyring))


def close_session(table: Table, session_id: str, *, but: Credential | None, now: float) -> None:
    """Remove a session's row; its login becomes a debt, unless it is the one that `but` stands for."""
    for row in _rows(table, session_id):
        owe(table, decoded(row, table.keyring), but=but, now=now)
    table.connection.execute("DELETE FROM sessions WHERE session_id = ?", (session_id,))


def forget_login(table: Table, session: OpenSession) -> None:
    """Remove the session's row if it is still of this login."""
    table.connection.execute("DELETE FROM sessions WHERE session_id = ? AND login_id = ?", (session.session_id, session.login_id))


def owe(table: Table, session: OpenSession, *, but: Credential | None = None, now: float) -> None:
    """Write down that a login has to be ended at once, unless it is the one that `but` stands for, or is a debt already."""
    if session.credential is None or session.credential == but or is_debt(table, session.session_id, session.credential):
        return
    table.insert(
        Debt(
            id=0,
            session_id=session.session_id,
            system_id=session.system_id,
            origin=session.origin,
            fingerprint=fingerprints(session.session_id, session.credential, table.keyring)[0],
            recorded_at=now,
            due_at=now,
            credential=session.credential,
        )
    )


def is_debt(table: Table, session_id: str, credential: Credential) -> bool:
    """Tell whether a login is, or was a while ago, a debt: somebody has asked to end it."""
    return bool(table.of_login(session_id, credential))


def note_use(table: Table, used: Mapping[str, float]) -> None:
    """Write down when sessions were last used; one that is closed by now, or whose row is not to be believed, is left out."""
    for session_id, moment in used.items():
        for row in _rows(table, session_id):
            id_, *values, _ = row
            values[USED - 1] = max(moment, row[USED])
            *_, mac = authenticated(tuple(values), table.keyring)
            table.connection.execute("UPDATE sessions SET used_at = ?, mac = ? WHERE id = ?", (values[USED - 1], mac, id_))


def _revive(table: Table, session_id: str, credential: Credential, now: float) -> None:
    """Settle what was owed for a login that the end system has handed out once more: it is in use again."""
    for debt in table.of_login(session_id, credential):
        over = replace(debt, state=LogoutState.CLOSED, credential=None, fingerprint=token_bytes(len(debt.fingerprint)))
        table.update(replace(over, closed_at=now if over.owes_nothing else None))


def _rows(table: Table, session_id: str) -> Iterator[Row]:
    """Yield the session's row, if there is one that is to be believed."""
    for row in table.connection.execute(f"{SELECT} WHERE session_id = ?", (session_id,)).fetchall():
        try:
            verify(row, table.keyring)
        except (KeyMissing, Unverified):
            continue
        yield row


def is_known(table: Table, session_id: str) -> bool:
    """Tell whether the session has a row, be it one that is not to be believed."""
    return table.connection.execute("SELECT 1 FROM sessions WHERE session_id = ?", (session_id,)).fetchone() is not None


def is_in_use(table: Table, session: OpenSession) -> bool:
    """Tell whether the session is open by a login of the same credential: the end system has handed it out once more."""
    return any(decoded(row, table.keyring).credential == session.credential for row in _rows(table, session.session_id))


def owe_eviction(table: Table, scope: SessionScope, *, drivers: Sequence[str], now: float) -> Debt:
    """Write down that what a session has cached is to be evicted, in a row of its own: its login may be owed or not."""
    debt = Debt(
        id=0,
        session_id=scope.session_id,
        system_id=scope.system_id,
        origin="",
        fingerprint=token_bytes(32),
        state=LogoutState.CLOSED,
        evictions=dict.fromkeys(drivers, (scope,)),
        recorded_at=now,
        due_at=now,
    )
    return table.insert(debt)
