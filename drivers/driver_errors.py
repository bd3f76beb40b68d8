"""What can go wrong in a driver.

    DriverError
    ├── DriverUnavailable     the store cannot be reached or cannot answer now; a later try may succeed
    ├── DriverMisconfigured   the settings, or the server they point at, cannot work; only a person can mend it, unless it is a
    │   └── DriverRefusedForNow   their address may lead to another server once a fail-over is over
    └── DriverFormatError     what is stored was written by a newer version, or is not ours

Messages are for an administrator. They name the driver and the reason, never a password or a value.
"""


class DriverError(Exception):
    """Root of all that a driver raises on purpose."""


class DriverUnavailable(DriverError):
    """The store cannot be reached, is full, or did not answer in time; a later try may succeed."""


class DriverMisconfigured(DriverError):
    """The settings, or the server they point at, cannot work."""


class DriverRefusedForNow(DriverMisconfigured):
    """The server cannot be used, and their address may lead to another one before long. A later start may succeed as it is."""


class DriverFormatError(DriverError):
    """What is stored has a format that this version does not read."""
