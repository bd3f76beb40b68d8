"""The PostgreSQL and the PgBouncer that tests start for themselves: what other tests rest on."""

import psycopg
import pytest

from tests.postgres import Postgres
from tests.servers import RealServer


def test_a_database_of_a_test_belongs_to_a_role_that_is_no_superuser(postgres: Postgres) -> None:
    database = postgres.new_database()

    with psycopg.connect(postgres.dsn(database)) as connection:
        connection.execute("CREATE TABLE t (n integer)")
        assert connection.execute("SELECT current_database(), current_setting('is_superuser')").fetchone() == (database, "off")


def test_two_databases_of_tests_see_nothing_of_each_other(postgres: Postgres) -> None:
    with psycopg.connect(postgres.dsn(postgres.new_database())) as connection:
        connection.execute("CREATE TABLE t (n integer)")

    with psycopg.connect(postgres.dsn(postgres.new_database())) as other:
        assert other.execute("SELECT to_regclass('t')").fetchone() == (None,)


def test_texts_of_a_database_sort_otherwise_than_their_bytes_do(postgres: Postgres) -> None:
    """A ledger that leans on an order has to say which."""
    with psycopg.connect(postgres.dsn(postgres.new_database())) as connection:
        assert connection.execute("SELECT 'a' < 'B', 'a' < 'B' COLLATE \"C\"").fetchone() == (True, False)


def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.dsn(postgres.new_database(), password="guessed"))


def test_pgbouncer_gives_each_transaction_any_connection_of_the_server(postgres: Postgres, bouncer: RealServer) -> None:
    address = postgres.dsn(postgres.new_database(), port=bouncer.port)

    with psycopg.connect(address, prepare_threshold=None) as one, psycopg.connect(address, prepare_threshold=None) as other:
        first = one.execute("SELECT pg_backend_pid()").fetchone()
        one.commit()
        assert other.execute("SELECT pg_backend_pid()").fetchone() == first


def test_a_killed_server_keeps_what_was_committed_and_can_be_started_again(own_postgres: Postgres) -> None:
    address = own_postgres.dsn(own_postgres.new_database())
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS n")

    own_postgres.server.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address)
    own_postgres.server.start()

    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT n FROM t").fetchone() == (7,)


def test_a_paused_server_answers_nothing_until_it_is_resumed(own_postgres: Postgres) -> None:
    with psycopg.connect(own_postgres.dsn(own_postgres.new_database()), autocommit=True) as connection:
        own_postgres.server.pause()
        connection.pgconn.send_query(b"SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            psycopg.connect(own_postgres.dsn("postgres"), connect_timeout=2)
        own_postgres.server.resume()

        answer, end = connection.pgconn.get_result(), connection.pgconn.get_result()
        assert answer
        assert (answer.get_value(0, 0), end) == (b"1", None)
