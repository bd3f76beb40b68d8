"""What a ledger in memory shows of open sessions and begun logins."""

from collections.abc import Iterator
from itertools import chain

from connector.ledger.testing.memory_logins import sharers
from connector.ledger.testing.memory_store import MemoryStore
from connector.model.listed import ListedSession, SessionState, Wanted

BEHIND_OPENINGS = 2**52
"""What the place of an open session has more, so that it comes after each login that was begun."""


def listed(store: MemoryStore) -> list[ListedSession]:
    """Return everything that can be listed, in order."""
    return sorted(chain(_begun(store), _open(store)), key=lambda each: each.place)


def fits(listed: ListedSession, wanted: Wanted) -> bool:
    """Tell whether one is wanted."""
    in_state = wanted.states is None or listed.state in wanted.states
    is_idle = wanted.idle is None or (listed.idle is not None and listed.idle >= wanted.idle)
    values = (wanted.session, listed.session_id), (wanted.system, listed.system_id), (wanted.origin, listed.origin)
    return in_state and is_idle and all(value in {None, own} for value, own in values)


def _begun(store: MemoryStore) -> Iterator[ListedSession]:
    for key, begun in store.openings.items():
        opening = begun.opening
        if begun.is_refresh and not store.is_unknown(begun):
            continue
        yield ListedSession(
            store.places[key],
            opening.session_id,
            opening.system_id,
            opening.origin,
            opening.login_id,
            SessionState.UNKNOWN if begun.owner is None else SessionState.OPENING,
            opening.opened_at,
            overtaken=begun.overtaken,
        )


def _open(store: MemoryStore) -> Iterator[ListedSession]:
    for key, session in store.sessions.items():
        yield ListedSession(
            BEHIND_OPENINGS + store.places[key],
            session.session_id,
            session.system_id,
            session.origin,
            session.login_id,
            SessionState.OPEN,
            session.opened_at,
            used_at=session.used_at,
            idle=store.tick - store.lives[key].used_tick,
            calls=store.lives[key].calls,
            sharers=sharers(store, session),
        )
