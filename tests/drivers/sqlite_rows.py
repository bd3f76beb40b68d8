"""A look into a cache file from outside, through a connection of its own."""

import sqlite3
from contextlib import closing
from pathlib import Path


def rows(path: Path, table: str) -> int:
    """Count the rows of a table."""
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # the tests' own words
    return int(count)
