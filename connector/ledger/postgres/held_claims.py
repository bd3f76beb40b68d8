"""Debts and refreshes that owners have claimed, each within one transaction of the database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from connector.ledger.sql import selection, session_rows
from connector.ledger.sql.selection import Claimed
from connector.ledger.sql.table import Table
from connector.model.debts import Debt
from connector.model.sessions import RefreshClaim, RefreshState

CLAIM = "INSERT INTO claims VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
OF_LOGIN = "session_id = ? AND login_id = ?"


@dataclass(frozen=True, slots=True)
class InHand:
    """What an owner works on: what it was given, and has not given back. Claims beyond it are of calls that were cancelled."""

    debts: Mapping[int, str]
    """The origins of debts, by their ids."""
    refreshes: Collection[tuple[str, str]]
    """The ids of sessions and logins."""


def claim_due(table: Table, now: float, in_hand: InHand, *, per_origin: int, limit: int, after: str) -> list[Debt]:
    """Claim at most `limit` debts that are due, taking the origins in turn, those behind `after` first."""
    _put_right(table, in_hand)
    claimed = Claimed(per_origin, {**_claimed(table), **in_hand.debts})
    found = selection.due(table, now, claimed, limit=limit, after=after)
    for debt in found:
        table.connection.execute(CLAIM, (debt.id, table.term.owner, debt.origin))
    return found


def next_due(table: Table, now: float, in_hand: InHand, *, per_origin: int) -> float | None:
    """Return when there will be something to claim."""
    return selection.next_due(table, now, Claimed(per_origin, {**_claimed(table), **in_hand.debts}))


def release(table: Table, id_: int) -> None:
    """End this owner's claim of a debt, if there is one."""
    table.connection.execute("DELETE FROM claims WHERE debt = ? AND owner = ?", (id_, table.term.owner))


def claim_refresh(table: Table, session_id: str, login_id: str, version: int) -> RefreshClaim:
    """Claim the refresh of a login for this owner, unless it is not due or another's."""
    current = session_rows.current(table, session_id, login_id)
    if current is None:
        return RefreshClaim(RefreshState.NOT_DUE, None)
    query = f"SELECT owner FROM refreshes WHERE {OF_LOGIN}"  # noqa: S608 - ours
    owner = next((bytes(each["owner"]) for each in table.named(query, session_id, login_id)), None)
    if owner not in {None, table.term.owner}:
        return RefreshClaim(RefreshState.ANOTHERS, current)
    release_refresh(table, session_id, login_id)
    if current.version != version:
        return RefreshClaim(RefreshState.NOT_DUE, current)
    table.connection.execute("INSERT INTO refreshes VALUES (?, ?, ?)", (session_id, login_id, table.term.owner))
    return RefreshClaim(RefreshState.OURS, current)


def release_refresh(table: Table, session_id: str, login_id: str) -> None:
    """End this owner's claim of a refresh, if there is one."""
    values = (session_id, login_id, table.term.owner)
    table.connection.execute(f"DELETE FROM refreshes WHERE {OF_LOGIN} AND owner = ?", values)  # noqa: S608 - ours


def _claimed(table: Table) -> dict[int, str]:
    return {each["debt"]: each["origin"] for each in table.named("SELECT debt, origin FROM claims")}


def _put_right(table: Table, in_hand: InHand) -> None:
    """Free what calls have claimed that were cancelled, and claim again what others may have taken this owner for gone of."""
    debts = {each["debt"] for each in table.named("SELECT debt FROM claims WHERE owner = ?", table.term.owner)}
    for id_ in debts - in_hand.debts.keys():
        release(table, id_)
    for id_ in in_hand.debts.keys() - debts:
        table.connection.execute(CLAIM, (id_, table.term.owner, in_hand.debts[id_]))
    query = "SELECT session_id, login_id FROM refreshes WHERE owner = ?"
    for each in [*table.named(query, table.term.owner)]:
        if (login := (each["session_id"], each["login_id"])) not in in_hand.refreshes:
            release_refresh(table, *login)
