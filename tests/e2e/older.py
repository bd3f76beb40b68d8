"""A script: `unhurried` as a version before today's, which knows nothing of the last layout of the tables."""

import sys
from typing import Any

from aiohttp import web

from connector import run
from connector.ledger import authentication
from connector.ledger.open_sessions import APART
from connector.ledger.postgres import layouts, owners
from connector.ledger.postgres.tables import MIGRATIONS, USE_APART
from connector.ledger.sql.operations import Operations
from connector.ledger.unverified import Unverified
from tests.e2e.unhurried import slow

LAYOUT = USE_APART - 1
real_verify = authentication.verify


def verify(purpose: str, *values: Any, **named: Any) -> None:
    """Know nothing of rows that are authenticated apart from their use."""
    if purpose == APART:
        raise Unverified("of a newer version")
    real_verify(purpose, *values, **named)


async def serve_from(_: Operations, authority: str, *, starts: bool = True) -> None:
    """Know nothing of the table of the authority."""


def become_older() -> None:
    """Turn this process into one of that version."""
    authentication.verify = verify
    Operations.serve_from = serve_from  # type: ignore[method-assign, assignment]
    layouts.migrate.__defaults__ = (MIGRATIONS[:LAYOUT],)
    owners.OwnRow.__init__.__defaults__ = (LAYOUT,)


if __name__ == "__main__":
    become_older()
    sys.exit(run(sys.argv[1], routes=[web.get("/slow", slow)]))
