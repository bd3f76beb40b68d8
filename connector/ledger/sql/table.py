"""The ledger's rows within one transaction: read and verified, written, or put in quarantine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag
from typing import Any

from msgspec.structs import replace

from connector.ledger.fingerprints import fingerprints, fitted
from connector.ledger.keyring import KeyMissing, Keyring
from connector.ledger.rows import COLUMNS, NAMES, DebtRow, Row, decoded, encoded
from connector.ledger.sql.database import Database
from connector.ledger.sql.facts import DebtRemoved, DebtWritten, Fact
from connector.ledger.unverified import Unverified, claimed
from connector.model.credential import Credential
from connector.model.debts import Debt


def marks(values: Collection[object]) -> str:
    """Return a question mark for each of the values, as a statement wants them; what is equal to nothing if there are none."""
    return ", ".join("?" * len(values)) or "NULL"


def is_running(table: "Table") -> str:
    """Return what is true of an opening whose owner is there; the values in it are the table's owners."""
    return f"(owner IS NOT NULL AND owner IN ({marks(table.term.owners)}))"


UPDATE = f"UPDATE debts SET {', '.join(f'{name} = ?' for name in COLUMNS[1:])} WHERE id = ?"  # noqa: S608 - names of our own
CLAIMS = "id, reason, session_id, system_id, origin, recorded_at"
INTO_QUARANTINE = f"""INSERT INTO quarantine ({CLAIMS}) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in CLAIMS.split(", ")[1:])}"""  # noqa: S608 - as above
FROM_QUARANTINE = f"SELECT {CLAIMS} FROM quarantine ORDER BY id"  # noqa: S608 - names of our own


class Heard(Flag):
    """Of what kinds the rows of a session are."""

    OWED = 1
    OPEN = 2
    OPENING = 4


@dataclass(frozen=True, slots=True)
class Term:
    """An owner's time with the ledger."""

    owner: bytes = b""
    """A random word: no owner before or after has the same. Empty if nobody owns the ledger."""
    tick: int = 0
    """How long servers have run with the ledger."""
    others: tuple[bytes, ...] = ()
    """Who else owns the ledger now."""
    writes_use_apart: bool = True
    """Whether rows of sessions may be authenticated apart from their use: all owners can read that."""
    looks: Mapping[Hashable, int] = field(default_factory=dict)
    """How often each owner has looked which sessions were ended, if several own the ledger."""
    gives_seats: bool = True
    """Whether all that holds a seat has a row, as far as the store can know."""
    is_complete: bool = True
    """Whether all owners that are known to be there have written what the store has perhaps forgotten."""

    @property
    def owners(self) -> tuple[bytes, ...]:
        """All who own the ledger now. What anybody else has begun is under way no more."""
        return (self.owner, *self.others)


NOBODYS = Term()


