"""Storage drivers: where cached bytes live, and how a whole scope of them is made unreachable at once.

This package knows nothing of HTTP, OpsHub or end systems.
"""

from drivers.contract import (
    MAX_TTL,
    Driver,
    DriverSettings,
    Entry,
    Scope,
    SessionScope,
    Stamp,
    Statistics,
    SystemScope,
)
from drivers.errors import DriverError, DriverFormatError, DriverMisconfigured, DriverUnavailable

__all__ = [
    "MAX_TTL",
    "Driver",
    "DriverError",
    "DriverFormatError",
    "DriverMisconfigured",
    "DriverSettings",
    "DriverUnavailable",
    "Entry",
    "Scope",
    "SessionScope",
    "Stamp",
    "Statistics",
    "SystemScope",
]
