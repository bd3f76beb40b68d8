"""Mutants: plausible mistakes in the life of sessions, each of which the torture has to find."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from connector.cache.caches import Caches
from connector.cache.storage import Storage
from connector.cleanups.orchestrator import Orchestrator
from connector.endsystems.profile.carried_login import CarriedLogin
from connector.endsystems.profile.half_made import HalfMade
from connector.ledger.backoff import Backoff, Decision
from connector.ledger.port import Ledger
from connector.ledger.sql import recording, refresh_rows, seat_holders, session_changes, session_rows
from connector.ledger.sqlite.store import SqliteLedger
from connector.model import transitions
from connector.model.cleanup import CleanupRequest
from connector.model.debts import Debt, LogoutState
from connector.sessions.closings import Closings
from connector.sessions.live import LiveSessions
from connector.sessions.records import SessionRecords
from connector.sessions.renewals import Renewals
from connector.sessions.running_logins import RunningLogins
from connector.sessions.seat_lines import SeatLine
from drivers import SessionScope
from tests.torture.life.faults import Wrong
from tests.torture.life.renewal_mistakes import (
    also_from_errors,
    as_nothing,
    as_the_seal_says,
    by_each_who_asks,
    in_the_order_of_the_answers,
    noted_in_memory_only,
)
from tests.torture.life.seat_mistakes import (
    as_it_was,
    calls_that_only_begin,
    held_by_nothing,
    held_without,
    overlooked,
    put,
    taken_back_twice,
    unseen,
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake: what stands in the place of a function, and what shows that it does."""

    owner: Any
    name: str
    mistaken: Callable[[Callable[..., Any]], Any]
    """Makes it of the real function."""
    shows: Collection[Wrong]
    situation: str
    """In which it shows."""

    def plant(self) -> None:
        """Make the mistake, in this process."""
        setattr(self.owner, self.name, self.mistaken(getattr(self.owner, self.name)))


def owing_nothing(real: Callable[..., Any]) -> Callable[..., Any]:
    """Do all but owe the logins that end."""

    def done(*arguments: Any, **named: Any) -> Any:
        owe, session_changes.owe = session_changes.owe, lambda *_, **__: None
        try:
            return real(*arguments, **named)
        finally:
            session_changes.owe = owe

    return done


def not_done(_: Callable[..., Any]) -> Callable[..., Any]:
    async def done(*_: Any, **__: Any) -> None:
        return None

    return done


def said_to_be_done(_: Callable[..., Any]) -> Callable[..., Any]:
    async def done(*_: Any, **__: Any) -> bool:
        return True

    return done


def said_to_be_evicted(_: Callable[..., Any]) -> Callable[..., Any]:
    # A login does not find what the one before has cached, even if that is there.
    of = Caches.of
    put(Caches, "of", lambda caches, scope, **_: of(caches, scope))

    async def evict(records: SessionRecords, owed: Debt) -> bool:
        # What is left owed, a worker evicts before long.
        await records._books.settle(owed, outcome=None, evicted=[*owed.evictions])
        return True

    return evict


def opened_without_a_row(_: Callable[..., Any]) -> Callable[..., Any]:
    def opened(*_: Any, **__: Any) -> None:
        return None

    return opened


def recorded_in_memory_only(_: Callable[..., Any]) -> Callable[..., Any]:
    async def recorded(_: Ledger, request: CleanupRequest, *, origin: str, drivers: Collection[str], **__: Any) -> Debt:
        debt = Debt(0, request.session_id, request.system_id, origin, b"", credential=request.credential)
        return replace(debt, evictions=dict.fromkeys(drivers, request.scopes))

    return recorded