class Table(ABC):
    """The rows as one transaction sees them. A row that does not verify is put in quarantine, unless nothing may be written."""

    def __init__(self, connection: Database, keyring: Keyring, *, term: Term = NOBODYS, may_write: bool = True) -> None:
        self.connection = connection
        self.keyring = keyring
        self.term = term
        self._may_write = may_write
        self.quarantined: list[Debt] = []
        """What this transaction has put there."""

    @abstractmethod
    def next_id(self, number: int) -> int:
        """Return the first of this number of ids in a row, which no debt ever had."""

    def note(self, facts: Iterable[Fact]) -> None:
        """Note what was made of rows of debts, sessions and openings. A store keeps it that may forget what it has committed."""

    @abstractmethod
    def last_id(self, name: str) -> int:
        """Return the highest id that a row of a table ever had; 0 if that is not known."""

    @abstractmethod
    def size(self) -> int:
        """Return the bytes that the rows take in their store."""

    @abstractmethod
    def as_stored(self, text: str) -> str | bytes:
        """Return the value that equals a text of a row after `CAST(? AS TEXT)`, even if the row was damaged."""

    def rows(self, condition: str, *values: Any) -> Iterator[DebtRow]:
        """Read rows as they are; `condition` is what follows WHERE."""
        query = f"SELECT {NAMES} FROM debts WHERE {condition}"  # noqa: S608 - ours
        return map(DebtRow._make, self.connection.execute(query, values))

    def named(self, query: str, *values: Any) -> Iterator[Mapping[str, Any]]:
        """Read whatever a query finds, its columns by their names."""
        answer = self.connection.execute(query, values)
        names = [name for name, *_ in answer.description or ()]
        return (dict(zip(names, row, strict=True)) for row in answer)

    def stream(self, query: str, *values: Any) -> Iterator[Any]:
        """Read what a query finds, a few rows at a time, because not all of them may be wanted."""
        return iter(self.connection.execute(query, values))

    def later(self, query: str, values: Sequence[Any] = ()) -> Callable[[], list[Any]]:
        """Ask together with the next statement that is waited for, if that saves a way. Return what then returns the rows."""
        return lambda: [*self.connection.execute(query, values)]

    def among(self, values: Collection[Any]) -> tuple[str, list[Any]]:
        """Return what is true of a column that has one of these values, and what goes with its question marks."""
        return f"IN ({marks(values)})", [*values]

    def given(self, names: Sequence[str], rows: Sequence[Row]) -> tuple[str, list[Any]]:
        """Return what stands for rows of these columns as `column1`, `column2`, ..., and what goes with its question marks."""
        return f"VALUES {', '.join([f'({marks(names)})'] * len(rows))}", [value for row in rows for value in row]

    def write(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement whose answer nobody needs. If it fails, that may be told by a later one."""
        self.connection.execute(statement, values)

    def debts(self, condition: str, *values: Any, needs_credential: Callable[[Debt], bool] = lambda _: True) -> list[Debt]:
        """Return the debts that verify, with the credentials of those that need them; a row whose key is missing is left out."""
        return [debt for debt in self._opened(condition, values, needs_credential) if debt.unusable is None]

    def of_login(self, session_id: str, login_id: str, credential: Credential) -> list[Debt]:
        """Return the debts of one login, as `debts` does. One with an id is told by it: credentials are renewed."""
        if login_id:
            return self.debts("session_id = ? AND login_id = ? ORDER BY id", session_id, login_id)
        prints = fingerprints(session_id, login_id, credential, self.keyring)
        return self.debts(f"session_id = ? AND fingerprint IN ({marks(prints)}) ORDER BY id", session_id, *prints)

    def shown(self, condition: str, *values: Any) -> list[Debt]:
        """Return debts without their credentials, those among them that are not to be believed marked as unusable."""
        return self._opened(condition, values, lambda _: False)

    def insert(self, debt: Debt) -> Debt:
        """Write a new row and return the debt with its id, which no other row ever had."""
        (numbered,) = self.insert_all([debt])
        return numbered

    def insert_all(self, debts: Sequence[Debt]) -> list[Debt]:
        """Do what `insert` does for each of these, in one statement."""
        if not debts:
            return []
        first = self.next_id(len(debts))
        numbered = [replace(debt, id=first + place) for place, debt in enumerate(debts)]
        self.write_new([encoded(debt, self.keyring) for debt in numbered])
        self.note(map(DebtWritten, numbered))
        return numbered

    def update(self, debt: Debt) -> Debt:
        """Write the debt over its row, with the current key."""
        (renewed,) = self.update_all([debt])
        return renewed

    def update_all(self, debts: Sequence[Debt]) -> list[Debt]:
        """Do what `update` does for each of these."""
        renewed = [fitted(debt, self.keyring) for debt in debts]
        if renewed:
            self.write_over([encoded(debt, self.keyring) for debt in renewed])
            self.note(map(DebtWritten, renewed))
        return renewed

    def write_new(self, rows: Sequence[Row]) -> None:
        """Insert rows of debts, in one statement."""
        given, values = self.given(COLUMNS, rows)
        self.write(f"INSERT INTO debts ({NAMES}) {given}", values)

    def write_over(self, rows: Sequence[Row]) -> None:
        """Write rows of debts over those with their ids."""
        for id_, *values in rows:
            self.write(UPDATE, (*values, id_))

    def sessions_heard_of(self, session_ids: Collection[str]) -> dict[str, Heard]:
        """Return which of these sessions have any row at all, and of what kinds."""
        wanted, values = self.among(session_ids)
        found = self.connection.execute(
            f"SELECT session_id, {Heard.OWED.value} FROM debts WHERE session_id {wanted}"  # noqa: S608 - question marks
            f" UNION ALL SELECT session_id, {Heard.OPEN.value} FROM sessions WHERE session_id {wanted}"
            f" UNION ALL SELECT session_id, {Heard.OPENING.value} FROM openings WHERE session_id {wanted}",
            values * 3,
        )
        heard_of: dict[str, Heard] = {}
        for session_id, kind in found:
            heard_of[session_id] = heard_of.get(session_id, Heard(0)) | Heard(kind)
        return heard_of

    def sessions_known(self, session_ids: Sequence[str]) -> set[str]:
        """Return which of these sessions are open, or have any debt: no row is returned for the others."""
        if not session_ids:
            return set()
        which, values = self.among(session_ids)
        wanted = f"WHERE session_id {which}"
        query = f"SELECT session_id FROM debts {wanted} UNION ALL SELECT session_id FROM sessions {wanted}"  # noqa: S608 - question marks
        return {session_id for (session_id,) in self.connection.execute(query, values * 2)}

    def delete_unshared(self, ids: Collection[int]) -> set[int]:
        """Remove those of these debts that only one cleanup has asked for, and return their ids."""
        if not ids:
            return set()
        which, values = self.among(ids)
        unshared = f"FROM debts WHERE id {which} AND revision = 1"
        # As one row: for each row of an answer, SQLite's thread and the event loop's hand Python's one lock to and fro.
        (gone,) = self.connection.execute(f"SELECT group_concat(id) {unshared}", values).fetchone()
        self.write(f"DELETE {unshared}", values)
        removed = {int(id_) for id_ in gone.split(",")} if gone else set()
        self.note(map(DebtRemoved, removed))
        return removed

    def delete(self, table: str, id_: int) -> bool:
        """Remove a row and say whether there was one."""
        return self.connection.execute(f"DELETE FROM {table} WHERE id = ?", (id_,)).rowcount > 0  # noqa: S608 - ours

    def lose_track(self, reason: str) -> None:
        """Write down that evictions that were owed may be unknown. Each time needs a reason of its own."""
        self.write("INSERT INTO lost_track VALUES (?)", (reason,))

    def quarantine(self) -> list[Debt]:
        """Return what rows in quarantine claim."""
        return [_claimed(row, f"in quarantine: {row['reason']}") for row in self.named(FROM_QUARANTINE)]

    def _opened(self, condition: str, values: tuple[Any, ...], needs_credential: Callable[[Debt], bool]) -> list[Debt]:
        debts = []
        for row in [*self.rows(condition, *values)]:
            try:
                debts.append(decoded(row, self.keyring, needs_credential=needs_credential))
            except (KeyMissing, Unverified) as problem:
                unusable = _claimed(row, str(problem))
                if self._may_write and isinstance(problem, Unverified):
                    self._put_in_quarantine(unusable)
                else:
                    debts.append(unusable)
        return debts

    def _put_in_quarantine(self, debt: Debt) -> None:
        """Keep what the row claims for a person. Its credential goes, and what it owed to drivers is not known any more."""
        values = (debt.id, debt.unusable, debt.session_id, debt.system_id, debt.origin, debt.recorded_at)
        self.write(INTO_QUARANTINE, values)
        self.delete("debts", debt.id)
        self.lose_track(f"debt {debt.id} was put in quarantine")
        self.quarantined.append(debt)


def _claimed(row: DebtRow | Mapping[str, Any], reason: str) -> Debt:
    values = row._asdict() if isinstance(row, DebtRow) else dict(row)
    claims = {name: values[name] for name in ("session_id", "system_id", "origin", "recorded_at")}
    return claimed(reason, id_=values["id"], **claims)
