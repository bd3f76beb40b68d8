"""Entries in a SQLite file: they outlive the process, and all processes of one machine share them."""

from drivers.sqlite.sqlite_driver import SqliteDriver, SqliteSettings

__all__ = ["SqliteDriver", "SqliteSettings"]
