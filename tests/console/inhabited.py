"""A server in the middle of a day: sessions of several systems, logouts that are owed, something cached, and charts to draw."""

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from connector.config.settings import ConsoleSection
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.telemetry.last_day import INTERVAL, KEPT, LastDay
from connector.telemetry.metrics import Metrics
from drivers import SessionScope, SystemScope
from drivers.memory import MemoryDriver, MemorySettings
from drivers.sqlite import SqliteDriver, SqliteSettings
from drivers.testing.subject import keep, keep_copy
from tests.control.administered import PENDING, REFUSED, VERIFIED, Administered, administered
from tests.metrics.filled import REPORT

SYSTEMS = ("jira-prod", "jira-test", "polarion-eu", "codebeamer")
"""Of which sessions are open."""
HOUR = 3600.0


def busy_day(points: int = KEPT) -> LastDay:
    """Return a day with two peaks, in which now and then something went wrong."""
    metrics, now = Metrics(), time.time()
    moment = now - points * INTERVAL
    day = LastDay(metrics, lambda: moment)
    for minute in range(points):
        busy = 1 + math.cos(minute / KEPT * 4 * math.pi)
        for _ in range(round(25 * busy) + minute % 7):
            metrics.observe_initialize("opened")
            metrics.observe_logout(VERIFIED, 0.02 + 0.01 * busy, attempts=1)
        for number in range(round(24 * busy) + minute % 5):
            metrics.observe_cleanup(200, replace(REPORT, milliseconds=20 + number))
        if minute % 90 == 0:
            metrics.observe_initialize("no_seat")
            metrics.observe_cleanup(503)
            metrics.observe_logout(LogoutOutcome(LogoutResult.PENDING), 0.4, attempts=1)
        moment += INTERVAL
        day.keep()
    return day


@asynccontextmanager
async def inhabited(folder: Path, *, history: int = KEPT) -> AsyncIterator[Administered]:
    """Serve a console in `folder` with something on each of its pages, and so many minutes of charts."""
    near, authority = (
        MemoryDriver("memory", MemorySettings()),
        SqliteDriver("sqlite", SqliteSettings(path=folder / "cache.sqlite3")),
    )
    await authority.open()
    try:
        console = ConsoleSection(enabled=True, port=0)
        async with administered(folder, console, last_day=busy_day(history), drivers=[near, authority]) as server:
            await _fill(server)
            for number, system in enumerate(SYSTEMS):
                for key in range(20 * (number + 1)):
                    await keep(authority, SystemScope(system), f"users {key}", b"x" * 900)
                    await keep_copy(near, SystemScope(system), f"users {key}", b"x" * 900)
                await keep(authority, SessionScope(system, "6f1c1d2e-0000-4000-8000-000000000001"), "me", b"x" * 200)
            yield server
    finally:
        await authority.aclose()


async def _fill(server: Administered) -> None:
    """Leave open sessions, logins of which nobody knows, and logouts that are owed and need attention."""
    now = time.time()
    for number in range(12):
        opened = now - HOUR * (1 + number / 2)
        await server.open(number, system_id=SYSTEMS[number % len(SYSTEMS)], opened_at=opened, used_at=now - 97 * number - 4)
    await server.begin(20, system_id="jira-prod", unanswered=True)
    await server.begin(21, system_id="polarion-eu")
    for number in (30, 31):
        await server.owe(number, PENDING, system="jira-prod", evicted=number == 30)
    for number in (40, 41):
        await server.refused(number, REFUSED, system="jira-test")
    await server.closed(50)
