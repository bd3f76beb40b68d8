"""Debts that are held back, or owed, in groups by end system. The cost does not grow with the closed rows."""

from connector.ledger.sql.table import Table, marks
from connector.model.debts import Debt, Group, LogoutState

SLICE = 200
"""Debts that one transaction reads: some milliseconds."""
WHICH = {
    LogoutState.OWED: "state = 'owed'",
    LogoutState.WAITING: """closed_at IS NULL AND state = 'waiting' AND instr(outcome, '"result":"held"') > 0""",
}
"""The debts that may have to be held back, and those that may have to be let go."""


def groups(table: Table) -> list[Group]:
    """Return what there is to sort; nothing is verified for it."""
    found = []
    for state, which in WHICH.items():
        query = f"SELECT origin, count(*) AS size FROM debts WHERE {which} GROUP BY origin"  # noqa: S608 - ours
        found += [Group(state, row["origin"], row["size"]) for row in table.named(query)]
    return found


def held_back(table: Table) -> dict[str, int]:
    """Return how many debts are held back, by where they were made."""
    return {group.origin: group.size for group in groups(table) if group.state is LogoutState.WAITING}


def one_of(table: Table, group: Group) -> list[Debt]:
    """Return one debt of a group, if any can be read."""
    condition = f"{WHICH[group.state]} AND origin = CAST(? AS TEXT) AND key_id IN ({marks(table.keyring.ids)}) LIMIT 1"
    return table.debts(condition, table.as_stored(group.origin), *table.keyring.ids)


def next_of(table: Table, group: Group, after: int) -> list[Debt]:
    """Return the next debts of a group, ordered by id, which SQLite reads through from where the last ones ended."""
    condition = f"id > ? AND +{WHICH[group.state]} AND +origin = CAST(? AS TEXT) AND +key_id IN ({marks(table.keyring.ids)})"
    return table.debts(f"{condition} ORDER BY id LIMIT ?", after, table.as_stored(group.origin), *table.keyring.ids, SLICE)
