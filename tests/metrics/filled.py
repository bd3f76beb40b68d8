"""Metrics with something of everything in them."""

from http import HTTPStatus

from connector.cleanup import CleanupReport, CleanupRequest, Timed
from connector.credential import Credential
from connector.ledger.debts import Totals
from connector.metrics import Metrics
from connector.outcomes import EvictOutcome, EvictResult, LogoutOutcome, LogoutResult

CANARY = "c4nary"
NOW = 1_900_000_000.0
TOTALS = Totals(owed=3, waiting=2, closed=5, evictions=1, quarantined=4, unreadable=6, oldest=NOW - 90)
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


async def filled() -> Metrics:
    """Return metrics in which everything was observed once."""
    metrics = Metrics(lambda: NOW)
    metrics.observe_cleanup(HTTPStatus.SERVICE_UNAVAILABLE, REPORT)
    metrics.observe_cleanup(HTTPStatus.BAD_REQUEST)
    metrics.observe_logout(LogoutOutcome(LogoutResult.PENDING, CANARY, CANARY), 0.03, attempts=1)
    metrics.observe_logout(LogoutOutcome(LogoutResult.VERIFIED), 0.03, attempts=2)
    metrics.observe_rejection("InvalidHeader")
    await metrics.ledger.ask(totals)
    return metrics
