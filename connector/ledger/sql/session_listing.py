"""Open sessions and begun logins as a person is shown them. No credential leaves this module."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connector.ledger import begun_logins, open_sessions
from connector.ledger.begun_logins import OpeningRow
from connector.ledger.fingerprints import shares
from connector.ledger.keyring import KeyMissing
from connector.ledger.open_sessions import SessionRow
from connector.ledger.sql import opening_rows, session_rows
from connector.ledger.sql.table import Table, is_running, marks
from connector.ledger.unverified import Unverified, shown
from connector.model.credential import Credential
from connector.model.listed import ListedSession, SessionState, Wanted
from connector.model.sessions import OpenSession

BEHIND_OPENINGS = 2**52
"""What the place of an open session has more than the id of its row. Clients that count in floating point tell it apart, too."""
RUNS = {
    SessionState.OPENING: f"NOT {opening_rows.IS_REFRESH} AND ",
    SessionState.UNKNOWN: f"NOT {opening_rows.IS_WAITED_FOR} AND NOT ",
}
"""Before whether the owner of a begun login is there, in each state. The refresh of an open session is no line of its own."""

SYSTEMS = "SELECT DISTINCT system_id FROM sessions WHERE system_id IS NOT NULL ORDER BY system_id LIMIT ?"

Condition = tuple[str, Sequence[str | bytes | int]]
"""What a row has to fulfil, and the values in it."""


def listing(table: Table, wanted: Wanted, *, now: int, after: int, limit: int) -> list[ListedSession]:
    """Return what is wanted in the order of its places, from `after` on; `now` is the present tick."""
    found = _begun(table, wanted, after, limit)
    return found + _open(table, wanted, now, max(0, after - BEHIND_OPENINGS), limit - len(found))


def systems(table: Table, limit: int) -> list[str]:
    """Return of which systems sessions are open. Text that was damaged is no system."""
    found = (row["system_id"] for row in table.named(SYSTEMS, limit))
    return [system for system in found if isinstance(system, str) and system.isprintable()]


def _begun(table: Table, wanted: Wanted, after: int, limit: int) -> list[ListedSession]:
    states = [state for state in RUNS if wanted.states is None or state in wanted.states]
    if not states or wanted.idle is not None:
        return []
    of_states = " OR ".join(f"{RUNS[state]}{is_running(table)}" for state in states)
    conditions = [*_chosen(wanted, after), (f"({of_states})", [*table.term.owners] * len(states))]
    rows = map(OpeningRow._make, _rows(table, opening_rows.SELECT, conditions, limit))
    return [_opening(table, row) for row in rows]


def _open(table: Table, wanted: Wanted, now: int, after: int, limit: int) -> list[ListedSession]:
    if wanted.states is not None and SessionState.OPEN not in wanted.states:
        return []
    unused: list[Condition] = [] if wanted.idle is None else [("used_tick <= ?", [now - wanted.idle])]
    rows = map(SessionRow._make, _rows(table, session_rows.SELECT, [*_chosen(wanted, after), *unused], limit))
    sharers = _Sharers(table)
    return [_session(table, row, now, sharers) for row in rows]


def _chosen(wanted: Wanted, after: int) -> list[Condition]:
    of_columns = {"session_id": wanted.session, "system_id": wanted.system, "origin": wanted.origin}
    given: list[Condition] = [(f"{column} = ?", [value]) for column, value in of_columns.items() if value is not None]
    return [("id > ?", [after]), *given]


def _rows(table: Table, select: str, conditions: Sequence[Condition], limit: int) -> list[tuple[Any, ...]]:
    query = f"{select} WHERE {' AND '.join(condition for condition, _ in conditions)} ORDER BY id LIMIT ?"
    return [*table.connection.execute(query, [*(value for _, values in conditions for value in values), limit])]


def _opening(table: Table, row: OpeningRow) -> ListedSession:
    state, problem = SessionState.OPENING if row.owner in table.term.owners else SessionState.UNKNOWN, None
    try:
        begun_logins.verify(row, table.keyring)
    except (KeyMissing, Unverified) as found:
        problem = str(found)
    return replace(_claimed(row, state, problem), place=row.id or 0, overtaken=row.overtaken == 1)


def _session(table: Table, row: SessionRow, now: int, sharers: "_Sharers") -> ListedSession:
    problem, number = None, 0
    try:
        number = sharers.of(open_sessions.decoded(row, table.keyring))
    except (KeyMissing, Unverified) as found:
        problem = str(found)
    return replace(
        _claimed(row, SessionState.OPEN, problem),
        place=BEHIND_OPENINGS + (row.id or 0),
        used_at=_number(row.used_at),
        idle=max(0, now - int(_number(row.used_tick))),
        calls=int(_number(row.calls)),
        sharers=number,
    )


def _claimed(row: OpeningRow | SessionRow, state: SessionState, problem: str | None) -> ListedSession:
    """Return what both kinds of rows say of themselves, made fit to be shown if it is not to be believed."""
    fit: Callable[[Any], str | None] = shown if problem else lambda value: value
    return ListedSession(
        place=0,
        session_id=fit(row.session_id) or "",
        system_id=fit(row.system_id),
        origin=fit(row.origin) or "",
        login_id=fit(row.login_id) or "",
        state=state,
        opened_at=_number(row.opened_at),
        unusable=problem,
    )


def _number(value: object) -> float:
    return value if isinstance(value, float | int) else 0.0


@dataclass(frozen=True, slots=True)
class _Sharers:
    """Counts the sessions of each login that several may have; nothing is verified for it."""

    table: Table
    known: dict[tuple[Credential, str], int] = field(default_factory=dict)

    def of(self, session: OpenSession) -> int:
        """Return how many other sessions have this session's login, by whichever key their rows were made."""
        if not session.is_shared or session.credential is None:
            return 0
        login = session.credential, session.origin
        if login not in self.known:
            digests = shares(session.credential, self.table.keyring)
            query = f"SELECT count(*) FROM sessions WHERE share IN ({marks(digests)}) AND origin = ?"  # noqa: S608 - ours
            (number,) = self.table.connection.execute(query, [*digests, session.origin]).fetchone()
            self.known[login] = max(0, number - 1)
        return self.known[login]
