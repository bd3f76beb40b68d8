"""Facts of sessions of which the database knows nothing at all: a few statements write them, however many they are."""

from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

from connector.ledger.postgres.known_facts import KnownFacts
from connector.ledger.rows import encoded
from connector.ledger.sql import opening_rows, session_rows
from connector.ledger.sql.facts import DebtWritten
from connector.ledger.sql.table import Table, marks
from connector.model.debts import Debt

T = TypeVar("T")
SLICE = 1_000
"""Rows in one statement, each of which has many values: PostgreSQL takes 65,535 of these."""
TAKEN = "SELECT id FROM debts WHERE id IN ({ids}) UNION ALL SELECT id FROM quarantine WHERE id IN ({ids})"


def write_unheard(table: Table, known: KnownFacts, there: Collection[bytes]) -> None:
    """Write what is known of sessions without any row; `there` are owners whose openings are all written."""
    debts = [*known.debts.values()]
    insert_again(table, debts)
    owed = {(debt.session_id, debt.login_id) for debt in debts}
    for sessions in _sliced([each for each in known.open if (each.session_id, each.login_id) not in owed]):
        session_rows.insert_all(table, sessions)
    begun = [each.opening for login, each in known.logins.items() if each.session is None and login not in owed]
    for openings in _sliced([row for row in begun if row is not None and row.owner not in there]):
        opening_rows.insert_all(table, openings)


def insert_again(table: Table, debts: Sequence[Debt]) -> None:
    """Insert debts by the ids that they had. One whose id another row has by now gets a new one."""
    for some in _sliced(debts):
        ids = [debt.id for debt in some]
        taken = {id_ for (id_,) in table.connection.execute(TAKEN.format(ids=marks(ids)), [*ids, *ids])}
        free = [debt for debt in some if debt.id not in taken]
        if free:
            table.write_new([encoded(debt, table.keyring) for debt in free])
            table.note(map(DebtWritten, free))
        table.insert_all([debt for debt in some if debt.id in taken])


def _sliced(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[first : first + SLICE] for first in range(0, len(rows), SLICE))
