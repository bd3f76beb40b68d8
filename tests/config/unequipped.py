"""A driver that needs what is not installed."""

from a_package_that_nobody_has import Driver  # type: ignore[import-not-found]

__all__ = ["Driver"]
