"""A database as an administrator wants to know it: nothing in it is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import psycopg

from connector.ledger.postgres.address import Address
from connector.ledger.postgres.durability import durability
from connector.ledger.postgres.fitness import Connection, why_unfit
from connector.ledger.postgres.layouts import MARKER
from connector.ledger.postgres.trouble import told


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What was seen of a database."""

    unfit: str | None = None
    """Why it cannot hold the ledger, to be put behind its address. Then nothing else is known."""
    version: str = ""
    durability: str = ""
    """What its settings allow to be lost, in words."""
    seconds: Sequence[float] = ()
    """How long round trips took."""


def looked_at(address: Address, *, round_trips: int) -> LookedAt:
    """Connect to a database, and look at it."""
    try:
        with address.connect() as connection:
            if why := why_unfit(connection, marker=MARKER):
                return LookedAt(f" {why}")
            major, minor = divmod(connection.info.server_version, 10_000)
            seconds = [_round_trip(connection) for _ in range(round_trips)]
            return LookedAt(None, f"{major}.{minor}", str(durability(connection)), seconds)
    except psycopg.Error as problem:
        return LookedAt(f": {told(problem)}")


def _round_trip(connection: Connection) -> float:
    begun = perf_counter()
    connection.execute("SELECT 1")
    return perf_counter() - begun
