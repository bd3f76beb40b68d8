"""The real orchestrator over parts of a test's choice."""

from collections.abc import Sequence
from pathlib import Path

from connector.bookkeeping import Bookkeeping
from connector.config.settings import StorageDeadlines
from connector.endsystems.contract import EndSystem
from connector.ledger.backoff import Backoff
from connector.ledger.keyring import Keyring
from connector.ledger.store import Ledger
from connector.logouts import Logouts
from connector.metrics import Metrics
from connector.orchestrator import Orchestrator
from connector.storage import Storage
from connector.supervision import OwnedTasks
from drivers import Driver

KEYRING = Keyring({"test": bytes(32)})


def a_ledger(folder: Path) -> Ledger:
    """Return a ledger in a folder, to be opened, whose debts the retries would leave alone for a minute."""
    return Ledger(folder / "ledger.sqlite3", KEYRING, grace=60)


def orchestrator(
    end_system: EndSystem, drivers: Sequence[Driver], ledger: Ledger, *, logout: float = 30, evict: float = 30
) -> Orchestrator:
    """Return an orchestrator; `logout` and `evict` are deadlines in seconds."""
    tasks = OwnedTasks()
    return Orchestrator(
        Logouts(end_system, tasks, Metrics(), deadline=logout),
        Storage(drivers, StorageDeadlines(evict=evict)),
        Bookkeeping(ledger, Backoff(604_800)),
        tasks,
    )
