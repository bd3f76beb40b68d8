"""Logging in to end systems and out of them: only this package opens outgoing connections."""

from connector.endsystems.end_system import EndSystem, EndSystemSettings, LoginOutcome, SessionLogin

__all__ = ["EndSystem", "EndSystemSettings", "LoginOutcome", "SessionLogin"]
