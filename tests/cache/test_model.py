"""Any sequence of requests, loads, cleanups and failures, over every combination of drivers, does what the model says."""

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from drivers import Driver
from drivers.aiocached import AiocacheDriver, AiocacheSettings
from drivers.memory import MemoryDriver
from drivers.sqlite import SqliteDriver, SqliteSettings
from tests.cache.machine import CacheMachine
from tests.cache.stacks import MakeDrivers
from tests.drivers.stores import PATIENT, aiocache_driver, fresh_namespace

Clock = Callable[[], float]
Deployment = Callable[[], MakeDrivers]
"""Returns what makes the drivers of processes that share a store, a new one each time."""

SHARED = {"sqlite", "memory and sqlite", "memory and redis", "memory and memcached"}
"""The deployments that serve more than one process."""


def near(clock: Clock) -> Driver:
    return MemoryDriver("near", MemoryDriver.Settings(), clock=clock)


@pytest.fixture(params=["memory", "sqlite", "memory and sqlite", "memory and redis", "memory and memcached", "aiocache's memory"])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    files = count()

    def sqlite(file: Path, clock: Clock) -> Driver:
        return SqliteDriver("sqlite", SqliteSettings(path=file), clock=clock)

    def alone(clock: Clock) -> Sequence[Driver]:
        return [AiocacheDriver("aiocache", AiocacheSettings(backend="memory"), clock=clock)]

    def remote(backend: str) -> MakeDrivers:
        server, namespace = request.getfixturevalue(backend), fresh_namespace()
        return lambda clock: [near(clock), aiocache_driver(server, backend, clock=clock, namespace=namespace, **PATIENT)]

    def make() -> MakeDrivers:
        file = tmp_path / f"{next(files)}.sqlite3"
        match request.param:
            case "memory":
                return lambda clock: [near(clock)]
            case "sqlite":
                return lambda clock: [sqlite(file, clock)]
            case "memory and sqlite":
                return lambda clock: [near(clock), sqlite(file, clock)]
            case "memory and redis":
                return remote("redis")
            case "memory and memcached":
                return remote("memcached")
            case _:
                return alone

    make.__name__ = request.param
    return make


def check(deployment: Deployment, *, runs: int, steps: int) -> None:
    processes = 2 if deployment.__name__ in SHARED else 1
    run_state_machine_as_test(
        lambda: CacheMachine(deployment(), processes),  # type: ignore[arg-type]  # any callable will do, its documentation says
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        ),
    )


def test_the_cache_does_what_the_model_says(deployment: Deployment) -> None:
    check(deployment, runs=30, steps=40)


@pytest.mark.slow
def test_the_cache_does_what_the_model_says_for_long(deployment: Deployment) -> None:
    check(deployment, runs=150, steps=50)
