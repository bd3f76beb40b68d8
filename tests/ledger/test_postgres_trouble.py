"""What a person is told when the ledger's database cannot be used: one line each, of real servers."""

from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest

from connector.ledger.postgres import fitness
from connector.ledger.postgres.fitness import must_be_fit
from connector.ledger.postgres.trouble import refused, told
from connector.model.errors import ConfigurationError, RefusedForNow
from tests.postgres import PASSWORD, Postgres, pgbouncer
from tests.servers import RealServer

MARKER = "ledger_marker"
Spoil = Callable[[Postgres, str], str]
"""Makes a database unusable in one way, and returns its address."""


def connect(address: str) -> psycopg.Connection:
    return psycopg.connect(address, autocommit=True, prepare_threshold=None)


def trouble_of(address: str) -> str:
    """What is told of the failure to connect."""
    with pytest.raises(psycopg.Error) as failed:
        connect(address)
    return told(failed.value)


def unfit(address: str) -> str | None:
    """What a database is refused for; None if it is not."""
    refusal = refusal_of(address)
    return None if refusal is None else str(refusal)


def refusal_of(address: str) -> ConfigurationError | None:
    with connect(address) as connection:
        try:
            must_be_fit(connection, marker=MARKER)
        except ConfigurationError as refusal:
            return refusal
    return None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda pg, name: pg.dsn(name, password="s3cret-guess"),
            'password authentication failed for user "connector": expected another',
        ),
        (lambda pg, name: pg.dsn(f"no_{name}"), "does not exist: make it, with the connector's role as its owner"),
        (lambda pg, name: pg.dsn(name, port=1), "Connection refused: is it running, and reachable?"),
        (lambda pg, name: pg.dsn(name) + " sslmode=require", "expected TLS at the server, or another sslmode"),
        (lambda pg, name: pg.dsn(name) + " service=nobody", "expected it in pg_service.conf"),
        (lambda pg, name: pg.dsn(name) + " host=standby.invalid", "is it running, and reachable?"),
        (lambda pg, name: pg.dsn(name) + " sslmode=requird", "expected an address as libpq takes it"),
        (lambda pg, name: pg.dsn(name, user="no_certificate"), "expected another role or password"),
    ],
    ids=["password", "database", "port", "tls", "service", "host", "typed", "role"],
)
def test_a_database_out_of_reach_is_told_in_one_line_with_what_to_do(postgres: Postgres, spoil: Spoil, said: str) -> None:
    line = trouble_of(spoil(postgres, postgres.new_database()))

    assert said in line
    assert not any(secret in line for secret in ("\n", PASSWORD, "s3cret-guess"))


def test_several_hosts_out_of_reach_are_told_one_by_one(postgres: Postgres) -> None:
    line = trouble_of(postgres.dsn(postgres.new_database()) + " host=127.0.0.1,127.0.0.1 port=1,2")

    to = 'connection to server at "127.0.0.1", port'
    assert line == f"{to} 1 failed: Connection refused; {to} 2 failed: Connection refused: is it running, and reachable?"


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda pg, name: pg.dsn(name, password="s3cret-guess"), ConfigurationError),
        (lambda pg, name: pg.dsn(name, user="no_standby"), ConfigurationError),
        (lambda pg, name: pg.dsn(f"no_{name}"), ConfigurationError),
        (lambda pg, name: pg.dsn(name) + " sslmode=require", ConfigurationError),
        (lambda pg, name: pg.dsn(name) + " keepalives_idle=soon", ConfigurationError),
        (lambda pg, name: pg.dsn(name) + " service=nobody", ConfigurationError),
        (lambda pg, name: pg.dsn(name, port=1), RefusedForNow),
        (lambda pg, name: pg.dsn(name) + " host=certificate.invalid", RefusedForNow),
        (lambda pg, name: pg.dsn(name) + " target_session_attrs=standby", RefusedForNow),
    ],
    ids=["password", "role", "database", "tls", "typed", "service", "port", "host", "primary"],
)
def test_what_a_person_has_to_change_is_told_from_what_may_pass(
    postgres: Postgres, spoil: Spoil, kind: type[ConfigurationError]
) -> None:
    with pytest.raises(psycopg.Error) as failed:
        connect(spoil(postgres, postgres.new_database()))

    assert type(refused(failed.value)) is kind


@pytest.mark.parametrize(
    ("statement", "kind"),
    [("SET transaction_read_only = on; CREATE TABLE t ()", RefusedForNow), ("SELECT FROM nothing", ConfigurationError)],
)
def test_an_sqlstate_tells_what_a_person_has_to_change(
    postgres: Postgres, statement: LiteralString, kind: type[ConfigurationError]
) -> None:
    with connect(postgres.dsn(postgres.new_database())) as connection, pytest.raises(psycopg.Error) as failed:
        connection.execute(statement)

    assert type(refused(failed.value)) is kind


