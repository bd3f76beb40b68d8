"""Metrics with something of everything in them."""

from http import HTTPStatus

from msgspec.structs import replace

from connector.cache.storage import Reads, Storage
from connector.config.settings import StorageDeadlines
from connector.model.cleanup import CleanupReport, CleanupRequest, Timed
from connector.model.credential import Credential
from connector.model.debts import Totals
from connector.model.outcomes import EvictOutcome, EvictResult, LogoutOutcome, LogoutResult
from connector.model.seat_pools import HeldSeats, Pool
from connector.model.sessions import Reason
from connector.telemetry.figures import DoubtFigures, SeatFigures, SessionFigures, StoreFigures
from connector.telemetry.metrics import Metrics
from drivers import DriverUnavailable, SystemScope
from drivers.memory import MemoryDriver, MemorySettings
from drivers.testing.subject import entry

CANARY = "c4nary"
NOW = 1_900_000_000.0
TOTALS = Totals(
    owed=3, waiting=2, closed=5, evictions=1, quarantined=4, unreadable=6, oldest=NOW - 90, sessions=8, openings=7, unknown=9
)
REQUEST = CleanupRequest(CANARY, CANARY, global_cache=True, credential=Credential([("Authorization", CANARY)]))
REPORT = CleanupReport(
    request=REQUEST,
    milliseconds=40,
    recorded=True,
    authority="shared",
    logout=Timed(LogoutOutcome(LogoutResult.VERIFIED), 30),
    attempts=1,
    evictions={
        "memory": Timed(EvictOutcome(EvictResult.EVICTED), 0),
        "shared": Timed(EvictOutcome(EvictResult.UNAVAILABLE, CANARY), 2_000),
    },
)


async def totals() -> Totals:
    return TOTALS


async def pools() -> list[Pool]:
    return [Pool(CANARY, CANARY, HeldSeats(sessions=2, waiting=1)), Pool(CANARY, CANARY, HeldSeats(sessions=1))]


async def used_storage() -> Storage:
    """Return a storage of two drivers, the second of which is down, in which one value was found and one was not."""
    drivers = [MemoryDriver("memory", MemorySettings()), DownDriver("shared", MemorySettings())]
    storage = Storage(drivers, StorageDeadlines())
    storage.reads["memory"] = Reads(hits=7, misses=2)
    scope = SystemScope(CANARY)
    await drivers[0].put(scope, CANARY, entry())
    for driver in drivers:
        await storage.watch.look(driver)
    return storage


class DownDriver(MemoryDriver):
    async def ping(self) -> None:
        raise DriverUnavailable(CANARY)


async def filled() -> Metrics:
    """Return metrics in which everything was observed once."""
    metrics = Metrics(lambda: NOW)
    metrics.tell(SessionFigures(["a session", "another"]))
    metrics.tell(StoreFigures(await used_storage()))
    metrics.observe_initialize("login_refused")
    metrics.observe_cleanup(HTTPStatus.SERVICE_UNAVAILABLE, REPORT)
    metrics.observe_cleanup(HTTPStatus.BAD_REQUEST)
    metrics.observe_reap(Reason.IDLE, replace(REPORT, evictions={}))
    metrics.observe_logout(LogoutOutcome(LogoutResult.PENDING, CANARY, CANARY), 0.03, attempts=1)
    metrics.observe_logout(LogoutOutcome(LogoutResult.VERIFIED), 0.03, attempts=2)
    metrics.observe_logout(LogoutOutcome(LogoutResult.ALREADY_OUT, proved=False), 0.03, attempts=1)
    seats = SeatFigures(lambda: 6)
    await seats.ask(pools)
    metrics.tell(seats)
    metrics.tell(DoubtFigures(lambda: ["an end system"]))
    metrics.observe_rejection("InvalidHeader")
    await metrics.ledger.ask(totals)
    return metrics
