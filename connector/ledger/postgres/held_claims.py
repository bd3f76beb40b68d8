"""Debts and refreshes that owners have claimed, each within one transaction of the database."""

from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace

from connector.ledger.postgres import certainty
from connector.ledger.postgres.certainty import FoundCurrent
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.in_hand import InHand, Receiver
from connector.ledger.sql import recording, refresh_rows, selection, session_changes, session_rows
from connector.ledger.sql.selection import Claimed
from connector.ledger.sql.table import Table
from connector.model.debts import Debt, LogoutState
from connector.model.sessions import Current, Login, OpenSession, RefreshClaim, RefreshState, Renewal
from connector.model.settling import Settlement
from connector.model.transitions import Asked

CLAIMED = "SELECT origin, count(*) AS number FROM claims WHERE origin IS NOT NULL GROUP BY origin"
UNCLAIMED = """NOT EXISTS (SELECT FROM claims WHERE debt = debts.id) AND NOT EXISTS
    (SELECT FROM refreshes WHERE refreshes.session_id = debts.session_id AND refreshes.login_id = debts.login_id)"""
"""The credential of a login that is being refreshed may be spent by now: an end system does not know it, and says nothing of
the login. What comes of the refresh ends it."""
REFRESHED = "SELECT session_id, login_id, owner FROM refreshes"
OF_LOGIN = "session_id = ? AND login_id = ?"
Recording = tuple[Asked, Receiver]


def record(table: FleetTable, asked: Sequence[Recording], in_hand: InHand) -> Sequence[Debt | None]:
    """Do what `recording.record` does, and claim what is to be tried. What another owner tries or refreshes is marked so.

    None stands for a cleanup of all that a session has, if nobody knows what that is: a replica may still have to write again
    that it has opened the session. It would do so after the cleanup, and the session would be open.
    """
    if table.term.is_complete:
        return _record(table, asked, in_hand)
    return [None if each.logins is None else _record(table, [(each, receiver)], in_hand)[0] for each, receiver in asked]


def _record(table: FleetTable, asked: Sequence[Recording], in_hand: InHand) -> list[Debt]:
    refreshed = _refreshed_by_others(table)
    debts = recording.record(table, [each for each, _ in asked])
    # Nobody else can have seen a row that is new, and so nobody is asked about it.
    elsewhere = _of_others(table, [debt.id for debt in debts if debt.revision > 1 and debt.state is LogoutState.OWED])
    logins = refreshed()
    elsewhere |= {debt.id for debt in debts if (debt.session_id, debt.login_id) in logins}
    return [_tried(table, debt, receiver, in_hand, elsewhere) for debt, (_, receiver) in zip(debts, asked, strict=True)]


def end_login(table: FleetTable, session: OpenSession, receiver: Receiver, in_hand: InHand, *, now: float) -> Debt | None:
    """Do what `session_changes.end_login` does, and claim what is owed."""
    debt = session_changes.end_login(table, session, now=now, due_at=now)
    return None if debt is None else _tried(table, debt, receiver, in_hand, ())


def settle(table: FleetTable, settlements: Sequence[Settlement], in_hand: InHand) -> list[Debt | None]:
    """Do what `recording.settle` does, and end the claims of those whose try is over.

    The settlement of a try whose claim was lost is late: another owner may try the debt by now.
    """
    of_tries = [each for each in settlements if each.releases]
    late = {id(each) for each in of_tries if in_hand.owner_of(each.debt) != table.term.owner}
    done = recording.settle(table, [replace(each, is_late=True) if id(each) in late else each for each in settlements])
    for each in of_tries:
        _ended(table, each.debt, in_hand)
    return done


def forget(table: FleetTable, debt: Debt, in_hand: InHand) -> bool:
    """Do what `recording.forget` does. What is gone is claimed no more."""
    is_gone = recording.forget(table, debt)
    if is_gone:
        _ended(table, debt, in_hand)
    return is_gone


def may_send(table: FleetTable, debts: Sequence[Debt], in_hand: InHand) -> list[bool]:
    """Tell whether this owner still has its claims of these, and nobody uses their credentials again."""
    owed = selection.still_owed(table, debts)
    return [is_owed and in_hand.owner_of(debt) == table.term.owner for debt, is_owed in zip(debts, owed, strict=True)]


def claim_due(
    table: FleetTable, now: float, in_hand: InHand, receiver: Receiver, *, per_origin: int, limit: int, after: str
) -> list[Debt]:
    """Claim at most `limit` debts that are due, taking the origins in turn, those behind `after` first."""
    put_right(table, in_hand)
    found = selection.due(table, now, _claimed(table, per_origin), limit=limit, after=after)
    given = in_hand.give(receiver, found, table.term.owner)
    table.claims.retried(debt.id for debt in given)
    return given


def claim(table: FleetTable, debt: Debt, in_hand: InHand, receiver: Receiver) -> bool:
    """Claim a debt to be tried at once, and tell whether that may be: nothing has ended it, and no other owner has it."""
    refreshed = _refreshed_by_others(table)
    (is_owed,) = selection.still_owed(table, [debt])
    if not is_owed or (debt.session_id, debt.login_id) in refreshed() or _of_others(table, [debt.id]):
        return False
    if not in_hand.give(receiver, [debt], table.term.owner, first=True):
        return False
    table.claims.tried(debt.id)
    return True


