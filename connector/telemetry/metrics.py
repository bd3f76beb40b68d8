"""What the server counts and measures, in Prometheus form. No label ever holds a session, a system or anything a caller sent."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import product
from typing import TypeVar, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connector.model.cleanup import CleanupReport
from connector.model.debts import Totals
from connector.model.errors import ConnectorError
from connector.model.listed import SessionState
from connector.model.outcomes import EvictResult, LogoutOutcome, LogoutResult
from connector.model.sessions import Reason
from connector.runtime.outlet import lines_lost
from connector.version import __version__

LAG_INTERVAL = 0.5
"""Seconds between two measurements of how late the event loop is."""
LEDGER_INTERVAL = 5.0
"""Seconds between two questions to the ledger."""
LEDGER_PATIENCE = 5.0
"""Seconds that the ledger has to say what is owed, to the metrics and to `connector status`."""
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60)
TRIES = (1, 2, 3, 5, 10, 20, 50, 100, 500, 2500)

INITIALIZES = (
    *("opened", "invalid", "login_refused", "login_unavailable"),
    *("overtaken", "not_recorded", "earlier_login_not_ended", "no_seat", "store_away", "defect", "stopping"),
)
"""How an initialize ends: it is opened, or why it is not."""

M = TypeVar("M", bound=Counter | Histogram)
log = structlog.get_logger(__name__)


class _Labelled(dict[tuple[str, ...], M]):
    """The measurements of one metric by the values of its labels.

    They are kept here, because looking them up in the metric takes as long as all the rest of counting.
    """

    def __init__(self, metric: M) -> None:
        super().__init__()
        self.metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> M:
        child = cast("M", self.metric.labels(*labels)) if labels else self.metric
        self[labels] = child
        return child


class Metrics:
    """The measurements of one server, in a registry of its own."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._registry = CollectorRegistry()
        self.ledger = LedgerGauges(clock)
        self._registry.register(self.ledger)
        self._registry.register(_LinesLost())
        # A registry of its own, because two connectors in one process must not add up.
        ProcessCollector(registry=self._registry)
        build = Info("connector_build", "Version of the software", registry=self._registry)
        build.info({"version": __version__})
        self._initializes = self._counter("connector_initializes", "Initializes answered, by what became of them", "outcome")
        for outcome in INITIALIZES:
            self._initializes[(outcome,)]  # from zero on, as below
        self._cleanups = self._counter("connector_cleanups", "Cleanups answered, by HTTP status", "status")
        for status in ("200", "500", "503"):
            self._cleanups[(status,)]  # from zero on, as below: an alert asks for the first that fails
        self._cleanup_duration = self._histogram("connector_cleanup_duration_seconds", "Time that a cleanup took")
        self._logouts = self._counter("connector_logouts", "Logouts tried, by what became of them", "outcome", "attempt")
        for outcome, attempt in product(LogoutResult, ("first", "retry")):
            self._logouts[outcome.value, attempt]  # from zero on, or the first of a kind would not count as a rise
        self._logouts_unproved = self._counter("connector_logouts_unproved", "Logouts with an already_out that nothing proves")
        self._logouts_unproved[()]
        self._logout_duration = self._histograms("connector_logout_duration_seconds", "Time that a logout took", "outcome")
        self._logout_attempts = self._histogram("connector_logout_attempts", "Tries of a logout that is done", buckets=TRIES)
        self._reaps = self._counter(
            "connector_sessions_reaped", "Sessions that were ended because nobody cleaned them up", "reason"
        )
        for reason in Reason:
            self._reaps[(reason.value,)]
        self._evictions = self._counter("connector_evictions", "Evictions, by what became of them", "driver", "outcome")
        self._eviction_duration = self._histograms("connector_eviction_duration_seconds", "Time that an eviction took", "driver")
        self._rejections = self._counter("connector_requests_rejected", "Requests turned away unread", "kind")
        self._loop_lag = self._histogram("connector_event_loop_lag_seconds", "How late the event loop ran a timer")

    def tell(self, figures: Collector) -> None:
        """Add these figures to every scrape. They are read from memory."""
        self._registry.register(figures)

    def observe_initialize(self, outcome: str) -> None:
        """Count one answered initialize. `outcome` is one of `INITIALIZES`."""
        self._initializes[(outcome,)].inc()

    def observe_cleanup(self, status: int, report: CleanupReport | None = None) -> None:
        """Count one answered cleanup and the evictions in it; without a report it was refused before anything was done."""
        self._cleanups[(str(int(status)),)].inc()
        if report is None:
            return
        self._cleanup_duration.observe(report.milliseconds / 1000)
        self.observe_evictions(report)

    def observe_reap(self, reason: Reason, report: CleanupReport) -> None:
        """Count one session that was reaped, and its evictions."""
        self._reaps[(reason.value,)].inc()
        self.observe_evictions(report)

    def observe_evictions(self, report: CleanupReport) -> None:
        """Count the evictions of a cleanup that no call has asked for. Those of a call are counted with it."""
        for driver, step in report.evictions.items():
            self._evictions[driver, step.outcome.result.value].inc()
            self._eviction_duration[(driver,)].observe(step.milliseconds / 1000)

    def observe_late_evictions(self, driver: str, number: int) -> None:
        """Count evictions that a driver could not do when it was asked, and has done now."""
        self._evictions[driver, EvictResult.EVICTED.value].inc(number)

    def observe_logout(self, outcome: LogoutOutcome, seconds: float, attempts: int) -> None:
        """Count one try of a logout, however many cleanups share it; `attempts` includes it."""
        self._logouts[outcome.result.value, "first" if attempts == 1 else "retry"].inc()
        self._logout_duration[(outcome.result.value,)].observe(seconds)
        if outcome.proved is False:
            self._logouts_unproved[()].inc()
        if outcome.closes:
            self._logout_attempts.observe(attempts)

    def observe_rejection(self, kind: str) -> None:
        """Count one request that the parser turned away. `kind` is one of a fixed set of words, never text from a request."""
        self._rejections[(kind,)].inc()

    async def watch_loop(self, every: float = LAG_INTERVAL) -> None:
        """Measure for ever how late the event loop is."""
        while True:
            # The delay of a timer is the time for which the event loop could not run anything else.
            due = time.monotonic() + every
            await asyncio.sleep(every)
            self._loop_lag.observe(max(0.0, time.monotonic() - due))

    def for_charts(self) -> Iterator[Metric]:
        """Yield initializes, cleanups and logouts, and how long the last two took. Reads memory only."""
        counters = (self._initializes.metric, self._cleanups.metric, self._logouts.metric)
        for metric in (*counters, self._cleanup_duration, self._logout_duration.metric):
            yield from metric.collect()

    def exposition(self) -> bytes:
        """Return everything in the Prometheus text format. Reads memory only, but for this process's own figures."""
        return generate_latest(self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> _Labelled[Counter]:
        return _Labelled(Counter(name, meaning, labels, registry=self._registry))

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float] = SECONDS) -> Histogram:
        return Histogram(name, meaning, buckets=buckets, registry=self._registry)

    def _histograms(self, name: str, meaning: str, label: str) -> _Labelled[Histogram]:
        return _Labelled(Histogram(name, meaning, (label,), buckets=SECONDS, registry=self._registry))


