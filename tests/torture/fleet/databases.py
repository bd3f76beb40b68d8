"""The database that a fleet shares: one PostgreSQL behind PgBouncer."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from tests.fleet.cable import Cable, cable
from tests.postgres import Postgres, pgbouncer, postgres_server
from tests.servers import RealServer
from tests.torture.fleet.happenings import A_MOMENT, BEYOND_A_CLAIM, Happening, cut, killed, paused


class Database(Protocol):
    """A database, running."""

    @property
    def happenings(self) -> Sequence[Happening]:
        """What may be done to it."""
        ...

    def dsn(self, number: int) -> str:
        """Return the address by which a replica reaches it; the first one may have a way of its own."""
        ...

    def rows(self, statement: str) -> Sequence[tuple[object, ...]]:
        """Return what a statement of an administrator finds."""
        ...


class OnePostgres:
    """One PostgreSQL behind PgBouncer, which the first replica reaches by a cable."""

    def __init__(self, postgres: Postgres, bouncer: RealServer, cable: Cable) -> None:
        self._postgres = postgres
        self._bouncer = bouncer
        self._cable = cable
        self._name = postgres.new_database()

    @property
    def happenings(self) -> Sequence[Happening]:
        server = self._postgres.server
        return [
            killed("the database killed", server),
            paused("the database paused for six seconds", server, 3 * A_MOMENT),
            paused("the database paused for longer than a claim", server, BEYOND_A_CLAIM),
            killed("PgBouncer killed", self._bouncer),
            cut("a replica cut off from the database", self._cable),
        ]

    def dsn(self, number: int) -> str:
        return self._postgres.dsn(self._name, port=self._bouncer.port if number else self._cable.port)

    def rows(self, statement: str) -> Sequence[tuple[object, ...]]:
        return self._postgres.administer(statement, self._name)


@asynccontextmanager
async def one_postgres() -> AsyncIterator[Database]:
    """Run it."""
    with postgres_server() as postgres, pgbouncer(postgres) as bouncer:
        async with cable(bouncer.port) as laid:
            yield OnePostgres(postgres, bouncer, laid)
