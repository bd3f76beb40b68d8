"""Logging out of end systems: only this package opens outgoing connections."""

from connector.endsystems.contract import EndSystem, EndSystemSettings, SessionLogin

__all__ = ["EndSystem", "EndSystemSettings", "SessionLogin"]
