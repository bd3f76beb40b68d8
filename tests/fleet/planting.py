"""Mutants: plausible mistakes in what the processes of a fleet know of each other. Each has tests that have to find it.

As a plugin of pytest it makes one of them in the process of the tests: `-p tests.fleet.planting --plant NAME`.
"""

import asyncio
import math
from collections.abc import Callable, Collection
from typing import Any

import msgspec
import pytest

from connector.assembly import parts
from connector.cache.caches import Caches
from connector.cache.evictions import begin_evictions
from connector.cache.storage import Storage
from connector.cleanups.one_at_a_time import OneAtATime
from connector.cleanups.orchestrator import Orchestrator
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.testing import MemoryLedger, MemoryStore
from connector.model.cleanup import CleanupRequest
from connector.model.debts import Debt
from connector.sessions import last_calls
from connector.sessions.fleet import FleetSessions
from connector.sessions.last_calls import LastCalls
from connector.sessions.live import LiveSessions
from connector.sessions.records import SessionRecords
from connector.sessions.seal import Sealed
from connector.sessions.session import SessionsInUse
from connector.sessions.store_guard import StoreGuard
from connector.workers import sightings, unused_stores
from connector.workers.other_replicas import Peers
from connector.workers.owed_evictions import OwedEvictions
from drivers import Driver, Scope, SessionScope
from tests.sessions.planting import Mutant, not_done, nothing

TRUTH, INTERLEAVINGS, STORES = "test_one_truth.py", "test_interleavings.py", "test_stores.py"
SENDERS = "test_one_sender.py"
REAPING, RENEWALS = "test_reaping.py", "test_renewals.py"
A_DUPLICATE = "test_a_duplicate_on_another_replica_sends_nothing_and_says_that_one_logs_out"
WHILE_A_REAP_WAITS = "test_a_login_that_is_cleaned_up_while_a_reap_waits_is_logged_out_once"
JOINED = f"{STORES}::test_what_only_another_store_was_told_to_evict_is_not_served_afterwards"
STILL_USED = f"{STORES}::test_what_is_owed_to_a_store_stays_owed_as_long_as_another_replica_uses_it"
LET_IN = "test_who_was_let_in_before_an_end_is_durable_does_not_hold_up_later_calls"
MEETING, SIGHTINGS = "test_meeting.py", "test_sightings.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plant", choices=[*MUTANTS])


def pytest_configure(config: pytest.Config) -> None:
    MUTANTS[config.getoption("--plant")].plant()


def answered(answer: object) -> Callable[[Any], Any]:
    """Return what makes an operation give this answer, whatever it is asked."""

    def mistaken(_: Any) -> Any:
        async def given(*_: Any, **__: Any) -> object:
            return answer

        return given

    return mistaken


def alive_under_any_stamp(real: Callable[..., Any]) -> Callable[..., Any]:
    async def is_alive(live: FleetSessions, sealed: Sealed, stamp: Any) -> bool:
        known = live._logins.get(sealed.session_id) == sealed.login_id and sealed.session_id in live._stamps
        return known or bool(await real(live, sealed, stamp))

    return is_alive


def stamp_after_the_question(real: Callable[..., Any]) -> Callable[..., Any]:
    async def must_be_alive(in_use: SessionsInUse, sealed: Sealed, scope: SessionScope, stamp: Any) -> None:
        live = in_use.live
        is_known = isinstance(live, FleetSessions) and live._stamps.get(sealed.session_id) == stamp
        await real(in_use, sealed, scope, stamp if is_known else None)
        cache = await in_use.caches.of(scope)
        if isinstance(live, FleetSessions) and cache.read_version is not None:
            live._stamps[sealed.session_id] = cache.read_version

    return must_be_alive


def one_key_for_all_logins(real: Callable[..., Any]) -> Callable[..., Any]:
    async def of(caches: Caches, scope: Scope, **_: str) -> Any:
        return await real(caches, scope)

    return of


def without_versions(real: Callable[..., Any]) -> Callable[..., Any]:
    def changed(live: FleetSessions, session_id: str, login_id: str, version: int | None) -> None:
        if version is None:
            real(live, session_id, login_id, version)

    return changed


