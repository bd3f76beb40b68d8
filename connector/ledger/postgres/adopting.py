"""A ledger that moves into a database with another one: its facts are written there, and its seals hold from then on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from connector.ledger import begun_logins, open_sessions, rows
from connector.ledger.begun_logins import OpeningRow
from connector.ledger.keyring import KeyMissing, Keyring
from connector.ledger.open_sessions import SessionRow
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.known_facts import KnownFacts
from connector.ledger.postgres.rewriting import write_again
from connector.ledger.rows import DebtRow
from connector.ledger.sql import audit_rows, session_rows, ticks
from connector.ledger.sql.carried_ticks import Shift, counter
from connector.ledger.sql.facts import DebtWritten, Fact, OpeningWritten, SessionRemoved, SessionWritten
from connector.ledger.sql.moving import COLUMNS, LeavingLedger, Row
from connector.ledger.sql.session_changes import is_debt
from connector.ledger.sql.table import Table, marks
from connector.model.audit import AuditEntry
from connector.model.credential import Credential
from connector.model.errors import ConfigurationError
from connector.model.sessions import OpenSession


@dataclass(frozen=True, slots=True)
class Adoption:
    """How a ledger is taken into another one."""

    keyring: Keyring
    idle_for: int
    """Ticks without a call after which a session is not open any more when it arrives, but owed."""
    entry: AuditEntry
    """The line of the audit log that the move gets, once it has begun."""

    @property
    def now(self) -> float:
        """When the move has begun, in seconds since the epoch."""
        return self.entry.at


def adopt(table: FleetTable, source: LeavingLedger, adoption: Adoption, advance: Callable[[], None]) -> None:
    """Write what a ledger holds beside what the database does. `advance` is called for each row.

    A debt in either of them beats an open session. Of two logins by which one session is open, that of the database stays.
    The other is owed. Of a login that was under way, nobody knows what it has made. What waits for a login to end by itself is
    as old as before.

    Raises:
        ConfigurationError: a row needs a key that is missing, or something was not there when it was looked for.
    """
    table.term = replace(table.term, tick=ticks.read(table), writes_use_apart=False)  # what any version reads
    try:
        facts = [*_facts(source, adoption, _shift(table, source), advance)]
    except KeyMissing as problem:
        todo = "put its line after the others, and leave it there until `connector keys retire` takes it out"
        raise ConfigurationError([f"ledger.key_file: {problem}: {todo}"]) from None
    write_again(table, KnownFacts.of(facts), there=(), now=adoption.now)
    _write_the_rest(table, source, advance)
    for id_ in source.ids:
        table.write("INSERT INTO identity VALUES (?)", (id_,))
    adopted = {bytes(id_) for (id_,) in table.connection.execute("SELECT id FROM identity")}
    if missing := len({*source.ids} - adopted) + sum(not _is_there(table, fact) for fact in facts):
        raise ConfigurationError([f"{missing} of the rows were not there when they were looked for: nothing is kept"])


def _shift(table: FleetTable, source: LeavingLedger) -> Shift:
    sessions, openings = map(SessionRow._make, source.rows("sessions")), map(OpeningRow._make, source.rows("openings"))
    return Shift(counter(source.rows("ticks"), sessions, openings, table.keyring), table.term.tick)


def _facts(source: LeavingLedger, adoption: Adoption, shift: Shift, advance: Callable[[], None]) -> Iterator[Fact]:
    keyring = adoption.keyring
    for row in _noted(source.rows("debts"), advance):
        yield DebtWritten(shift.debt(rows.decoded(DebtRow._make(row), keyring)))
    for row in _noted(source.rows("sessions"), advance):
        of_session = SessionRow._make(row)
        session = shift.session(open_sessions.decoded(of_session, keyring))
        is_idle = shift.origin - of_session.used_tick > adoption.idle_for
        yield SessionRemoved(session) if is_idle else SessionWritten(session)
    for row in _noted(source.rows("openings"), advance):
        begun_logins.verify(opening := OpeningRow._make(row), keyring)
        yield OpeningWritten(begun_logins.authenticated(shift.opening(opening)._replace(owner=None), keyring))


def _write_the_rest(table: FleetTable, source: LeavingLedger, advance: Callable[[], None]) -> None:
    for name in ("quarantine", "lost_track"):
        for row in _noted(source.rows(name), advance):
            values = (table.next_id(1), *row[1:]) if name == "quarantine" else row
            table.write(f"INSERT INTO {name} ({', '.join(COLUMNS[name])}) VALUES ({marks(values)})", values)  # noqa: S608 - ours
    for row in _noted(source.rows("audit"), advance):
        table.write(audit_rows.NOTE, row[1:])


def _noted(found: Iterable[Row], advance: Callable[[], None]) -> Iterator[Row]:
    for row in found:
        advance()
        yield row


def _is_there(table: Table, fact: Fact) -> bool:
    """Tell whether the database knows a login as open, under way or owed, read again."""
    match fact:
        case DebtWritten(debt) if debt.login_id:
            return bool(table.of_login(debt.session_id, debt.login_id, debt.credential or Credential()))
        case DebtWritten(debt):
            return bool(table.debts("session_id = ? AND fingerprint = ?", debt.session_id, debt.fingerprint))
        case SessionWritten(session) | SessionRemoved(session):
            return _is_known(table, session)
    return True


def _is_known(table: Table, session: OpenSession) -> bool:
    session_id, login_id = session.session_id, session.login_id
    [found] = session_rows.open_by(table, [(session_id, login_id)])
    may_owe_nothing = session.credential is None or session.is_shared
    return found is not None or may_owe_nothing or is_debt(table, session_id, login_id, session.credential)
