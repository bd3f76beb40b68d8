"""Our own server."""

from connector.cli.running import run
from drivers import sqlite_writer

CONFIG = "config.toml"


def command() -> None:
    """Do what `connector serve` does."""
    run(CONFIG)


def without_group_commit() -> None:
    """Do the same, but give everything that is written a transaction of its own."""
    sqlite_writer.BATCH = 1
    run(CONFIG)