def counted_at_once(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda calls, _: real(calls, ())


def kept_in_any_case(_: Any) -> Any:
    return LiveSessions.keep_cleanup


def all_logins(_: Any) -> Any:
    return lambda *_, **__: None


def as_before(_: Callable[..., Any]) -> Callable[..., Any]:
    async def taken(does: Orchestrator, request: Any, started: float, debt: Any, origin: str) -> Any:
        return await does._take_steps(request, started, debt, origin, {})

    return taken


def evicted_first(real: Callable[..., Any]) -> Callable[..., Any]:
    async def run(does: Orchestrator, request: CleanupRequest, *known: Any, **how: Any) -> Any:
        scopes = {driver.name: request.scopes for driver in does._storage.drivers}
        async with asyncio.TaskGroup() as steps:
            begun = begin_evictions(does._storage, scopes, steps)
        return await real(does, request, *known, begun, **how)

    return run


def remembered_as_open(real: Callable[..., Any]) -> Callable[..., Any]:
    def rows_gone(live: FleetSessions, session_id: str, logins: Collection[str]) -> None:
        login, seen = live._logins.get(session_id), live._seen.get(session_id)
        real(live, session_id, logins)
        if login is not None and seen is not None:
            live._logins[session_id], live._seen[session_id] = login, seen

    return rows_gone


def always_first(real: Callable[..., Any]) -> Callable[..., Any]:
    def try_first(store: MemoryStore, owner: object, debt: Debt) -> Debt:
        tried: Debt = real(store, owner, debt)
        return msgspec.structs.replace(tried, in_hand_elsewhere=False)

    return try_first


def whichever_store(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda differs, _, other: (other.nonce, differs)


def telling_first(real: Callable[..., Any]) -> Callable[..., Any]:
    async def meet(peers: Peers, ledger: bytes) -> None:
        for _ in range(9):
            await peers.look()
        await real(peers, ledger)

    return meet


def every_driver(_: Any) -> Any:
    def owing(drivers: list[Driver]) -> list[str]:
        return [driver.name for driver in drivers]

    return owing


WITHOUT_A_LOOK = Mutant(Bookkeeping, "may_send", answered(True), SENDERS)
EVERYBODY_SENDS = Mutant(MemoryStore, "try_first", always_first, f"{SENDERS}::{A_DUPLICATE}", WITHOUT_A_LOOK)
MUTANTS = {
    "memory decides, as in one process": Mutant(parts, "FleetSessions", lambda _: LiveSessions, TRUTH),
    "a login is alive under any stamp": Mutant(FleetSessions, "is_alive", alive_under_any_stamp, TRUTH),
    "the stamp is taken after the question": Mutant(SessionsInUse, "_must_be_alive", stamp_after_the_question, INTERLEAVINGS),
    "an end evicts before it is durable": Mutant(Orchestrator, "_run", evicted_first, INTERLEAVINGS),
    "a late record evicts nothing more": Mutant(FleetSessions, "owed_late", lambda _: LiveSessions.owed_late, INTERLEAVINGS),
    "a record without an answer evicts nothing": Mutant(SessionRecords, "evict_soon", nothing, INTERLEAVINGS),
    "two processes may begin a login at once": Mutant(OneAtATime, "is_alone", answered(True), INTERLEAVINGS),
    "nobody does what others owe": Mutant(OwedEvictions, "do_overdue", not_done, INTERLEAVINGS),
    "who reaps asks nobody": Mutant(FleetSessions, "still_open", lambda _: LiveSessions.still_open, REAPING),
    "who reaps waits for no call": Mutant(FleetSessions, "calls_over", not_done, REAPING),
    "a look counts while calls run of what was ended": Mutant(LastCalls, "looked", counted_at_once, REAPING),
    "the look that was under way is enough": Mutant(last_calls, "ENOUGH", lambda _: 1, REAPING),
    "a reap that cannot be recorded is recorded late": Mutant(FleetSessions, "keep_cleanup", kept_in_any_case, REAPING),
    "hooks of a reap do not ask who is open": Mutant(Orchestrator, "_open_anew", answered(None), REAPING),
    "a reap ends what the session has by then": Mutant(FleetSessions, "ended_by_record", all_logins, REAPING),
    "renewals of others are not looked for": Mutant(FleetSessions, "_changed", without_versions, RENEWALS),
    "what has no row any more is open": Mutant(LiveSessions, "rows_gone", remembered_as_open, f"{INTERLEAVINGS}::{LET_IN}"),
    "an end leaves questions as they are": Mutant(FleetSessions, "_overtake", nothing, INTERLEAVINGS),
    "nobody looks for the ends of others": Mutant(FleetSessions, "look", not_done, STORES),
    "a login replaces another without an eviction": Mutant(FleetSessions, "must_evict", lambda _: False, STORES),
    "a login is made while the store is away": Mutant(StoreGuard, "may_replace", answered(True), STORES),
    "a new login has the keys of the old one": Mutant(Caches, "of", one_key_for_all_logins, STORES),
    "evictions of near caches are owed": Mutant(parts, "_owing", every_driver, STORES),
    "whoever has told once is alive": Mutant(sightings, "MOVES", lambda _: 0, SIGHTINGS),
    "whoever was alive once is alive for ever": Mutant(sightings, "FORGOTTEN", lambda _: math.inf, SIGHTINGS),
    "a store that was another one before is another one": Mutant(sightings, "_compared", whichever_store, SIGHTINGS),
    "a start tells before it looks": Mutant(Peers, "meet", telling_first, MEETING),
    "nobody is told of in the ledger": Mutant(MemoryLedger, "introduce", answered(()), MEETING),
    "the ledger does not know that replicas have parted": Mutant(Peers, "_lose_track", answered(True), JOINED),
    "what another replica still uses is struck out": Mutant(unused_stores, "use_one_store", lambda _: lambda _: True, STILL_USED),
    "what another store holds is served": Mutant(Storage, "trusted", lambda _: True, STORES),
    "who answers 401 evicts nothing": Mutant(Caches, "forget", answered(None), INTERLEAVINGS),
    "nobody looks before it sends": WITHOUT_A_LOOK,
    "nobody looks, and a duplicate sends what another replica tries": EVERYBODY_SENDS,
    "everybody sends, and who has waited goes on with what was owed before": Mutant(
        Orchestrator, "_take_later_steps", as_before, f"{REAPING}::{WHILE_A_REAP_WAITS}", EVERYBODY_SENDS
    ),
    "only sessions of this process need a seal": Mutant(FleetSessions, "is_open_elsewhere", answered(False), TRUTH),
    "a cleanup ends what memory knows": Mutant(FleetSessions, "ended_by_record", lambda _: LiveSessions.ended_by_record, TRUTH),
}