@pytest.mark.parametrize(
    ("others_port", "kind"), [(1, RefusedForNow), (None, ConfigurationError)], ids=["one is away", "both forbid it"]
)
def test_a_start_is_refused_for_good_only_if_each_host_forbids_it(
    postgres: Postgres, others_port: int | None, kind: type[ConfigurationError]
) -> None:
    ports = f"{others_port or postgres.server.port},{postgres.server.port}"
    address = f"{postgres.dsn(postgres.new_database(), password='s3cret-guess')} host=127.0.0.1,127.0.0.1 port={ports}"

    with pytest.raises(psycopg.Error) as failed:
        connect(address)

    assert type(refused(failed.value)) is kind


def test_a_wrong_password_at_pgbouncer_is_told_as_one(postgres: Postgres, bouncer: RealServer) -> None:
    line = trouble_of(postgres.dsn(postgres.new_database(), port=bouncer.port, password="s3cret-guess"))

    assert line.endswith("SASL authentication failed: expected another role or password")


def test_a_pgbouncer_in_statement_mode_is_told_its_mode(postgres: Postgres) -> None:
    with pgbouncer(postgres, "statement") as server, pytest.raises(psycopg.Error) as failed:
        unfit(postgres.dsn(postgres.new_database(), port=server.port))

    assert told(failed.value).endswith("expected pool_mode = transaction or session at PgBouncer")


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pgbouncer_in_another_mode_is_fit(postgres: Postgres, mode: str) -> None:
    with pgbouncer(postgres, mode) as server:
        assert unfit(postgres.dsn(postgres.new_database(), port=server.port)) is None


def test_an_empty_database_is_fit_and_one_with_a_ledger_too(postgres: Postgres) -> None:
    address = postgres.dsn(postgres.new_database())
    assert unfit(address) is None

    with connect(address) as connection:
        connection.execute(f"CREATE TABLE {MARKER} (n integer)")
    assert unfit(address) is None


def test_the_tables_of_an_extension_are_nobodys(postgres: Postgres) -> None:
    database = postgres.new_database()
    postgres.administer("CREATE EXTENSION pg_stat_statements", database)

    assert unfit(postgres.dsn(database)) is None


def test_the_database_of_another_program_is_refused(postgres: Postgres) -> None:
    address = postgres.dsn(postgres.new_database())
    with connect(address) as connection:
        connection.execute("CREATE TABLE customers (n integer)")

    assert (unfit(address) or "").startswith("holds tables of another program in the schema public, and no ledger")


def test_a_role_that_may_make_no_tables_is_refused(postgres: Postgres) -> None:
    database = postgres.new_database()
    postgres.administer("CREATE ROLE visitor LOGIN PASSWORD 'v'")

    line = unfit(postgres.dsn(database, user="visitor", password="v"))

    assert line == ("gives its role no right to make tables in the schema public; expected GRANT CREATE, or the database's owner")


def test_a_role_without_the_right_to_connect_is_told_so(postgres: Postgres) -> None:
    database = postgres.new_database()
    postgres.administer(f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")
    postgres.administer("CREATE ROLE outsider LOGIN PASSWORD 'o'")

    line = trouble_of(postgres.dsn(database, user="outsider", password="o"))

    assert "permission denied for database" in line
    assert line.endswith("expected a role that owns the ledger's tables, or may make them")


def test_a_database_that_can_only_be_read_is_refused(postgres: Postgres) -> None:
    database = postgres.new_database()
    postgres.administer(f"ALTER DATABASE {database} SET default_transaction_read_only = on")

    refusal = refusal_of(postgres.dsn(database))

    assert str(refusal) == "is read-only (default_transaction_read_only); expected one that can be written"
    assert isinstance(refusal, RefusedForNow)


def test_a_search_path_that_names_no_schema_is_told(postgres: Postgres) -> None:
    database = postgres.new_database()
    postgres.administer(f"ALTER DATABASE {database} SET search_path = nowhere")

    assert unfit(postgres.dsn(database)) == "has no schema that the role's search_path names; expected one"


def test_an_old_version_is_refused(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitness, "OLDEST", 99_00_00)

    assert (unfit(postgres.dsn(postgres.new_database())) or "").endswith("; expected 99 or newer")


def test_a_standby_is_refused(own_postgres: Postgres) -> None:
    """A server that recovers for ever, as a standby does."""
    address = own_postgres.dsn(own_postgres.new_database())
    own_postgres.server.kill()
    (own_postgres.server.folder / "data" / "standby.signal").touch()
    own_postgres.server.start()

    refusal = refusal_of(address)
    assert str(refusal) == "is a standby, and so read-only; expected the primary"
    assert isinstance(refusal, RefusedForNow)
    assert "expected the primary, and no standby" in trouble_of(f"{address} target_session_attrs=read-write")
