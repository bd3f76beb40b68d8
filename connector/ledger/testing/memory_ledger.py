"""A ledger in memory, for tests and simulations. It keeps all promises of the port but one: it does not outlive its process."""

import time
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec

from connector.ledger.port import Ledger
from connector.ledger.testing.memory_beginner import Beginner
from connector.ledger.testing.memory_logins import (
    by_row,
    close_session,
    end_earlier,
    end_login,
    is_open_by,
    origin_of_login,
    recorded,
    renew,
    revive,
)
from connector.ledger.testing.memory_store import MemoryStore, SessionUse, fingerprint
from connector.model.begun import Recorded, refresh_of
from connector.model.cleanup import CleanupRequest, Missed
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.logins import owed_eviction
from connector.model.outcomes import IN_USE_AGAIN, LogoutOutcome
from connector.model.sessions import Current, Known, Login, OpenSession, RefreshClaim, RefreshState, Renewal, Replaced, Use
from connector.model.settling import Settlement, leaves_nothing, settled
from connector.model.transitions import Asked


class MemoryLedger(Beginner, Ledger):
    """What is owed, in a store that others may own as well."""

    def __init__(self, store: MemoryStore | None = None, *, grace: float = 60.0, clock: Callable[[], float] = time.time) -> None:
        """`grace` is the time in seconds that a cleanup has for its own try. A `store` that is given may have other owners."""
        super().__init__(MemoryStore() if store is None else store, clock)
        self.shared = store is not None
        self._grace = grace

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["MemoryLedger"]:
        self._is_open = True
        self._store.is_there(self, self._clock())
        try:
            yield self
        finally:
            self._is_open = False
            self._store.is_gone(self)

    async def record(
        self, request: CleanupRequest, *, origin: str, drivers: Sequence[str], logins: Collection[str] | None = None
    ) -> Debt:
        with self._transaction() as store:
            now = self._clock()
            store.overtake(request.session_id, logins)
            ended = close_session(store, request.session_id, request.login_id, logins, now)
            request, origin = by_row(store, request, ended), origin_of_login(origin, ended)
            seat = None if ended is None else ended.seat
            return self._tried(recorded(store, Asked(request, origin, drivers, now, now + self._own_time, logins, seat)))

    async def record_late(self, missed: Missed) -> None:
        with self._transaction() as store:
            now, request = self._clock(), missed.request
            store.overtake(request.session_id, missed.logins)
            ended = close_session(store, request.session_id, request.login_id, missed.logins, now)
            request, origin = by_row(store, request, ended), origin_of_login(missed.origin, ended)
            if request.foregone is None and is_open_by(store, request.session_id, request.credential, origin):
                request = msgspec.structs.replace(request, foregone=IN_USE_AGAIN)
            seat = None if ended is None else ended.seat
            recorded(store, Asked(request, origin, missed.drivers, now=now, due_at=now, seat=seat))

    async def settle(
        self,
        debt: Debt,
        *,
        state: LogoutState | None,
        outcome: LogoutOutcome | None = None,
        due_at: float | None = None,
        waited: float | None = None,
        evicted: Collection[str] = (),
        release: bool = False,
    ) -> Debt | None:
        with self._transaction() as store:
            is_late = release and self.shared and not store.has_claimed(self, debt)
            settlement = Settlement(debt, state, outcome, due_at, waited, evicted, self._clock(), is_late=is_late)
            if release:
                store.release(self, debt)
            for found in store.read(lambda each: each.id == debt.id):
                if leaves_nothing(settlement) and found.revision == 1:
                    del store.debts[debt.id]
                    return None
                done = store.update(settled(found, settlement))
                store.closed(done)
                return done
            return None

    async def open_session(self, session: OpenSession, replaced: Replaced | None, *, drivers: Sequence[str]) -> Recorded:
        with self._transaction() as store:
            now, known = self._clock(), store.sessions_of(session.session_id)
            mark = fingerprint(session.session_id, f"replaced by {session.login_id}", None)
            begun = store.openings.pop((session.session_id, session.login_id), None)
            if any(earlier.login_id == session.login_id for earlier in known):
                return Recorded(is_open=True, owed=next(iter(store.read(lambda debt: debt.fingerprint == mark)), None))
            session = replace(session, seat=begun.seat if begun else None)
            if begun is None or begun.overtaken or begun.owner is not self:
                end_login(store, session, now, due_at=now)
                return Recorded(is_open=False)
            owing = store.read(lambda debt: debt.session_id == session.session_id and bool(debt.evictions))
            has_lived = replaced is not None or bool(known) or bool(owing)
            end_earlier(store, session, replaced or Replaced(), now)
            revive(store, session, now)
            key = session.session_id, session.login_id
            store.sessions[key], store.lives[key] = session, SessionUse(store.tick, store.tick)
            owed = store.insert(owed_eviction(session, mark, drivers, now)) if has_lived else None
            return Recorded(is_open=True, owed=owed)

    async def end_login(self, session: OpenSession, *, being_tried: bool = False) -> Debt | None:
        with self._transaction() as store:
            now = self._clock()
            debt = end_login(store, session, now, due_at=now + self._own_time if being_tried else now)
            return self._tried(debt) if debt is not None and being_tried else debt

    async def forget(self, debt: Debt) -> bool:
        with self._transaction() as store:
            found = store.debts.get(debt.id)
            if found is not None and found.revision == 1:
                del store.debts[debt.id]
                store.release(self, debt)
            return debt.id not in store.debts

    @property
    def _own_time(self) -> float:
        """Seconds that a debt is not due because its cleanup tries it. Of a shared ledger, its claim says so."""
        return 0.0 if self.shared else self._grace

    def _tried(self, debt: Debt) -> Debt:
        return self._store.try_first(self, debt) if self.shared else debt

    async def renew(self, renewal: Renewal) -> Current | None:
        with self._transaction() as store:
            found = renew(store, renewal, self._clock())
            if renewal.ends_refresh and not (found is not None and renewal.is_overtaken_by(found)):
                store.end_refresh(self, renewal.session_id, renewal.login_id)
            if renewal.ends_refresh and found is not None and found.credential == renewal.credential:
                store.openings.pop((renewal.session_id, refresh_of(renewal.login_id)), None)
            return found

    async def claim_refresh(self, session_id: str, login_id: str, version: int) -> RefreshClaim:
        with self._transaction() as store:
            session = store.sessions.get((session_id, login_id))
            if session is None or session.credential is None:
                return RefreshClaim(RefreshState.NOT_DUE, None)
            state = store.claim_refresh(self, session, self._clock(), is_due=session.version <= version)
            return RefreshClaim(state, Current(session.credential, session.version))

    async def release_refresh(self, session_id: str, login_id: str, *, unanswered: bool = False) -> None:
        with self._transaction() as store:
            store.end_refresh(self, session_id, login_id)
            store.refresh_is_over(self, session_id, login_id, unanswered=unanswered)

    async def introduce(self, about: bytes | None) -> Collection[bytes]:
        with self._transaction() as store:
            if about is not None:
                store.introductions[self] = about
            return [each for owner, each in store.introductions.items() if owner is not self]

    async def owners(self) -> Sequence[tuple[str, bytes | None]]:
        with self._transaction() as store:
            return [("memory", store.introductions.get(owner)) for owner in store.there_until]

    async def between_transactions(self, work: Callable[[], None]) -> None:
        work()

    async def rows_by_key(self) -> dict[str, dict[str, int]]:
        return {}  # no row is sealed

    async def known_sessions(self) -> Known:
        with self._transaction() as store:
            logins = {session.session_id: session.login_id for session in store.sessions.values()}
            renewed = {
                session.session_id: Current(session.credential, session.version)
                for session in store.sessions.values()
                if session.version and logins[session.session_id] == session.login_id
            }
            unknown = sum(map(store.is_unknown, store.openings.values()))
            return Known(store.ledger_id, logins, {}, {}, keyless=0, damaged=0, renewed=renewed, unknown=unknown)

    async def is_closed(self, session_id: str, login_id: str, credential: Credential | None) -> bool:
        with self._transaction() as store:
            return bool(store.of_login(session_id, login_id, credential))

    async def owed_of(self, session_id: str) -> list[Debt]:
        with self._transaction() as store:
            return store.read(lambda debt: debt.session_id == session_id and debt.state is not LogoutState.CLOSED)

    async def owes_evictions(self, session_id: str) -> bool:
        with self._transaction() as store:
            return any(debt.evictions for debt in store.read(lambda debt: debt.session_id == session_id))

    async def open_by(self, session_id: str, login_id: str) -> OpenSession | None:
        with self._transaction() as store:
            return store.sessions.get((session_id, login_id))

    async def login_now(self, session_id: str) -> str | None:
        with self._transaction() as store:
            return next((login_id for open_id, login_id in reversed(store.sessions) if open_id == session_id), None)

    async def changed_logins(self, known: Mapping[Login, int]) -> dict[Login, int | None]:
        with self._transaction() as store:
            now = {login: store.sessions[login].version if login in store.sessions else None for login in known}
            return {login: version for login, version in now.items() if version != known[login]}

    def has_looked(self) -> None:
        with self._transaction() as store:
            store.looks[self] += 1

    async def looks(self) -> Mapping[Hashable, int]:
        with self._transaction() as store:
            return {owner: store.looks[owner] for owner in store.there_until}

    async def note_use(self, used: Mapping[str, Use]) -> None:
        with self._transaction() as store:
            for session_id, use in used.items():
                key = session_id, use.login_id
                if (session := store.sessions.get(key)) is not None:
                    life = store.lives[key]
                    calls = life.calls + use.calls if use.moment > session.used_at else life.calls
                    store.sessions[key] = replace(session, used_at=max(session.used_at, use.moment))
                    store.lives[key] = replace(life, used_tick=store.tick, is_answered=True, calls=calls)