def next_due(table: FleetTable, now: float, *, per_origin: int) -> float | None:
    """Return when there will be something to claim."""
    table.write_claims()
    return selection.next_due(table, now, _claimed(table, per_origin))


def release(table: FleetTable, id_: int, in_hand: InHand) -> None:
    """End this owner's claim of a debt, if there is one, unless another try of it has begun."""
    if id_ not in in_hand.origins():
        table.claims.ended(id_)


def claim_refresh(table: Table, login: Login, version: int, in_hand: InHand, *, now: float) -> RefreshClaim | None:
    """Claim the refresh of a login for this owner, unless it is not due or another's.

    None stands for a login that a replica may still have to write again, or a renewal of it: the credential may be spent by now.
    A version from before the one that is meant was forgotten, too: the refresh is due.
    """
    [session] = session_rows.open_by(table, [login])
    if session is None or session.credential is None:
        is_certain = table.term.gives_seats or session_changes.is_debt(table, *login, None)
        return RefreshClaim(RefreshState.NOT_DUE, None) if is_certain else None
    current = Current(session.credential, session.version)
    query = f"SELECT owner FROM refreshes WHERE {OF_LOGIN}"  # noqa: S608 - ours
    owner = next((bytes(each["owner"]) for each in table.named(query, *login)), None)
    if owner not in {None, table.term.owner}:
        return RefreshClaim(RefreshState.ANOTHERS, current)
    if owner is not None:
        release_refresh(table, login, unanswered=login in in_hand.in_doubt)
    if current.version > version:
        return RefreshClaim(RefreshState.NOT_DUE, current)
    if not table.term.is_complete:
        return None
    table.write("INSERT INTO refreshes VALUES (?, ?, ?)", (*login, table.term.owner))
    refresh_rows.begin(table, session, now=now)
    return RefreshClaim(RefreshState.OURS, current)


def release_refresh(table: Table, login: Login, *, unanswered: bool) -> None:
    """End this owner's claim of a refresh, if there is one, as `refresh_rows.over` does."""
    _free_refresh(table, login)
    refresh_rows.over(table, *login, unanswered=unanswered)


def end_refresh(table: Table, renewal: Renewal, *, now: float) -> tuple[FoundCurrent, bool]:
    """Do what `certainty.renew` does, and tell whether the claim has ended with it.

    It has not if the refresh was overtaken, or if nobody knows whether the login is there.
    """
    found = certainty.renew(table, renewal, now=now)
    is_overtaken = found.current is not None and renewal.is_overtaken_by(found.current)
    is_over = found.is_certain and not is_overtaken
    if is_over:
        _free_refresh(table, (renewal.session_id, renewal.login_id))
    return found, is_over


def put_right(table: FleetTable, in_hand: InHand) -> None:
    """Free what calls have claimed that were cancelled, and claim again what others may have taken this owner for gone of."""
    table.write_claims()
    held = in_hand.origins()
    claimed = {each["debt"] for each in table.named("SELECT debt FROM claims WHERE owner = ?", table.term.owner)}
    for id_ in claimed - held.keys():
        table.claims.ended(id_)
    for id_ in held.keys() - claimed:
        if held[id_] is None:
            table.claims.tried(id_)
        else:
            table.claims.retried([id_])
    table.write_claims()
    query = "SELECT session_id, login_id FROM refreshes WHERE owner = ?"
    refreshed = {(each["session_id"], each["login_id"]) for each in table.named(query, table.term.owner)}
    for login in refreshed - in_hand.refreshes:
        release_refresh(table, login, unanswered=login in in_hand.in_doubt)
    for login in in_hand.lasting_refreshes - refreshed:
        table.write("INSERT INTO refreshes VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (*login, table.term.owner))


def _tried(table: FleetTable, debt: Debt, receiver: Receiver, in_hand: InHand, elsewhere: Collection[int]) -> Debt:
    if debt.id in elsewhere and debt.state is LogoutState.OWED:
        return replace(debt, in_hand_elsewhere=True)
    if debt.state is LogoutState.OWED and in_hand.give(receiver, [debt], table.term.owner, first=True):
        table.claims.tried(debt.id)
    return debt


def _free_refresh(table: Table, login: Login) -> None:
    table.write(f"DELETE FROM refreshes WHERE {OF_LOGIN} AND owner = ?", (*login, table.term.owner))  # noqa: S608 - ours


def _ended(table: FleetTable, debt: Debt, in_hand: InHand) -> None:
    if in_hand.leave(debt):
        table.claims.ended(debt.id)


def _of_others(table: Table, ids: Sequence[int]) -> set[int]:
    if not ids:
        return set()
    which, values = table.among(ids)
    query = f"SELECT debt FROM claims WHERE debt {which} AND owner <> ?"  # noqa: S608 - question marks
    return {each["debt"] for each in table.named(query, *values, table.term.owner)}


def _refreshed_by_others(table: FleetTable) -> Callable[[], set[Login]]:
    """Ask together with the next statement which logins other owners refresh, and return what tells that."""
    found = table.later(REFRESHED)
    return lambda: {(session_id, login_id) for session_id, login_id, owner in found() if bytes(owner) != table.term.owner}


def _claimed(table: Table, per_origin: int) -> Claimed:
    return Claimed(per_origin, {each["origin"]: each["number"] for each in table.named(CLAIMED)}, UNCLAIMED)