class _LinesLost(Collector):
    """Lines that this process has printed or logged in vain."""

    def collect(self) -> Iterator[Metric]:
        """Yield the figure, as the registry wants it."""
        meaning = "Lines of the log and of standard output that nobody took, or that could not be written"
        yield CounterMetricFamily("connector_log_lines_lost", meaning, lines_lost())


class LedgerGauges(Collector):
    """The ledger's last figures, kept here so that a scrape never waits for a disk."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._totals: Totals | None = None

    async def watch(self, statistics: Callable[[], Awaitable[Totals]]) -> None:
        """Ask the ledger for ever."""
        while True:
            await self.ask(statistics)
            await asyncio.sleep(LEDGER_INTERVAL)

    async def ask(self, statistics: Callable[[], Awaitable[Totals]]) -> None:
        """Ask the ledger once. While it does not answer, only that is told, because old figures would look like new ones."""
        try:
            async with asyncio.timeout(LEDGER_PATIENCE):
                self._totals = await statistics()
        # A ledger that fails is no reason to end the loop: it is asked again.
        except (TimeoutError, ConnectorError) as problem:
            self._totals = None
            log.debug("the ledger did not say what is owed", reason=str(problem) or "no answer in time")

    def collect(self) -> Iterator[Metric]:
        """Yield the figures, as the registry wants them."""
        totals = self._totals
        yield GaugeMetricFamily("connector_ledger_up", "1 while the ledger can be read, else 0", float(totals is not None))
        if totals is not None:
            yield from self._told(totals)

    def _told(self, totals: Totals) -> Iterator[Metric]:
        rows = GaugeMetricFamily("connector_ledger_rows", "Logins in the ledger, by who has to do something", labels=["state"])
        for state in ("owed", "waiting", "closed", "quarantined"):
            rows.add_metric([state], getattr(totals, state))
        yield rows
        meaning = "Open sessions, and logins that were begun, by how far they have come"
        sessions = GaugeMetricFamily("connector_ledger_sessions", meaning, labels=["state"])
        sessions.add_metric([SessionState.OPEN], totals.sessions)
        sessions.add_metric([SessionState.OPENING], totals.openings)
        sessions.add_metric([SessionState.UNKNOWN], totals.unknown)
        yield sessions
        yield GaugeMetricFamily("connector_ledger_unreadable_rows", "Rows whose key is missing", totals.unreadable)
        yield GaugeMetricFamily("connector_owed_evictions", "Rows that owe an eviction to a driver", totals.evictions)
        meaning = "Logouts that may be sent twice, because nobody knows how a try of them has ended"
        yield CounterMetricFamily("connector_ledger_logouts_maybe_twice", meaning, totals.maybe_twice)
        meaning = "How often the ledger's database had forgotten what it had acknowledged to this server"
        yield CounterMetricFamily("connector_ledger_rewinds", meaning, totals.rewinds)
        # A clock that was set back would make the age negative.
        age = 0.0 if totals.oldest is None else max(0.0, self._clock() - totals.oldest)
        yield GaugeMetricFamily("connector_oldest_owed_age_seconds", "Age of the oldest row that owes something, 0 if none", age)
