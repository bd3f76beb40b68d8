"""Where the ledger is kept, as the configuration and the environment say it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from connector.config.settings import LedgerSection
from connector.model.errors import ConfigurationError
from drivers import Driver, Sharing

if TYPE_CHECKING:
    from connector.ledger.postgres.address import Address

EXTRA = "pip install 'opshub-connector-session[postgres]'"


def ledger_file(ledger: LedgerSection) -> Path | None:
    """Return the path of the ledger's file; None if a database keeps it."""
    return ledger.path if ledger.store == "sqlite" else None


def ledger_address(ledger: LedgerSection, environ: Mapping[str, str]) -> "Address":
    """Return the address of the ledger's database.

    Raises:
        ConfigurationError: the library is missing, the variable is not set, or what it holds is no address.
    """
    try:
        from connector.ledger.postgres.address import parsed
    except ImportError as missing:
        raise ConfigurationError([f"ledger.store: needs the package psycopg, which is not installed: {EXTRA}"]) from missing
    name = ledger.dsn_env or ""
    if not environ.get(name):
        raise ConfigurationError([f"ledger.dsn_env: the variable {name} is not set; expected the database's address in it"])
    return parsed(environ[name], origin=f"ledger.dsn_env: {name}")


def reached_ledger(ledger: LedgerSection, environ: Mapping[str, str]) -> str:
    """Say what the ledger's database is and holds. It is not changed.

    Raises:
        ConfigurationError: it does not answer, or no server could start with it.
    """
    address = ledger_address(ledger, environ)
    from connector.ledger.postgres.found_database import reached

    return reached(address)


def ledger_round_trips(ledger: LedgerSection, environ: Mapping[str, str], number: int) -> list[float]:
    """Return the seconds of each of so many round trips to the ledger's database. Raises `ConfigurationError`."""
    address = ledger_address(ledger, environ)
    from connector.ledger.postgres.found_database import round_trips

    return round_trips(address, number)


def ledger_version(ledger: LedgerSection, environ: Mapping[str, str]) -> tuple[int, int]:
    """Return the major and the minor version of the ledger's database. Raises `ConfigurationError`."""
    address = ledger_address(ledger, environ)
    from connector.ledger.postgres.found_database import version

    return version(address)


def ledger_clock(ledger: LedgerSection, environ: Mapping[str, str]) -> float:
    """Return what the clock of the ledger's database tells, in seconds since the epoch. Raises `ConfigurationError`."""
    address = ledger_address(ledger, environ)
    from connector.ledger.postgres.found_database import clock

    return clock(address)


def advice_on_sharing(ledger: LedgerSection, authority: Driver) -> str | None:
    """Return a warning of what works for a single server, and for several replicas does not; None if there is nothing to say."""
    if ledger.store == "sqlite" and authority.capabilities.shared is Sharing.MACHINES:
        return "replicas may share the authority, but not this ledger: a second one is refused; for several, set ledger.store"
    return None


def problem_of_sharing(ledger: LedgerSection, authority: Driver) -> str | None:
    """Say why an authority and a ledger that replicas share do not fit together; None if they do.

    A replica would go on serving what another one has evicted from an authority of its own.
    """
    if ledger.store == "sqlite" or authority.capabilities.shared is Sharing.MACHINES:
        return None
    return (
        f"ledger.store: expected an authority that replicas share, as they share the ledger: storage.{authority.name} is of this "
        "machine alone. Redis and memcached can be shared"
    )
