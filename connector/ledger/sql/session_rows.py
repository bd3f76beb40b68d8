"""Rows of open sessions: read, believed or not, used and removed.

A session has one row, that of its login. Beside it there may be rows whose key is missing, or that were damaged: they stay.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from connector.ledger.fingerprints import shares
from connector.ledger.keyring import KeyMissing
from connector.ledger.open_sessions import COLUMNS, NAMES, SessionRow, authenticated, decoded, encoded, renewed, verify
from connector.ledger.sql.facts import SessionRemoved, SessionWritten
from connector.ledger.sql.table import Table, marks
from connector.ledger.unverified import Unverified
from connector.model.sessions import Current, Known, Login, OpenSession, Renewal, Use

INSERT = f"INSERT INTO sessions ({', '.join(COLUMNS[1:])})"
SELECT = f"SELECT {NAMES} FROM sessions"  # noqa: S608 - ours
OF_KNOWN = "WHERE session_id = column1 AND login_id = column2"
OF_SESSIONS = "WHERE session_id {} ORDER BY id"
CHANGED = f"""SELECT column1, column2, (SELECT max(version) FROM sessions {OF_KNOWN}) FROM ({{}}) AS known
    WHERE NOT EXISTS (SELECT 1 FROM sessions {OF_KNOWN} AND version = column3)"""  # noqa: S608 - ours
"""The database compares: hardly a row comes back."""
Believed = tuple[SessionRow, OpenSession]
"""A row that is to be believed, and what it holds."""
NOTED = ("id", "used_at", "unanswered", "used_tick", "calls", "mac")
NOTE = """UPDATE sessions SET used_at = column2, unanswered = column3, used_tick = column4, calls = column5, mac = column6
    FROM ({}) AS noted WHERE id = column1"""


def known(table: Table) -> Known:
    """Return what has to be known to tell whether a session is alive."""
    latest: dict[str, str] = {}
    renewed: dict[str, Current] = {}
    earlier: dict[str, tuple[str, ...]] = {}
    older_keys, keyless, damaged = Counter[str](), 0, 0
    for row in map(SessionRow._make, table.stream(f"{SELECT} ORDER BY id")):
        try:
            verify(row, table.keyring)
        except KeyMissing:
            keyless += 1
        except Unverified:
            damaged += 1
        else:
            if row.session_id in latest:
                earlier[row.session_id] = (*earlier.get(row.session_id, ()), latest[row.session_id])
                renewed.pop(row.session_id, None)
            latest[row.session_id] = row.login_id
            if row.version:
                renewed[row.session_id] = _current(decoded(row, table.keyring))
            if row.key_id != table.keyring.current:
                older_keys[row.key_id] += 1
    ledger_id, *adopted = [bytes(id_) for (id_,) in table.connection.execute("SELECT id FROM identity ORDER BY id")]
    return Known(ledger_id, latest, earlier, older_keys, keyless, damaged, renewed, adopted=adopted)


def note_use(table: Table, used: Mapping[str, Use]) -> None:
    """Record the use of sessions, except of those that are closed by now or whose row is not to be believed."""
    noted = []
    for row in _of_sessions(table, used):
        if row.login_id == used[row.session_id].login_id:
            with suppress(KeyMissing, Unverified):
                noted.append(_noted(table, row, used[row.session_id]))
    if noted:
        given, values = table.given(NOTED, [tuple(getattr(row, name) for name in NOTED) for row in noted])
        table.write(NOTE.format(given), values)


def renew(table: Table, renewal: Renewal) -> Current | None:
    """Replace the credential of an open session if it has this version, or an older one: the store has forgotten this one.

    Return what is current then; None if it is not open.
    """
    for row, session in believed(table, renewal.session_id):
        if session.login_id == renewal.login_id:
            is_due = session.credential is not None and session.version <= renewal.version
            return _current(_renewed(table, row, session, renewal) if is_due else session)
    return None


def open_by(table: Table, logins: Sequence[tuple[str, str]]) -> list[OpenSession | None]:
    """Return for each session the one that is open by this login; None if it has no row that is to be believed."""
    session_ids = dict(logins)
    rows = _of_sessions(table, session_ids)
    wanted = {*logins}
    found = _believed(table, [row for row in rows if (row.session_id, row.login_id) in wanted])
    by_login = {(row.session_id, row.login_id): session for row, session in found}
    return [by_login.get(login) for login in logins]


def logins_now(table: Table, session_ids: Sequence[str]) -> list[str | None]:
    """Return by which logins these sessions are open, as far as their rows are to be believed; None for one that is not."""
    now = {row.session_id: row.login_id for row in _of_sessions(table, {*session_ids}) if _is_verified(table, row)}
    return [now.get(session_id) for session_id in session_ids]


def changed_logins(table: Table, known: Mapping[Login, int]) -> dict[Login, int | None]:
    """Return those of these logins that are not open with this version, with theirs; None if no row has one. See `Ledger`."""
    given, values = table.given(("session_id", "login_id", "version"), [(*login, version) for login, version in known.items()])
    found = table.connection.execute(CHANGED.format(given), values)
    return {(session_id, login_id): version for session_id, login_id, version in found}


def logins_of(table: Table, session_id: str) -> set[str]:
    """Return the ids of the logins for which the session has a row, whether it is to be believed or not."""
    return {id_ for (id_,) in table.connection.execute("SELECT login_id FROM sessions WHERE session_id = ?", (session_id,))}


def believed(table: Table, session_id: str) -> Iterator[Believed]:
    """Yield the session's rows that are to be believed, and what they hold."""
    return _believed(table, [*_rows(table, "WHERE session_id = ?", session_id)])


