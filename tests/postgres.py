"""Real PostgreSQL and PgBouncer servers: each in processes of its own, on a free loopback port, in a folder that goes with it."""

import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.ports import HOST
from tests.provision import found
from tests.servers import RealServer, running

USER = "connector"
"""A role without any right but on the databases that it owns."""
PASSWORD = "s3cret-of-the-database"
ADMINISTRATOR = "postgres"
"""Comes in without a password."""
SMALL = ["-c", "shared_buffers=16MB", "-c", "max_connections=60", "-c", "max_wal_size=128MB", "-c", "timezone=UTC"]
WHO_MAY_COME = f"""
local all all trust
host replication {ADMINISTRATOR} {HOST}/32 trust
host all {ADMINISTRATOR} {HOST}/32 trust
host all all {HOST}/32 scram-sha-256
"""
"""`pg_hba.conf`."""
AS_ANOTHER = "nobody"
"""Runs the servers if root runs the tests: both refuse to run as root."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A cluster: as many databases as tests ask for. `server` can be killed, paused, and started again."""

    server: RealServer
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_database(self) -> str:
        """Make an empty database, which `USER` owns, and return its name. Its texts sort as in English, not by their bytes."""
        name = f"d{next(self._numbers)}"
        like_english = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
        self.administer(f"CREATE DATABASE {name} OWNER {USER} {like_english}")
        return name

    def dsn(self, database: str, *, port: int | None = None, user: str = USER, password: str = PASSWORD) -> str:
        """Return the address of a database, by another port where something stands before the server."""
        return f"host={HOST} port={port or self.server.port} dbname={database} user={user} password={password}"

    def administer(self, statement: str, database: str = "postgres") -> Sequence[tuple[object, ...]]:
        """Run a statement as the administrator, outside of any transaction, and return its rows."""
        with psycopg.connect(self.dsn(database, user=ADMINISTRATOR), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@contextmanager
def postgres_server(*options: str) -> Iterator[Postgres]:
    """Run a PostgreSQL with these further options. A kill is a crash: the server recovers at the next start, which takes 3 s."""

    with running(_server(*options), _make_cluster) as server:
        postgres = Postgres(server)
        postgres.administer(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        yield postgres


@contextmanager
def standby_of(primary: Postgres, name: str) -> Iterator[Postgres]:
    """Run a standby of what a primary has now and will have, until it is promoted: `SELECT pg_promote()`."""

    def copy(folder: Path) -> None:
        hand_over(folder)
        origin = f"host={HOST} port={primary.server.port} user={ADMINISTRATOR} application_name={name}"
        _make("pg_basebackup", "-D", folder / "data", "-d", origin, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")

    with running(_server(), copy) as server:
        yield Postgres(server)


def _server(*options: str) -> RealServer:
    def command(port: int, folder: Path) -> list[str | Path]:
        listen = ["-p", str(port), "-c", f"listen_addresses={HOST}", "-k", str(folder)]
        return [*not_as_root(), _path("postgres"), "-D", folder / "data", *listen, *SMALL, *options]

    return RealServer(command, _greeted, b"ready", ended_by=signal.SIGQUIT)


@contextmanager
def pgbouncer(postgres: Postgres, mode: str = "transaction") -> Iterator[RealServer]:
    """Run a PgBouncer before all databases of a cluster."""

    def prepare(folder: Path) -> None:
        (folder / "users.txt").write_text(f'"{USER}" "{PASSWORD}"\n"{ADMINISTRATOR}" ""\n')
        hand_over(folder)

    def command(port: int, folder: Path) -> list[str | Path]:
        settings = {"listen_addr": HOST, "listen_port": port, "unix_socket_dir": "", "pool_mode": mode, "default_pool_size": 3}
        settings["server_login_retry"] = 1  # by default it refuses for 15 s to look whether a database is back
        access = {"auth_type": "scram-sha-256", "auth_file": folder / "users.txt", "admin_users": USER}
        lines = [f"{name} = {value}" for name, value in (settings | access).items()]
        beyond = f"* = host={HOST} port={postgres.server.port}"
        (folder / "pgbouncer.ini").write_text("\n".join(["[databases]", beyond, "[pgbouncer]", *lines, ""]))
        return [*not_as_root(), _path("pgbouncer"), folder / "pgbouncer.ini"]

    def greeted(port: int) -> bytes:
        return _greeted(port, user=USER, database="pgbouncer", statement="SHOW VERSION")

    with running(RealServer(command, greeted, b"ready"), prepare) as server:
        yield server


def _make_cluster(folder: Path) -> None:
    hand_over(folder)
    options = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", f"--username={ADMINISTRATOR}"]
    _make("initdb", "-D", folder / "data", *options)
    (folder / "data" / "pg_hba.conf").write_text(WHO_MAY_COME)


def _make(binary: str, option: str, data: Path, *options: str) -> None:
    command: list[str | Path] = [*not_as_root(), _path(binary), option, data, *options]
    subprocess.run(command, cwd=data.parent, check=True, capture_output=True, timeout=120)


def _greeted(port: int, *, user: str = ADMINISTRATOR, database: str = "postgres", statement: str = "SELECT 1") -> bytes:
    address = f"host={HOST} port={port} user={user} password={PASSWORD} dbname={database} connect_timeout=5"
    try:
        with psycopg.connect(address, autocommit=True, prepare_threshold=None) as connection:
            psycopg.ClientCursor(connection).execute(
                statement.encode()
            )  # PgBouncer's own database knows the simple protocol only
    except psycopg.OperationalError as error:
        raise OSError(str(error)) from error
    return b"ready"


def not_as_root() -> list[str]:
    """Return what to put before a command so that a server runs as somebody else if root runs the tests."""
    change = ["setpriv", f"--reuid={AS_ANOTHER}", "--regid=nogroup", "--clear-groups", "--"]
    return change if os.geteuid() == 0 else []


def hand_over(folder: Path) -> None:
    """Give a folder to whom the servers run as."""
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, AS_ANOTHER)


def _path(binary: str) -> str:
    path = found(binary)
    assert path, f"{binary} is not installed"
    return path
