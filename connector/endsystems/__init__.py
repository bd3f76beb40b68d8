"""Logging out of end systems: only this package opens outgoing connections."""
