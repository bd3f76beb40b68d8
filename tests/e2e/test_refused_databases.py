"""A server whose ledger's database cannot be used does not start: it says why in one line, and leaves the database as it was."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from connector.cli.options import EXIT_CONFIGURATION, EXIT_NOT_NOW
from connector.ledger.postgres.layouts import migrate
from tests.cli.command import connector
from tests.drivers.stores import fresh_namespace
from tests.e2e.sharing_servers import CONFIG
from tests.postgres import PASSWORD, Postgres, pgbouncer
from tests.servers import RealServer
from tests.sessions.served import KEYS

GUESS = "s3cret-guess"
Spoil = Callable[[Postgres, str], str]
"""Makes a database unusable in one way, and returns its address."""


def taken(postgres: Postgres, database: str) -> str:
    with psycopg.connect(postgres.dsn(database)) as connection:
        connection.execute("CREATE TABLE customers (n integer)")
    return postgres.dsn(database)


def newer(postgres: Postgres, database: str) -> str:
    with psycopg.connect(postgres.dsn(database)) as connection:
        connection.execute("CREATE TABLE ledger_version AS SELECT 99::bigint AS number")
    return postgres.dsn(database)


def read_only(postgres: Postgres, database: str) -> str:
    postgres.administer(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    return postgres.dsn(database)


def without_rights(postgres: Postgres, database: str) -> str:
    postgres.administer(f"CREATE ROLE of_{database} LOGIN PASSWORD '{GUESS}'")
    return postgres.dsn(database, user=f"of_{database}", password=GUESS)


def of_another_role(postgres: Postgres, database: str) -> str:
    with psycopg.connect(postgres.dsn(database), autocommit=True) as connection:
        migrate(connection)
    address = without_rights(postgres, database)
    postgres.administer(f"GRANT CREATE ON SCHEMA public TO of_{database}", database)
    postgres.administer(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO of_{database}", database)
    return address


def full(postgres: Postgres, database: str) -> str:
    postgres.administer(f"CREATE ROLE of_{database} LOGIN PASSWORD '{GUESS}' CONNECTION LIMIT 0")
    return postgres.dsn(database, user=f"of_{database}", password=GUESS)


def away_or_read_only(postgres: Postgres, database: str) -> str:
    return f"{read_only(postgres, database)} host=127.0.0.1,127.0.0.1 port=1,{postgres.server.port}"


async def told(folder: Path, redis: RealServer, dsn: str, exit_code: int = EXIT_CONFIGURATION) -> str:
    """Return the one line of a start that is refused."""
    config = CONFIG.format(redis=redis.port, namespace=fresh_namespace())
    (folder / "config.toml").write_text(f'{config}[server]\nport = 0\n[metrics]\nport = 0\n[logs]\nlevel = "error"\n')
    ended = await connector("serve", folder=folder, environ={"LEDGER_DSN": dsn, **KEYS})
    (line,) = [line for line in ended.err.splitlines() if "ledger.dsn_env" in line]
    assert ended.exit_code == exit_code
    assert not any(secret in ended.err + ended.out for secret in (PASSWORD, GUESS, "Traceback"))
    return line


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda pg, name: pg.dsn(name, password=GUESS), "expected another role or password"),
        (lambda pg, name: pg.dsn(f"no_{name}"), "make it, with the connector's role as its owner"),
        (taken, "holds tables of another program in the schema public, and no ledger"),
        (newer, "has format 99"),
        (without_rights, "gives its role no right to make tables in the schema public"),
        (of_another_role, "expected a role that owns the ledger's tables"),
    ],
    ids=["password", "missing", "taken", "newer", "rights", "another role's"],
)
async def test_a_database_that_cannot_hold_the_ledger_is_told_in_one_line(
    tmp_path: Path, redis: RealServer, postgres: Postgres, spoil: Spoil, said: str
) -> None:
    assert said in await told(tmp_path, redis, spoil(postgres, postgres.new_database()))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda pg, name: pg.dsn(name, port=1), "is it running, and reachable?"),
        (read_only, "session is read-only: expected the primary"),
        (away_or_read_only, "session is read-only: expected the primary"),
        (full, "too many connections for role"),
    ],
    ids=["away", "read-only", "one away and one read-only", "full"],
)
async def test_a_supervisor_may_try_again_for_a_database_that_may_be_there_before_long(
    tmp_path: Path, redis: RealServer, postgres: Postgres, spoil: Spoil, said: str
) -> None:
    assert said in await told(tmp_path, redis, spoil(postgres, postgres.new_database()), EXIT_NOT_NOW)


async def test_a_pgbouncer_in_statement_mode_is_refused_by_its_mode(
    tmp_path: Path, redis: RealServer, postgres: Postgres
) -> None:
    with pgbouncer(postgres, "statement") as server:
        line = await told(tmp_path, redis, postgres.dsn(postgres.new_database(), port=server.port))

    assert "expected pool_mode = transaction or session at PgBouncer" in line


@pytest.mark.parametrize(
    ("spoil", "said"), [(lambda pg, name: pg.dsn(name), "holds no ledger"), (newer, "has format 99; this version")]
)
async def test_what_is_not_there_or_newer_is_not_read_either(tmp_path: Path, postgres: Postgres, spoil: Spoil, said: str) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(redis=1, namespace="n"))
    dsn = spoil(postgres, postgres.new_database())

    ended = await connector("status", folder=tmp_path, environ={"LEDGER_DSN": dsn, **KEYS})

    assert (ended.exit_code, said in ended.err, PASSWORD in ended.err) == (EXIT_CONFIGURATION, True, False)
