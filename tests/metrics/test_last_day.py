"""What a server did in each minute of the last day, for charts."""

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from connector.app import LAST_DAY, create_app
from connector.config.settings import MetricsSection, Settings
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.telemetry.last_day import KEPT, LastDay, Took
from connector.telemetry.metrics import Metrics
from tests.metrics.filled import REPORT
from tests.sessions.served import KEYS

SESSION = "6f1c1d2e-0000-4000-8000-000000000001"
VERIFIED = LogoutOutcome(LogoutResult.VERIFIED)


class Clock:
    """The time of a test, which begins at 0."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def cleaned_up(metrics: Metrics, *milliseconds: int) -> None:
    for took in milliseconds:
        metrics.observe_cleanup(200, REPORT.__replace__(milliseconds=took))


def test_each_minute_has_what_was_done_in_it_and_nothing_of_the_one_before() -> None:
    metrics, clock = Metrics(), Clock()
    metrics.observe_initialize("opened")
    day = LastDay(metrics, clock)
    metrics.observe_initialize("no_seat")
    metrics.observe_cleanup(400)
    metrics.observe_logout(VERIFIED, 0.03, attempts=1)
    metrics.observe_logout(VERIFIED, 0.03, attempts=2)
    clock.now = 60
    day.keep()
    clock.now = 120
    day.keep()

    busy, idle = day.since(0)
    assert (busy.at, busy.initializes, busy.cleanups, busy.logouts) == (60, {"no_seat": 1}, {"400": 1}, {"verified": 2})
    assert (idle.at, idle.initializes, idle.cleanups, idle.logouts, idle.logout_took) == (120, {}, {}, {}, None)


def test_the_present_minute_is_told_before_it_has_ended() -> None:
    metrics = Metrics()
    day = LastDay(metrics, Clock())
    cleaned_up(metrics, 3)

    assert day.present.cleanups == {"200": 1}
    assert day.since(-1) == []


@pytest.mark.parametrize(
    ("milliseconds", "took"),
    [
        ([], None),
        ([0] * 4, Took(p50=0.00025, p99=0.000495)),
        ([30] * 80 + [2_000] * 20, Took(p50=0.040625, p99=2.425)),
        ([90_000] * 3, Took(p50=60, p99=60)),
    ],
    ids=["none", "all at once", "some late ones", "beyond all buckets"],
)
def test_how_long_cleanups_took_is_told_as_exactly_as_the_buckets_tell(milliseconds: list[int], took: Took | None) -> None:
    metrics = Metrics()
    day = LastDay(metrics, Clock())
    cleaned_up(metrics, *milliseconds)

    found = day.present.cleanup_took
    assert found == took


def test_the_time_of_logouts_counts_whatever_became_of_them() -> None:
    metrics = Metrics()
    day = LastDay(metrics, Clock())
    metrics.observe_logout(VERIFIED, 0.03, attempts=1)
    metrics.observe_logout(LogoutOutcome(LogoutResult.PENDING), 7, attempts=1)

    took = day.present.logout_took
    assert took is not None
    assert 0.025 < took.p50 <= 0.05
    assert 5 < took.p99 <= 10


def test_only_the_minutes_after_a_moment_are_told_and_none_older_than_a_day() -> None:
    clock = Clock()
    day = LastDay(Metrics(), clock)
    for minute in range(1, KEPT + 11):
        clock.now = minute
        day.keep()

    assert [point.at for point in day.since(KEPT + 8)] == [KEPT + 9, KEPT + 10]
    assert [point.at for point in day.since(0)][:2] == [11, 12]


async def test_a_minute_ends_by_itself() -> None:
    asked = asyncio.Event()

    def clock() -> float:
        asked.set()
        return 60.0

    day = LastDay(Metrics(), clock)
    loop = asyncio.create_task(day.run(every=0.001))
    async with asyncio.timeout(30):
        await asked.wait()
    loop.cancel()

    assert day.since(0)[0].at == 60


async def test_a_server_records_what_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = create_app(Settings(metrics=MetricsSection(enabled=False)), environ=KEYS)
    async with TestClient(TestServer(app)) as client:
        await client.post(f"/cleanup/{SESSION}?systemId=jira&cleanupGlobalCache=true")
        present = app[LAST_DAY].present
        running = {task.get_name() for task in asyncio.all_tasks()}

    assert (present.cleanups, present.cleanup_took is not None) == ({"200": 1}, True)
    assert "the last day" in running
