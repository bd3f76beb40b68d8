"""What is cached, shown and evicted through the service behind every face of administration."""

from dataclasses import replace
from pathlib import Path

import pytest

from connector.admin.caching import MOST_SYSTEMS
from connector.admin.shown_caches import ShownUsage
from connector.cache.storage import Storage
from connector.cleanups.hooks import Hooks
from connector.config.settings import StorageDeadlines
from connector.ledger.testing import MemoryLedger
from connector.sessions.live import LiveSessions
from drivers import DriverUnavailable, Scope, SessionScope, Statistics, SystemScope, Usage
from drivers.sqlite import SqliteDriver
from drivers.testing.subject import found, keep
from tests.admin.test_service import SOMEBODY, admin
from tests.assembly import caching
from tests.cache.stacks import memory
from tests.doubles import LocatedEndSystem, ScriptedDriver
from tests.ledger.ledgers import ORIGIN, open_, opened, session


async def test_each_store_is_shown_with_what_it_holds_and_each_system_with_its_share(tmp_path: Path) -> None:
    sqlite = SqliteDriver("sqlite", SqliteDriver.Settings(path=tmp_path / "cache.sqlite3"))
    storage = Storage([memory(), sqlite], StorageDeadlines())
    async with opened(tmp_path) as live, storage.opened():
        await open_(live, session(1))
        for scope in (SystemScope("A"), SessionScope("s1", "A"), SystemScope("B")):
            await keep(sqlite, scope, "key", b"v" * 100)
        storage.reads["memory"].hits += 2
        storage.reads["sqlite"].misses += 3
        shown = await admin(live, storage=storage).caches()
        other = await admin(live, storage=storage).caches("B")

    near, far = shown.drivers
    assert (near.driver, near.state, near.entries, near.hits, near.misses) == ("memory", "up", 0, 2, 0)
    assert (far.driver, far.state, far.entries, far.hits, far.misses) == ("sqlite", "up", None, 0, 3)
    assert [(each.system, each.held["sqlite"]) for each in (*shown.systems, *other.systems)] == [
        ("A", ShownUsage(entries=2, bytes=200, complete=True)),
        ("B", ShownUsage(entries=1, bytes=100, complete=True)),
    ]
    assert (shown.more, other.more) == (False, False)


async def test_an_evicted_system_is_gone_from_each_store_with_its_sessions_only(tmp_path: Path) -> None:
    end_system = LocatedEndSystem(ORIGIN)
    sqlite = SqliteDriver("sqlite", SqliteDriver.Settings(path=tmp_path / "cache.sqlite3"))
    near = memory()
    storage = Storage([near, sqlite], StorageDeadlines())
    async with opened(tmp_path) as live, storage.opened():
        await open_(live, session(1))
        scopes: list[Scope] = [SystemScope("A"), SessionScope("s1", "A"), SystemScope("B")]
        for driver in (near, sqlite):
            for scope in scopes:
                await keep(driver, scope, "key", b"value")
        evicted = await admin(live, end_system, storage=storage).evict(SOMEBODY, "A")
        left = [await found(driver, scope, "key") for driver in (near, sqlite) for scope in scopes]
        sessions = await live.known_sessions()
        rows = await live.listing()

    assert evicted.evictions == {"memory": "evicted", "sqlite": "evicted"}
    assert (evicted.owed, evicted.recorded, evicted.hooks) == ([], True, {})
    assert left == [None, None, b"value"] * 2
    assert (len(sessions.logins), rows, end_system.asked) == (1, [], [])


class Away(ScriptedDriver):
    """Is out of reach."""

    async def evict(self, *scopes: Scope) -> None:
        raise DriverUnavailable(f"{self.name}: out of reach for {len(scopes)} scopes")

    async def statistics(self) -> Statistics:
        raise DriverUnavailable(f"{self.name}: out of reach")

    async def usage(self, scope: Scope) -> Usage:
        raise DriverUnavailable(f"{self.name}: out of reach for {scope}")


async def test_a_store_that_is_away_owes_the_eviction_durably_and_is_shown_with_the_reason(tmp_path: Path) -> None:
    storage = Storage([memory(), Away("far", Away.Settings())], StorageDeadlines())
    async with opened(tmp_path) as live:
        asked = admin(live, storage=storage)
        evicted = await asked.evict(SOMEBODY, "A")
        shown = await asked.caches("A")
        (owed,) = await live.owed_evictions("far")
        (line,) = await asked.audit()

    assert (evicted.evictions["memory"], evicted.owed, evicted.recorded) == ("evicted", ["far"], True)
    assert evicted.evictions["far"] == "unavailable: far: out of reach for 2 scopes"
    assert SystemScope("A") in owed.evictions["far"]
    assert not storage.trusted
    assert (shown.drivers[1].state, shown.drivers[1].bytes, shown.systems[0].held["far"]) == ("far: out of reach", None, None)
    assert line.outcome == "memory: evicted, far: unavailable: far: out of reach for 2 scopes"


class Defective(ScriptedDriver):
    """Breaks when it is asked what it holds."""

    async def usage(self, scope: Scope) -> Usage:
        raise ZeroDivisionError(str(scope))


async def test_a_defect_of_one_store_hides_no_other(tmp_path: Path) -> None:
    storage = Storage([Defective("mine", Defective.Settings()), memory()], StorageDeadlines())
    async with opened(tmp_path) as live:
        (system,) = (await admin(live, storage=storage).caches("A")).systems
    assert system.held == {"mine": None, "memory": ShownUsage(entries=0, bytes=0, complete=True)}


async def test_an_eviction_runs_the_hooks_of_a_system_and_tells_what_became_of_them(tmp_path: Path) -> None:
    hooks, ran = Hooks(), list[str]()

    @hooks.on_system_cleanup
    async def forget_index(system_id: str) -> None:
        ran.append(system_id)

    async with opened(tmp_path) as live:
        evicted = await admin(live, hooks=hooks).evict(SOMEBODY, "A")
    assert (ran, evicted.hooks) == (["A"], {"forget_index": "done"})


@pytest.mark.parametrize("number", [MOST_SYSTEMS, MOST_SYSTEMS + 1])
async def test_of_very_many_systems_the_first_are_shown_and_it_is_told_that_there_are_more(number: int) -> None:
    ledger = MemoryLedger()
    asked = caching(ledger, LiveSessions(ledger), LocatedEndSystem(ORIGIN), Storage([memory()], StorageDeadlines()))
    async with ledger.opened():
        for each in range(number):
            await open_(ledger, replace(session(each), system_id=f"system {each}"))
        shown = await asked.shown(None)
    assert (len(shown.systems), shown.more) == (MOST_SYSTEMS, number > MOST_SYSTEMS)
