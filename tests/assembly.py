"""The real orchestrator over parts of a test's choice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from connector.admin.caching import Caching
from connector.admin.closing import Closing
from connector.admin.draining import Draining
from connector.admin.readiness import Lifecycle
from connector.api.routes import Served
from connector.assembly.opening_parts import opening_over
from connector.cache import Caches, Entries, Loads
from connector.cache.storage import Storage
from connector.cleanups.hooks import Hooks
from connector.cleanups.orchestrator import Orchestrator
from connector.cleanups.plan import Planner
from connector.config.settings import StorageDeadlines
from connector.endsystems.end_system import EndSystem
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.keyring import Keyring
from connector.ledger.port import KnownSessions, Ledger
from connector.ledger.sqlite.recovery import build
from connector.ledger.sqlite.store import SqliteLedger
from connector.runtime.supervision import OwnedTasks
from connector.sessions.admission import Admission
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.records import SessionRecords
from connector.sessions.renewals import Renewals
from connector.sessions.seal import Seals
from connector.sessions.session import SessionsInUse
from connector.sessions.unrecorded import Unrecorded
from connector.telemetry.metrics import Metrics
from connector.workers.catching_up import CatchingUp
from connector.workers.holding import Holding
from drivers import Driver

KEYRING = Keyring({"test": bytes(32)})
METRICS = Metrics()
"""Nobody looks at them."""


def a_ledger(folder: Path) -> SqliteLedger:
    """Return a ledger in a folder, to be opened, whose debts the retries would leave alone for a minute.

    Its file is there: that a new one is begun would be told in the log.
    """
    if not (folder / "ledger.sqlite3").exists():
        build(folder / "ledger.sqlite3")
    return SqliteLedger(folder / "ledger.sqlite3", KEYRING, grace=60)


def holding(ledger: Ledger, end_system: EndSystem) -> Holding:
    """Return what holds back the debts that this end system cannot end."""
    return Holding(ledger, Logouts(end_system, OwnedTasks(), METRICS, deadline=30))


def closing(ledger: Ledger, live: LiveSessions, end_system: EndSystem, storage: Storage) -> Closing:
    """Return what ends sessions by hand, over parts of the caller's own."""
    tasks, books = OwnedTasks(), Bookkeeping(ledger, Backoff(604_800))
    logouts = Logouts(end_system, tasks, METRICS, deadline=30)
    orchestrator = Orchestrator(logouts, storage, books, tasks, live=live, hooks=Hooks(), hook_deadline=30)
    planner = Planner(end_system, live.current)
    return Closing(ledger, live, planner, orchestrator, Metrics())


def caching(ledger: Ledger, live: LiveSessions, end_system: EndSystem, storage: Storage, hooks: Hooks | None = None) -> Caching:
    """Return what shows and evicts what is cached, over parts of the caller's own."""
    tasks, books = OwnedTasks(), Bookkeeping(ledger, Backoff(604_800))
    logouts = Logouts(end_system, tasks, METRICS, deadline=30)
    orchestrator = Orchestrator(logouts, storage, books, tasks, live=live, hooks=hooks or Hooks(), hook_deadline=30)
    return Caching(storage, orchestrator, ledger, Metrics())


def draining(
    ledger: Ledger,
    live: LiveSessions,
    end_system: EndSystem,
    storage: Storage,
    *,
    lifecycle: Lifecycle | None = None,
    nudge: Callable[[], None] = lambda: None,
) -> Draining:
    """Return what empties a server, over parts of the caller's own."""
    tasks, books = OwnedTasks(), Bookkeeping(ledger, Backoff(604_800))
    logouts = Logouts(end_system, tasks, METRICS, deadline=30)
    records = SessionRecords(logouts, ledger, storage, books, live, nudge=nudge)
    return Draining(
        lifecycle=lifecycle or Lifecycle(),
        ledger=ledger,
        logins=opening_over(logouts, live, Seals(KEYRING), ledger, records, deadline=30, longest_header=32_768).logins,
        tasks=tasks,
        renewals=Renewals(ledger, live, nudge=nudge),
        unrecorded=live.unrecorded,
        closing=closing(ledger, live, end_system, storage),
        holding=holding(ledger, end_system),
        nudge=nudge,
        pause_retries=lambda: None,
        resume_retries=lambda: None,
    )


def orchestrator(
    end_system: EndSystem, drivers: Sequence[Driver], ledger: Ledger, *, logout: float = 30, evict: float = 30
) -> Orchestrator:
    """Return an orchestrator; `logout` and `evict` are deadlines in seconds."""
    storage = Storage(drivers, StorageDeadlines(evict=evict))
    return orchestrator_of(Orchestrator, end_system, storage, ledger, Bookkeeping(ledger, Backoff(604_800)), logout=logout)


def orchestrator_of(
    kind: type[Orchestrator],
    end_system: EndSystem,
    storage: Storage,
    ledger: KnownSessions,
    books: Bookkeeping,
    *,
    logout: float = 30,
) -> Orchestrator:
    """Return an orchestrator of this class over a storage and books of the caller's own."""
    tasks = OwnedTasks()
    logouts = Logouts(end_system, tasks, METRICS, deadline=logout)
    return kind(logouts, storage, books, tasks, live=LiveSessions(ledger), hooks=Hooks(), hook_deadline=30)


@dataclass(frozen=True, slots=True)
class Cleaner:
    """What does cleanups, and catches up with what the ledger could not take of them."""

    orchestrator: Orchestrator
    catching_up: CatchingUp
    unrecorded: Unrecorded


def cleaner(end_system: EndSystem, drivers: Sequence[Driver], ledger: Ledger) -> Cleaner:
    """Return what does cleanups over parts of the caller's own."""
    storage, tasks, live = Storage(drivers, StorageDeadlines()), OwnedTasks(), LiveSessions(ledger)
    logouts, books = Logouts(end_system, tasks, METRICS, deadline=30), Bookkeeping(ledger, Backoff(604_800))
    orchestrator = Orchestrator(logouts, storage, books, tasks, live=live, hooks=Hooks(), hook_deadline=30)
    return Cleaner(orchestrator, CatchingUp(live, ledger, logouts, storage, nudge=lambda: None), live.unrecorded)


def served(end_system: EndSystem, drivers: Sequence[Driver], ledger: Ledger) -> Served:
    """Return what the HTTP edge serves, over parts of the caller's own; no seal is required."""
    storage, tasks, metrics = Storage(drivers, StorageDeadlines()), OwnedTasks(), Metrics()
    live, seals = LiveSessions(ledger), Seals(KEYRING)
    logouts = Logouts(end_system, tasks, metrics, deadline=30)
    books = Bookkeeping(ledger, Backoff(604_800))
    records = SessionRecords(logouts, ledger, storage, books, live, nudge=lambda: None)
    return Served(
        admission=Admission(seals, live, require_seal=False),
        planner=Planner(end_system, live.current),
        orchestrator=Orchestrator(logouts, storage, books, tasks, live=live, hooks=Hooks(), hook_deadline=30),
        end_system=end_system,
        openings=opening_over(logouts, live, seals, ledger, records, deadline=30, longest_header=32_768).openings,
        seals=seals,
        in_use=SessionsInUse(seals, live, Caches(Entries(storage), Loads()), logouts, Renewals(ledger, live, nudge=lambda: None)),
        storage=storage,
        ledger=ledger,
        live=live,
        peers=None,
        metrics=metrics,
    )