def closed_whatever_came_of_it(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_: Decision(LogoutState.CLOSED)


def open_as_long_as_its_seal_is_shown(real: Callable[..., Any]) -> Callable[..., Any]:
    def forgotten(live: LiveSessions, session_id: str) -> Any:
        login_id = real(live, session_id)
        if login_id is not None:
            live._logins[session_id] = login_id
        return login_id

    return forgotten


def of_the_session_alone(_: Any) -> Any:
    return property(lambda request: (SessionScope(request.session_id, request.system_id),))


def sent_once_more(real: Callable[..., Any]) -> Callable[..., Any]:
    def logout_of(orchestrator: Orchestrator, request: CleanupRequest, debt: Debt | None, *more: Any) -> Any:
        return real(orchestrator, request, debt and replace(debt, state=LogoutState.OWED), *more)

    return logout_of


def left_as_it_is(_: Callable[..., Any]) -> Callable[..., Any]:
    def half_made(_: HalfMade, failure: Any, *__: Any) -> Any:
        return failure

    return half_made


def not_waited_for(_: Callable[..., Any]) -> Callable[..., Any]:
    async def drained(logins: RunningLogins, deadline: float) -> int:
        del deadline
        return await logins._logins.drain(0)

    return drained


def the_new_one_owed_too(real: Callable[..., Any]) -> Callable[..., Any]:
    def opened(table: Any, session: Any, *, replaced: Any, now: float) -> None:
        real(table, session, replaced=replaced, now=now)
        if replaced is not None:
            session_changes.owe(table, session, now=now)

    return opened


def tried_in_any_case(real: Callable[..., Any]) -> Callable[..., Any]:
    async def cleanup(*arguments: Any, **named: Any) -> Any:
        return await real(*arguments, **{**named, "only_if_recorded": False})

    return cleanup


MUTANTS = {
    "a login that is replaced is forgotten": Mutant(
        session_changes, "open_session", owing_nothing, {Wrong.LOST}, "a session logs in anew"
    ),
    "a cleanup ends the login of its seal alone": Mutant(
        recording, "close_session", owing_nothing, {Wrong.LOST}, "an older seal cleans up"
    ),
    "a login that nobody waits for is forgotten": Mutant(
        SessionRecords, "end", said_to_be_done, {Wrong.LOST}, "a cleanup overtakes a login"
    ),
    "a session is not written down": Mutant(
        session_rows, "insert_all", opened_without_a_row, {Wrong.LOST, Wrong.TURNED_AWAY}, "a kill follows a login"
    ),
    "a cleanup is not written down": Mutant(
        SqliteLedger, "record", recorded_in_memory_only, {Wrong.NOT_ENDED, Wrong.DEAD_SEAL}, "a logout fails and a kill follows"
    ),
    "a logout that failed counts as done": Mutant(
        Backoff, "judge", closed_whatever_came_of_it, {Wrong.LOST}, "a logout fails and a kill follows"
    ),
    "a login that failed half-way is not undone": Mutant(
        HalfMade, "to_be_undone", left_as_it_is, {Wrong.LOST}, "a login fails half way"
    ),
    "the end of the server breaks logins off": Mutant(
        RunningLogins, "drain", not_waited_for, {Wrong.LOST}, "a server is stopped during a login"
    ),
    "the retries end the new login, too": Mutant(
        session_changes, "open_session", the_new_one_owed_too, {Wrong.TURNED_AWAY}, "a session logs in anew"
    ),
    "a dead seal is served": Mutant(
        LiveSessions, "is_alive", said_to_be_done, {Wrong.DEAD_SEAL}, "a logout fails and a kill follows"
    ),
    "a cleanup does not close its session": Mutant(
        LiveSessions, "_forget_login", open_as_long_as_its_seal_is_shown, {Wrong.DEAD_SEAL}, "a logout fails and a kill follows"
    ),
    "a cleanup evicts nothing that is on disk": Mutant(Storage, "evict", not_done, {Wrong.STALE}, "a system is cleaned up"),
    "a session that is replaced keeps its cache": Mutant(
        SessionRecords, "evict", said_to_be_evicted, {Wrong.STALE}, "a session logs in anew"
    ),
    "a global cleanup is one of its session": Mutant(
        CleanupRequest, "scopes", of_the_session_alone, {Wrong.STALE}, "a system is cleaned up"
    ),
    "a new cookie is used and not written down": Mutant(
        Renewals, "renew", noted_in_memory_only, {Wrong.LOST, Wrong.NOT_ENDED, Wrong.TURNED_AWAY}, "cookies outlive a kill"
    ),
    "a cleanup ends the credential of its seal": Mutant(
        Renewals, "current", as_the_seal_says, {Wrong.LOST, Wrong.NOT_ENDED}, "cookies outlive a kill"
    ),
    "an older cookie replaces a newer one": Mutant(
        Renewals,
        "_is_overtaken",
        in_the_order_of_the_answers,
        {Wrong.LOST, Wrong.NOT_ENDED, Wrong.TURNED_AWAY},
        "a newer cookie overtakes an older one",
    ),
    "a token is refreshed by each who asks": Mutant(
        Renewals, "refresh", by_each_who_asks, {Wrong.DEFECT}, "two calls need a refresh"
    ),
    "a refresh leaves no row": Mutant(refresh_rows, "begin", as_nothing, {Wrong.NO_TRACE}, "a kill meets a refresh"),
    "the seat of a login that may be alive is given away": Mutant(
        refresh_rows, "leave", as_nothing, {Wrong.BEYOND}, "a kill meets a refresh"
    ),
    "the cookie of an error renews a login": Mutant(
        CarriedLogin, "_take_renewed", also_from_errors, {Wrong.LOST, Wrong.TURNED_AWAY}, "an error sets a cookie"
    ),
    "a call that runs is no use": Mutant(
        LiveSessions, "call_begins", calls_that_only_begin, {Wrong.TURNED_AWAY}, "sessions become idle"
    ),
    "use that is not written down is none": Mutant(LiveSessions, "watched", unseen, {Wrong.TURNED_AWAY}, "sessions become idle"),
    "a cleanup overlooks a login that is under way": Mutant(
        recording, "overtake", overlooked, {Wrong.NOT_ENDED, Wrong.DEAD_SEAL}, "a cleanup overtakes a login"
    ),
    "a cleanup gives the seat back, and its logout again": Mutant(
        recording, "_seat", held_by_nothing, {Wrong.BEYOND}, "a logout keeps its seat while it fails"
    ),
    "a seat that was kept back is there twice": Mutant(
        SeatLine, "one_kept_back", taken_back_twice, {Wrong.BEYOND}, "sessions log in anew while another waits"
    ),
    "a seat is never given back": Mutant(transitions, "given_back", as_it_was, {Wrong.STALLED}, "a seat is given back"),
    "an unknown login holds no seat": Mutant(
        seat_holders, "_counted", held_without("unknown"), {Wrong.BEYOND}, "a kill meets a login"
    ),
    "a duplicate logs out once more": Mutant(Orchestrator, "_logout_of", sent_once_more, {Wrong.TWICE}, "a cleanup comes twice"),
    "a 401 comes before it is final": Mutant(
        Closings, "durable", not_done, {Wrong.DEAD_SEAL}, "a kill meets a cleanup that is not recorded"
    ),
    "a login ends for the next one without a record": Mutant(
        Orchestrator, "cleanup", tried_in_any_case, {Wrong.OPEN_ON_PAPER}, "the disk is full when a session needs its own seat"
    ),
}


def planted(name: str) -> None:
    """Make a mistake in this process."""
    MUTANTS[name].plant()
