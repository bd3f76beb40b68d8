"""Stores: whether each driver can be opened and serves, and how long a round trip takes."""

from collections.abc import Iterable, Sequence
from statistics import quantiles
from time import time

from connector.doctor.clock import clock_finding
from connector.doctor.finding import DoctorFinding, fault, sound, warning
from connector.preflight.reaching import opened_in_time, round_trip
from connector.runtime.file_access import is_there
from drivers import Driver, DriverError, DriverMisconfigured, Sharing

PINGS = 100
SLOW = 0.020
"""Seconds of a round trip, of 99 in 100, from which a store is slow: each call of a session waits for at least one."""


async def store_findings(drivers: Iterable[Driver]) -> list[DoctorFinding]:
    """Open each driver whose store outlives the server, ping it, and close it. A file that is not there yet is left alone."""
    kept = [driver for driver in drivers if driver.capabilities.shared is not Sharing.NONE]
    return [finding for driver in kept for finding in await _of(driver)]


async def _of(driver: Driver) -> list[DoctorFinding]:
    name = f"store-{driver.name}"
    if (path := getattr(driver.settings, "path", None)) is not None and not is_there(path):
        return [sound(name, f"{path} is not there yet; the first start makes it")]
    try:
        async with opened_in_time(driver):
            took = latency(name, [await round_trip(driver) for _ in range(PINGS)])
            return [sound(name, "it serves"), took, *await _server(name, driver)]
    except DriverMisconfigured as problem:
        return [fault(name, str(problem), f"see [storage.{driver.name}] in docs/configuration.md")]
    except DriverError as problem:
        return [fault(name, str(problem), "start the store, or mend the network to it; until then nothing is cached")]


async def _server(name: str, driver: Driver) -> list[DoctorFinding]:
    """Look at the version, the settings and the clock of the server that holds the entries, if one does and tells."""
    begun, server, ended = time(), await driver.server(), time()
    if server is None:
        return []
    risks = [warning(f"{name}-server", f"{server.version}: {what}", remedy) for what, remedy in server.risks]
    return [*(risks or [sound(f"{name}-server", server.version)]), clock_finding(name, begun, server.clock, ended)]


def latency(store: str, seconds: Sequence[float]) -> DoctorFinding:
    """Say how long round trips to a store take; `seconds` are those of many."""
    hundredths = quantiles(seconds, n=100, method="inclusive")
    median, most = hundredths[49], hundredths[98]
    seen = f"{len(seconds)} round trips, half of them within {1000 * median:.1f} ms, 99 in 100 within {1000 * most:.1f} ms"
    remedy = "move the store nearer to the server, or find what keeps it busy: each call of a session waits for a round trip"
    name = f"{store}-latency"
    return sound(name, seen) if most < SLOW else warning(name, seen, remedy)
