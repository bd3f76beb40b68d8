"""The address of a ledger's database: what libpq makes of it, and what is shown of it."""

import shutil
from pathlib import Path
from traceback import format_exception

import psycopg
import pytest

from connector.ledger.postgres.address import parsed
from connector.model.errors import ConfigurationError
from tests.endsystems.certificates import authority
from tests.ports import HOST
from tests.postgres import PASSWORD, Postgres
from tests.servers import RealServer


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("host=db1,db2 port=5432,5433 dbname=ledger user=c password=s3cret", "db1,db2:5432,5433/ledger as c"),
        ("postgresql://c:s3cret@db1,db2/ledger", "db1,db2/ledger as c"),
        ("service=ledger password=s3cret", "service ledger"),
        ("hostaddr=192.0.2.7", "192.0.2.7"),
        ("dbname=ledger", "the local socket/ledger"),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, shown: str) -> None:
    address = parsed(text, origin="x")

    assert (str(address), "s3cret" in repr(address)) == (shown, False)


@pytest.mark.parametrize(
    "text",
    [
        *("s3cret", "host=db s3cret", "pasword=s3cret", "host='s3cret", "dbname=postgresql://c:s3cret@db/ledger"),
        *("postgresql://c:p@s3cret@db/ledger", "postgresql://c:s3cret/p@db/ledger", "postgresql://c:p#s3cret/@db/ledger"),
    ],
)
def test_what_is_no_address_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parsed(text, origin="ledger.dsn_env: LEDGER_DSN")

    [line] = refused.value.problems
    assert line.startswith("ledger.dsn_env: LEDGER_DSN: expected an address as libpq takes it")
    assert "s3cret" not in "".join(format_exception(refused.value))


def test_the_second_host_is_found_if_the_first_one_does_not_answer(postgres: Postgres) -> None:
    database, port = postgres.new_database(), postgres.server.port
    both = parsed(f"host=127.0.0.1,127.0.0.1 port=1,{port} dbname={database} user=connector password={PASSWORD}", origin="x")

    with psycopg.connect(both.conninfo) as connection:
        assert connection.info.port == port


def test_a_host_that_can_only_be_read_is_passed_over(postgres: Postgres) -> None:
    database = postgres.new_database()
    postgres.administer(f"ALTER DATABASE {database} SET default_transaction_read_only = on")

    with pytest.raises(psycopg.OperationalError, match="read-only"):
        psycopg.connect(parsed(postgres.dsn(database), origin="x").conninfo)


def test_tls_is_spoken_with_a_server_whose_certificate_and_name_verify(own_postgres: Postgres, tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    trusted.server("localhost")
    use_certificate(own_postgres, tmp_path / "server.pem")
    dsn = f"{own_postgres.dsn('postgres')} hostaddr={HOST} sslmode=verify-full"

    with psycopg.connect(parsed(f"{dsn} host=localhost sslrootcert={trusted.file}", origin="x").conninfo) as connection:
        assert connection.pgconn.ssl_in_use
    for wrong in (f"{dsn} sslrootcert={trusted.file}", f"{dsn} host=localhost sslrootcert={tmp_path / 'server.pem'}"):
        with pytest.raises(psycopg.OperationalError, match="certificate"):
            psycopg.connect(parsed(wrong, origin="x").conninfo)


def use_certificate(postgres: Postgres, certificate: Path) -> None:
    """Let a server speak TLS. Its key may be nobody's but its own."""
    file = postgres.server.folder / "data" / "server.pem"
    file.touch(0o600)
    file.write_bytes(certificate.read_bytes())
    shutil.chown(file, file.parent.owner(), file.parent.group())
    for setting, value in {"ssl_cert_file": file, "ssl_key_file": file, "ssl": "on"}.items():
        postgres.administer(f"ALTER SYSTEM SET {setting} = '{value}'")
    postgres.server.kill()
    postgres.server.start()


def test_an_address_may_lead_to_pgbouncer(postgres: Postgres, bouncer: RealServer) -> None:
    address = parsed(postgres.dsn(postgres.new_database(), port=bouncer.port), origin="x")

    with psycopg.connect(address.conninfo, prepare_threshold=None) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_service_file_may_hold_everything(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "services.conf"
    file.write_text("[ledger]\n" + postgres.dsn(postgres.new_database()).replace(" ", "\n") + "\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))

    with psycopg.connect(parsed("service=ledger", origin="x").conninfo) as connection:
        assert connection.info.user == "connector"
