"""`connector check-config --reach`: whether the stores and the ledger's database answer, and can be used."""

import re
from pathlib import Path

import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.tables import MIGRATIONS
from tests.cli.command import Ended, connector
from tests.drivers.stores import fresh_namespace
from tests.e2e.sharing_servers import CONFIG
from tests.e2e.test_refused_databases import GUESS, Spoil, newer, read_only, taken, without_rights
from tests.ledger.ledgers import KEYS as LEDGER_KEYS
from tests.postgres import PASSWORD, Postgres
from tests.servers import RealServer, redis_server
from tests.sessions.served import KEYS

TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"


async def checked(folder: Path, redis: int, dsn: str, *options: str) -> Ended:
    (folder / "config.toml").write_text(CONFIG.format(redis=redis, namespace=fresh_namespace()))
    ended = await connector("check-config", *options, folder=folder, environ={"LEDGER_DSN": dsn, **KEYS})
    assert not any(secret in ended.err + ended.out for secret in (PASSWORD, GUESS, "Traceback"))
    return ended


async def test_an_empty_database_fits_and_is_left_empty(tmp_path: Path, redis: RealServer, postgres: Postgres) -> None:
    database = postgres.new_database()

    ended = await checked(tmp_path, redis.port, postgres.dsn(database), "--reach")

    lines = dict(line.split("\t", 1) for line in ended.out.splitlines())
    assert ended.exit_code == 0
    assert lines["storage.shared"] == "answers, and keeps what is written"
    assert re.match(r"PostgreSQL 1[3-9]\.[0-9]+ at 127.0.0.1:", lines["ledger.dsn_env"])
    assert "; no ledger yet, so the first start makes one; a commit waits for the disk" in lines["ledger.dsn_env"]
    assert postgres.administer(TABLES, database) == [(0,)]


async def test_a_ledger_that_is_there_is_told_with_its_version_and_what_may_be_lost(
    tmp_path: Path, redis: RealServer, postgres: Postgres
) -> None:
    database = postgres.new_database()
    ledger = PostgresLedger(parsed(postgres.dsn(database), origin="test"), LEDGER_KEYS)
    await ledger.open()
    await ledger.aclose()
    postgres.administer(f"ALTER DATABASE {database} SET synchronous_commit = off")

    ended = await checked(tmp_path, redis.port, postgres.dsn(database), "--reach", "--json")

    assert (ended.exit_code, ended.json["valid"]) == (0, True)
    assert f"; a ledger of version {len(MIGRATIONS)}; synchronous_commit is off: " in ended.json["reached"]["ledger.dsn_env"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda pg, name: pg.dsn(name, password=GUESS), "expected another role or password"),
        (lambda pg, name: pg.dsn(name, port=1), "is it running, and reachable?"),
        (taken, "holds tables of another program in the schema public, and no ledger"),
        (newer, f"has format 99; this version reads up to {len(MIGRATIONS)}"),
        (read_only, "session is read-only: expected the primary"),
        (without_rights, "gives its role no right to make tables in the schema public"),
    ],
    ids=["password", "away", "taken", "newer", "read-only", "rights"],
)
async def test_a_database_with_which_no_server_starts_is_told_as_a_start_tells_it(
    tmp_path: Path, redis: RealServer, postgres: Postgres, spoil: Spoil, said: str
) -> None:
    ended = await checked(tmp_path, redis.port, spoil(postgres, postgres.new_database()), "--reach")

    (line,) = [line for line in ended.err.splitlines() if line.startswith("ledger.dsn_env: ")]
    assert (ended.exit_code, said in line) == (78, True)
    assert "storage.shared\tanswers, and keeps what is written" in ended.out


async def test_a_store_that_cannot_be_used_is_told_beside_a_database_that_can(
    tmp_path: Path, redis: RealServer, postgres: Postgres
) -> None:
    dsn = postgres.dsn(postgres.new_database())
    away = await checked(tmp_path, 1, dsn, "--reach", "--json")
    with redis_server("--replicaof", "127.0.0.1", str(redis.port)) as replica:
        unfit = await checked(tmp_path, replica.port, dsn, "--reach", "--json")

    for ended, said in ((away, "127.0.0.1:1"), (unfit, "takes no writes; expected its master")):
        (problem,) = ended.json["problems"]
        assert (ended.exit_code, problem.startswith("storage.shared: redis at "), said in problem) == (78, True, True)
        assert ended.json["reached"].keys() == {"ledger.dsn_env"}


async def test_without_the_option_nothing_is_connected_to(tmp_path: Path, postgres: Postgres) -> None:
    ended = await checked(tmp_path, 1, postgres.dsn(postgres.new_database(), port=1))

    assert (ended.exit_code, ended.err) == (0, "")