def found(table: Table, condition: str, *values: str | bytes | int) -> Iterator[Believed]:
    """Yield the rows that a condition finds and that are to be believed, and what they hold. Nothing may be written meanwhile."""
    return _believed(table, map(SessionRow._make, table.stream(f"{SELECT} {condition}", *values)))


def _believed(table: Table, rows: Iterable[SessionRow]) -> Iterator[Believed]:
    for row in rows:
        with suppress(KeyMissing, Unverified):
            yield row, decoded(row, table.keyring)


def taken(table: Table, session_id: str, which: Collection[str] | None = None) -> list[OpenSession]:
    """Remove the session's rows that are to be believed, all or those of which logins, and return what they held."""
    taken = []
    for row, session in believed(table, session_id):
        if which is None or session.login_id in which:
            table.write("DELETE FROM sessions WHERE id = ?", (row.id,))
            taken.append(session)
    table.note(map(SessionRemoved, taken))
    return taken


def asked_for(table: Table, session_ids: Collection[str]) -> Callable[[], list[SessionRow]]:
    """Ask for the rows of these sessions with the next statement, and return what then returns them."""
    which, values = table.among(session_ids)
    found = table.later(f"{SELECT} {OF_SESSIONS.format(which)}", values)
    return lambda: [*map(SessionRow._make, found())]


def taken_alone(table: Table, logins: Mapping[str, str], rows: Sequence[SessionRow]) -> dict[str, OpenSession]:
    """Remove the rows of sessions that are open by these logins and have no other row, and return by session what they held.

    `rows` are all of theirs, and maybe more. One that is not to be believed stays, and one whose login another session may
    have: they take a second look.
    """
    number = Counter(row.session_id for row in rows)
    open_by = [row for row in rows if row.login_id == logins.get(row.session_id)]
    alone = [row for row in open_by if number[row.session_id] == 1 and row.share is None]
    found = [*_believed(table, alone)]
    if found:
        which, ids = table.among([row.id for row, _ in found])
        table.write(f"DELETE FROM sessions WHERE id {which}", ids)  # noqa: S608 - question marks
        table.note(SessionRemoved(session) for _, session in found)
    return {row.session_id: session for row, session in found}


def has_sharers(table: Table, login: OpenSession) -> bool:
    """Tell whether another session is open by the same login, if it is one that several sessions may have."""
    if not login.is_shared or login.credential is None:
        return False
    digests = shares(login.credential, table.keyring)
    rows = [*_rows(table, f"WHERE share IN ({marks(digests)}) AND origin = ?", *digests, login.origin)]
    others = [row for row in rows if (row.session_id, row.login_id) != (login.session_id, login.login_id)]
    return any(_is_verified(table, row) for row in others)


def insert(table: Table, session: OpenSession) -> None:
    """Write a row for a session."""
    insert_all(table, [session])


def insert_all(table: Table, sessions: Sequence[OpenSession]) -> None:
    """Write a row for each of these sessions, in one statement."""
    if not sessions:
        return
    given, values = table.given(COLUMNS[1:], [_encoded(table, session)[1:] for session in sessions])
    table.write(f"{INSERT} {given}", values)
    table.note(map(SessionWritten, sessions))


def write_credential(table: Table, row: SessionRow, session: OpenSession) -> None:
    """Write the credential that a session has now into its row."""
    changed = renewed(row, session, table.keyring, apart=table.term.writes_use_apart)
    values = (changed.credential, changed.version, changed.share, changed.mac, row.id)
    table.write("UPDATE sessions SET credential = ?, version = ?, share = ?, mac = ? WHERE id = ?", values)
    table.note([SessionWritten(session)])


def remove(table: Table, session_id: str, login_id: str) -> None:
    """Remove the row of a login, whether it is to be believed or not."""
    table.write("DELETE FROM sessions WHERE session_id = ? AND login_id = ?", (session_id, login_id))


def _encoded(table: Table, session: OpenSession) -> SessionRow:
    return encoded(session, table.term.tick, table.keyring, apart=table.term.writes_use_apart)


def _noted(table: Table, row: SessionRow, use: Use) -> SessionRow:
    is_apart = verify(row, table.keyring)
    used_at, tick = max(use.moment, row.used_at), max(table.term.tick, row.used_tick)
    # A note that is not later than the last one is a repeat of it, or somebody has set the clock back.
    calls = row.calls + use.calls if use.moment > row.used_at else row.calls
    noted = row._replace(used_at=used_at, unanswered=0, used_tick=tick, calls=calls)
    return noted if is_apart else authenticated(noted, table.keyring, apart=table.term.writes_use_apart)


def _is_verified(table: Table, row: SessionRow) -> bool:
    with suppress(KeyMissing, Unverified):
        verify(row, table.keyring)
        return True
    return False


def _renewed(table: Table, row: SessionRow, session: OpenSession, renewal: Renewal) -> OpenSession:
    done = replace(session, credential=renewal.credential, version=renewal.version + 1)
    write_credential(table, row, done)
    return done


def _current(session: OpenSession) -> Current:
    return Current(session.credential, session.version)


def _of_sessions(table: Table, session_ids: Collection[str]) -> list[SessionRow]:
    which, values = table.among(session_ids)
    return [*_rows(table, OF_SESSIONS.format(which), *values)]


def _rows(table: Table, condition: str, *values: str | bytes | int) -> Iterator[SessionRow]:
    return map(SessionRow._make, table.connection.execute(f"{SELECT} {condition}", values))
