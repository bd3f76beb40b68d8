"""Entries in this process's memory."""

from drivers.memory.driver import MemoryDriver, MemorySettings

__all__ = ["MemoryDriver", "MemorySettings"]
