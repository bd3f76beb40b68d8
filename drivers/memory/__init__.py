"""Entries in this process's memory."""

from drivers.memory.memory_driver import MemoryDriver, MemorySettings

__all__ = ["MemoryDriver", "MemorySettings"]
