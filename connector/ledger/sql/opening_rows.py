"""Rows of openings: logins that are under way, and those of which nobody knows what they have made.

A row that is not to be believed leads to no session: its login is owed when it comes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import starmap
from typing import NamedTuple

from connector.ledger.begun_logins import COLUMNS, NAMES, OpeningRow, authenticated, decoded, encoded, verify
from connector.ledger.keyring import KeyMissing
from connector.ledger.sql.facts import OpeningRemoved, OpeningWritten
from connector.ledger.sql.seat_holders import has_room
from connector.ledger.sql.table import Table, is_running, marks
from connector.ledger.unverified import Unverified
from connector.model.begun import REFRESH, Opening
from connector.model.errors import NoSuchOpening
from connector.model.seat_pools import Seat
from connector.model.sessions import OpenSession

INSERT = f"INSERT INTO openings ({', '.join(COLUMNS[1:])})"
SELECT = f"SELECT {NAMES} FROM openings"  # noqa: S608 - ours
OF_LOGIN = "session_id = ? AND login_id = ?"
OF_LOGINS = "SELECT id FROM ({}) AS wanted JOIN openings ON session_id = column1 AND login_id = column2"
TAKE = f"DELETE FROM openings WHERE id IN ({OF_LOGINS}) RETURNING {NAMES}"  # noqa: S608 - ours
FIND = f"SELECT count(*) FROM openings WHERE {OF_LOGIN}"  # noqa: S608 - ours
REMOVE = f"DELETE FROM openings WHERE {OF_LOGIN}"  # noqa: S608 - ours
IS_REFRESH = f"substr(login_id, 1, {len(REFRESH)}) = '{REFRESH}'"
IS_WAITED_FOR = f"""({IS_REFRESH} AND EXISTS (SELECT 1 FROM sessions
    WHERE sessions.session_id = openings.session_id AND '{REFRESH}' || sessions.login_id = openings.login_id))"""  # noqa: S608 - ours
"""Whether it is a refresh of an open session: a later one may still end the doubt, and nobody has to look yet."""


class Taken(NamedTuple):
    """What the row of a login told when it was removed; by default, that of a row which is not there or not to be believed."""

    seat: Seat | None = None
    may_open: bool = False
    """Whether a session may be opened: no cleanup has come meanwhile, and its owner does not count as gone."""

    def seated(self, session: OpenSession) -> OpenSession:
        """Return the session with this seat, if there is one."""
        return session if self.seat is None else replace(session, seat=self.seat)


def begin(table: Table, opening: Opening, *, seats: int | None) -> bool:
    """Write down that a login is about to be sent, unless so many seats of its pool are held. A repeat changes nothing."""
    if not (_has_room(table, opening.pool, seats) or _is_begun(table, opening)):
        return False
    begin_all(table, [opening])
    return True


def begin_all(table: Table, openings: Sequence[Opening]) -> None:
    """Write down in one statement that these logins are about to be sent. A repeat changes nothing."""
    if not openings:
        return
    owner, tick = table.term.owner, table.term.tick
    insert_all(table, [encoded(opening, owner, tick, table.keyring) for opening in openings])


def insert_all(table: Table, rows: Sequence[OpeningRow]) -> None:
    """Write these rows in one statement, except for logins that have one."""
    given, values = table.given(COLUMNS[1:], [row[1:] for row in rows])
    table.write(f"{INSERT} {given} ON CONFLICT DO NOTHING", values)
    table.note(map(OpeningWritten, rows))


def taken(table: Table, session_id: str, login_id: str) -> Taken:
    """Remove the row of a login, and return what it told."""
    return taken_all(table, {session_id: login_id})[session_id]


def taken_all(table: Table, logins: Mapping[str, str]) -> defaultdict[str, Taken]:
    """Remove the row of one login of each of these sessions, in one statement. Return by session what they told."""
    told = defaultdict[str, Taken](Taken)
    if not logins:
        return told
    table.note(starmap(OpeningRemoved, logins.items()))
    given, values = table.given(("session_id", "login_id"), [*logins.items()])
    for row in _verified(table, TAKE.format(given), *values):
        seat = None if row.seat is None else Seat(row.seat, row.tick)
        told[row.session_id] = Taken(seat, may_open=row.owner == table.term.owner and not row.overtaken)
    return told


def overtake(table: Table, session_id: str, logins: Collection[str] | None) -> None:
    """Note that a cleanup of the session came: no session is opened with these logins, or with any of them."""
    for row in believed(table, session_id):
        if logins is None or row.login_id in logins:
            update(table, row._replace(overtaken=1))


def is_overtaken(table: Table, session_id: str, login_id: str) -> bool:
    """Tell whether a cleanup came for a login that is under way."""
    return any(row.login_id == login_id and row.overtaken for row in believed(table, session_id))


def unanswered(table: Table, opening: Opening) -> None:
    """Note that nobody will know what a login has made."""
    for row in believed(table, opening.session_id):
        if row.login_id == opening.login_id:
            update(table, row._replace(owner=None))


def complete(table: Table, row: OpeningRow) -> None:
    """Note in the row of a login what this one says and it does not, if there is one."""
    for there in believed(table, row.session_id):
        owner = there.owner if row.owner else None
        said = there._replace(owner=owner, overtaken=max(there.overtaken, row.overtaken), seat=there.seat or row.seat)
        if there.login_id == row.login_id and said != there:
            update(table, said)


def remove(table: Table, session_id: str, login_id: str) -> None:
    """Remove the row of a login, whether it is to be believed or not."""
    table.write(REMOVE, (session_id, login_id))
    table.note([OpeningRemoved(session_id, login_id)])


def remove_all(table: Table, logins: Sequence[tuple[str, str]]) -> None:
    """Remove the rows of these sessions and logins, in one statement. That they are over was noted before.

    A login is refreshed again and again, and perhaps by others since: of refreshes, those of this owner alone are over.
    """
    if logins:
        given, values = table.given(("session_id", "login_id"), logins)
        over = f"id IN ({OF_LOGINS.format(given)}) AND (NOT {IS_REFRESH} OR owner = ?)"
        table.write(f"DELETE FROM openings WHERE {over}", [*values, table.term.owner])  # noqa: S608 - ours


def let_go(table: Table, login_id: str) -> None:
    """Remove the row of a login of which nobody knows what it has made, whether the row is to be believed or not."""
    which = f"login_id = ? AND NOT {is_running(table)}"
    removed = f"DELETE FROM openings WHERE {which} RETURNING session_id, login_id"  # noqa: S608 - ours
    gone = table.connection.execute(removed, (login_id, *table.term.owners)).fetchall()
    table.note(starmap(OpeningRemoved, gone))
    if not gone:
        found = table.connection.execute("SELECT count(*) FROM openings WHERE login_id = ?", (login_id,)).fetchone()[0]
        raise NoSuchOpening("this login is under way" if found else "no login that was begun has this id")


def let_go_unknown(table: Table, made_before: int) -> list[Opening]:
    """Remove the rows of logins that were begun before a tick and of which nobody knows what they have made; return these.

    A row that is not to be believed stays, for a person to look at.
    """
    query = f"{SELECT} WHERE tick < ? AND NOT {is_running(table)} ORDER BY id"
    found = [*_verified(table, query, made_before, *table.term.owners)]
    for row in found:
        table.delete("openings", row.id or 0)
    table.note(OpeningRemoved(row.session_id, row.login_id) for row in found)
    return [*map(decoded, found)]


def renew_keys(table: Table) -> None:
    """Write the rows anew that were made with an older key of the keyring."""
    older = table.keyring.ids[1:]
    for row in _verified(table, f"{SELECT} WHERE key_id IN ({marks(older)})", *older):
        update(table, row._replace(key_id=table.keyring.current))


def latest_tick(table: Table) -> int:
    """Return the highest tick that a row tells which is to be believed."""
    return max((row.tick for row in _verified(table, SELECT)), default=0)


def counted(table: Table) -> tuple[int, int]:
    """Return how many logins are under way, and of how many logins and refreshes nobody knows what they have made.

    A refresh of an open session does not count, because nobody has to look yet. Nothing is verified for it.
    """
    runs = is_running(table)
    query = f"""SELECT count(*) FILTER (WHERE {runs} AND NOT {IS_REFRESH}) AS running,
        count(*) FILTER (WHERE NOT {runs} AND NOT {IS_WAITED_FOR}) AS unknown FROM openings"""  # noqa: S608 - ours
    (row,) = table.named(query, *table.term.owners * 2)
    return row["running"], row["unknown"]


def _has_room(table: Table, pool: str | None, seats: int | None) -> bool:
    return pool is None or seats is None or (table.term.gives_seats and has_room(table, pool, seats))


def _is_begun(table: Table, opening: Opening) -> bool:
    return bool(table.connection.execute(FIND, (opening.session_id, opening.login_id)).fetchone()[0])


def believed(table: Table, session_id: str) -> Iterator[OpeningRow]:
    """Yield the session's rows that are to be believed."""
    return _verified(table, f"{SELECT} WHERE session_id = ?", session_id)


def _verified(table: Table, query: str, *values: str | bytes | int) -> Iterator[OpeningRow]:
    for row in [*map(OpeningRow._make, table.connection.execute(query, values))]:
        with suppress(KeyMissing, Unverified):
            verify(row, table.keyring)
            yield row


def update(table: Table, row: OpeningRow) -> None:
    """Write a row over the one with its id, with its owner, its seat, and whether it was overtaken."""
    changed = authenticated(row, table.keyring)
    values = (changed.key_id, changed.owner, changed.overtaken, changed.seat, changed.mac, row.id)
    table.write("UPDATE openings SET key_id = ?, owner = ?, overtaken = ?, seat = ?, mac = ? WHERE id = ?", values)
    table.note([OpeningWritten(changed)])
