"""Storage drivers: stores for cached bytes, which make a whole scope of them unreachable at once.

This package knows nothing of HTTP, OpsHub or end systems.
"""

from drivers.contract import (
    EVERYTHING,
    MAX_TTL,
    Capabilities,
    Driver,
    DriverSettings,
    Entry,
    Everything,
    Scope,
    SessionScope,
    Sharing,
    Stamp,
    Statistics,
    StoreServer,
    SystemScope,
    Usage,
)
from drivers.driver_errors import (
    DriverError,
    DriverFormatError,
    DriverMisconfigured,
    DriverRefusedForNow,
    DriverUnavailable,
)

__all__ = [
    "EVERYTHING",
    "MAX_TTL",
    "Capabilities",
    "Driver",
    "DriverError",
    "DriverFormatError",
    "DriverMisconfigured",
    "DriverRefusedForNow",
    "DriverSettings",
    "DriverUnavailable",
    "Entry",
    "Everything",
    "Scope",
    "SessionScope",
    "Sharing",
    "Stamp",
    "Statistics",
    "StoreServer",
    "SystemScope",
    "Usage",
]
