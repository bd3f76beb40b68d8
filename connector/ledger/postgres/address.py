"""Where the database is, in the words of libpq: one host or several, a service, certificates."""

import re
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from connector.ledger.postgres.arrays import teach
from connector.model.errors import ConfigurationError

UNLESS_GIVEN = {
    "application_name": "opshub-connector",
    "connect_timeout": "5",
    "target_session_attrs": "read-write",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""What a ledger needs of libpq: the primary among several hosts, and an end of waiting for a host that has gone."""

PORTS = re.compile(r"[0-9]{0,5}(,[0-9]{0,5})*")
NO_PLACE = re.compile(r"@[^/,]|://")
"""What neither a host nor a database has in its name. An abstract socket begins with `@/`."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a database."""

    conninfo: str = field(repr=False)
    """As libpq takes it. It may hold a password."""
    shown: str
    """Hosts, ports, database and role, or the service that names them."""

    def __str__(self) -> str:
        return self.shown

    def connect(self) -> "psycopg.Connection[Any]":
        """Connect, each statement a transaction of its own unless one is begun. Raises `psycopg.Error`.

        Nothing is prepared unless a transaction allows it, as `preparing` says.
        """
        connection = psycopg.connect(self.conninfo, autocommit=True, prepare_threshold=None)
        teach(connection)
        return connection


def parsed(text: str, *, origin: str) -> Address:
    """Read a connection string or URI of libpq.

    Raises:
        ConfigurationError: it is neither. The message repeats nothing of it, because it may hold a password.
    """
    given = _given(text)
    if given is None:
        form = "host=db1,db2 dbname=ledger user=connector password=..., or postgresql://connector@db1/ledger"
        raise ConfigurationError([f"{origin}: expected an address as libpq takes it: {form}"])
    return Address(make_conninfo("", **(UNLESS_GIVEN | given)), _shown(given))


def _given(text: str) -> dict[str, str] | None:
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except ProgrammingError:
        return None
    # A password that is not encoded in a URI would end up in one of these, and from there in messages.
    is_sound = PORTS.fullmatch(given.get("port", "")) and not NO_PLACE.search(
        f"{given.get('host', '')} {given.get('dbname', '')}"
    )
    return given if is_sound else None


def _shown(given: dict[str, str]) -> str:
    if service := given.get("service"):
        return f"service {service}"
    hosts = given.get("host") or given.get("hostaddr") or "the local socket"
    ports = given.get("port", "").strip(",")
    database = f"/{given['dbname']}" if "dbname" in given else ""
    role = f" as {given['user']}" if "user" in given else ""
    return f"{hosts}{':' if ports else ''}{ports}{database}{role}"
