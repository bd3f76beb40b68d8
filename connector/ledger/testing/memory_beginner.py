"""An owner of a ledger in memory: the logins that it begins, their seats, and the time in which it runs."""

from collections.abc import Callable
from dataclasses import replace

from connector.ledger.port import RunningTime, Seats
from connector.ledger.testing.memory_owner import Owner
from connector.ledger.testing.memory_seats import give_back, has_room, has_seat, held, idle_holders, seat_uncounted, shown_pools
from connector.ledger.testing.memory_store import BegunLogin, SessionUse, pool_digest
from connector.model.begun import Opening
from connector.model.seat_pools import HeldSeats, Pool
from connector.model.sessions import OpenSession


class Beginner(Owner, RunningTime, Seats):
    """Whoever begins logins, and counts for how long he runs."""

    async def begin_opening(self, opening: Opening, *, seats: int | None = None) -> bool:
        with self._transaction() as store:
            key = opening.session_id, opening.login_id
            if key not in store.openings and not has_room(store, opening.pool, seats):
                return False
            store.openings.setdefault(key, BegunLogin(opening, self, store.tick))
            return True

    async def opening_failed(self, opening: Opening) -> None:
        with self._transaction() as store:
            store.openings.pop((opening.session_id, opening.login_id), None)

    async def opening_unanswered(self, opening: Opening) -> None:
        with self._transaction() as store:
            key = opening.session_id, opening.login_id
            if (begun := store.openings.get(key)) is not None:
                store.openings[key] = replace(begun, owner=None)

    async def tick(self) -> int:
        with self._transaction() as store:
            store.is_there(self, self._clock())
            if store.ticker in {None, self}:
                store.ticker = self
                store.tick += 1
            return store.tick

    async def idle(
        self, *, unused_since: int | None, opened_since: int | None, unanswered_since: int | None, limit: int
    ) -> list[OpenSession]:
        def is_wanted(life: SessionUse) -> bool:
            is_old = opened_since is not None and life.opened_tick <= opened_since
            is_unused = unused_since is not None and life.used_tick <= unused_since
            may_be_lost = unanswered_since is not None and not life.is_answered and life.used_tick <= unanswered_since
            return is_old or is_unused or may_be_lost

        with self._transaction() as store:
            age = {key: (store.lives[key].used_tick, place) for place, key in enumerate(store.sessions)}
            oldest_first = sorted(age, key=(lambda key: age[key]) if opened_since is None else (lambda key: age[key][1]))
            return [store.sessions[key] for key in oldest_first if is_wanted(store.lives[key])][:limit]

    async def let_go_unknown(self, made_before: int) -> list[Opening]:
        with self._transaction() as store:
            found = {key: begun for key, begun in store.openings.items() if begun.owner is None and begun.tick < made_before}
            for key in found:
                del store.openings[key]
            give_back(store, made_before)
            return [replace(begun.opening, pool=None) for begun in found.values()]

    async def seat_uncounted(self, pool_of: Callable[[str], str]) -> None:
        with self._transaction() as store:
            seat_uncounted(store, pool_of)

    async def held_seats(self, pool: str) -> HeldSeats:
        with self._transaction() as store:
            return held(store, pool_digest(pool))

    async def holds_seat(self, pool: str, session_id: str) -> bool:
        with self._transaction() as store:
            return has_seat(store, pool_digest(pool), session_id)

    async def pools(self) -> list[Pool]:
        with self._transaction() as store:
            return shown_pools(store)

    async def idle_holders(self, pool: str, *, unused_since: int, limit: int) -> list[OpenSession]:
        with self._transaction() as store:
            return idle_holders(store, pool_digest(pool), unused_since)[:limit]
