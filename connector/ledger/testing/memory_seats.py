"""What holds the seats of a pool in a ledger in memory."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from msgspec.structs import replace as with_changes

from connector.ledger.testing.memory_logins import has_sharers
from connector.ledger.testing.memory_store import MemoryStore, pool_digest
from connector.model.debts import LogoutState
from connector.model.seat_pools import HeldSeats, Pool, Seat
from connector.model.sessions import OpenSession
from connector.model.transitions import given_back

Holder = tuple[Seat | None, str, str, object]
"""A seat, where its login was made, which field of `HeldSeats` counts it, and what tells its login from others."""
BY_A_DEBT = {LogoutState.OWED: "owed", LogoutState.WAITING: "waiting", LogoutState.CLOSED: "unproved"}


def has_room(store: MemoryStore, pool: str | None, seats: int | None) -> bool:
    """Tell whether another login may be made."""
    return pool is None or seats is None or held(store, pool_digest(pool)).total < seats


def held(store: MemoryStore, pool: bytes) -> HeldSeats:
    """Return what holds the seats of a pool."""
    counted = Counter(what for what, _ in {(what, login) for seat, _, what, login in _holders(store) if _is_of(seat, pool)})
    return HeldSeats(**counted)


def has_seat(store: MemoryStore, pool: bytes, session_id: str) -> bool:
    """Tell whether a session is open by a login of the pool, or owes the logout of one."""
    seats = [session.seat for session in store.sessions.values() if session.session_id == session_id]
    owed = store.read(lambda debt: debt.session_id == session_id and debt.state is LogoutState.OWED)
    return any(_is_of(seat, pool) for seat in (*seats, *(debt.seat for debt in owed)))


def shown_pools(store: MemoryStore) -> list[Pool]:
    """Return the pools of which seats are held."""
    origins = {seat.pool: origin for seat, origin, _, _ in _holders(store) if seat is not None and seat.is_held}
    return [Pool(pool.hex()[:8], origins[pool], held(store, pool)) for pool in sorted(origins)]


def idle_holders(store: MemoryStore, pool: bytes, unused_since: int) -> list[OpenSession]:
    """Return sessions that hold a seat alone and were not used after a tick, the longest unused first."""
    of_pool = [key for key, session in store.sessions.items() if _is_of(session.seat, pool)]
    used = {key: store.lives[key].used_tick for key in of_pool if store.lives[key].used_tick <= unused_since}
    found = [store.sessions[key] for key in sorted(used, key=used.__getitem__)]
    return [session for session in found if not has_sharers(store, session)]


def give_back(store: MemoryStore, made_before: int) -> None:
    """Give back the seats of logouts that are not done, or not proved to be, if their logins were made before a tick."""
    for debt in store.read(lambda debt: debt.state is not LogoutState.OWED):
        if debt.seat is not None and debt.seat.since < made_before:
            store.update(given_back(debt))


def seat_uncounted(store: MemoryStore, pool_of: Callable[[str], str]) -> None:
    """Give what is alive, or may be, a seat of the pool of its end system if it has none."""
    for key, begun in store.openings.items():
        if begun.seat is None and not begun.is_refresh:
            store.openings[key] = replace(begun, opening=replace(begun.opening, pool=pool_of(begun.opening.origin)))
    for key, session in store.sessions.items():
        if session.seat is None and session.credential is not None:
            seat = Seat(pool_digest(pool_of(session.origin)), store.lives[key].opened_tick)
            store.sessions[key] = replace(session, seat=seat)
    for debt in store.read(lambda debt: debt.state is not LogoutState.CLOSED and debt.seat is None):
        store.update(with_changes(debt, seat=Seat(pool_digest(pool_of(debt.origin)), store.tick)))


def _is_of(seat: Seat | None, pool: bytes) -> bool:
    return seat is not None and seat.is_held and seat.pool == pool


def _holders(store: MemoryStore) -> Iterator[Holder]:
    for begun in store.openings.values():
        what = "unknown" if begun.owner is None else "openings"
        yield begun.seat, begun.opening.origin, what, (begun.opening.session_id, begun.opening.login_id)
    for key, session in store.sessions.items():
        yield session.seat, session.origin, "sessions", session.credential if session.is_shared else key
    for debt in store.debts.values():
        yield debt.seat, debt.origin, BY_A_DEBT[debt.state], debt.id
