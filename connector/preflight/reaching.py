"""Whether what the configuration names beyond this machine answers, and can be used."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

from connector.config.problems import driver_problem
from connector.config.settings import Settings
from connector.model.errors import ConfigurationError
from connector.preflight.ledger_store import reached_ledger
from drivers import Driver, DriverError, DriverUnavailable, Sharing
from drivers.cancellation import cancelled_only_if_asked
from drivers.threads import in_a_thread

PATIENCE = 20.0
"""Seconds for one store."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What was found, by the key that names it, and a line for each thing that cannot be used."""

    found: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


async def reach(settings: Settings, drivers: Sequence[Driver], environ: Mapping[str, str]) -> Reached:
    """Connect to the stores that several machines can share, and to the ledger's database. Change nothing in the database.

    A store is written to, as a server does it to find out whether it keeps what is written.
    """
    reached = Reached()
    for driver in drivers:
        if driver.capabilities.shared is Sharing.MACHINES:
            await _reach(driver, reached)
    if settings.ledger.store == "postgres":
        try:
            reached.found["ledger.dsn_env"] = await in_a_thread(
                "reaching the ledger's database", partial(reached_ledger, settings.ledger, environ)
            )
        except ConfigurationError as refused:
            reached.problems.extend(refused.problems)
    return reached


async def _reach(driver: Driver, reached: Reached) -> None:
    name = f"storage.{driver.name}"
    try:
        async with opened_in_time(driver):
            await round_trip(driver)
        reached.found[name] = "answers, and keeps what is written"
    except DriverError as problem:
        reached.problems.append(driver_problem(driver.name, problem))


@asynccontextmanager
async def opened_in_time(driver: Driver) -> AsyncIterator[None]:
    """Open a driver, and close it at the end. Raises `DriverError`, also if all of it takes longer than `PATIENCE`."""
    try:
        with cancelled_only_if_asked:
            async with asyncio.timeout(PATIENCE):
                await driver.open()
                yield
    except TimeoutError:
        raise DriverUnavailable(f"no answer within {PATIENCE:g} s") from None
    finally:
        with suppress(DriverError):
            await driver.aclose()


async def round_trip(driver: Driver) -> float:
    """Ping an open driver, and return the seconds that it took. Raises `DriverError`."""
    begun = perf_counter()
    await driver.ping()
    return perf_counter() - begun
