"""The database of a ledger that replicas share: whether it can hold one, what it may lose, and how long a round trip takes."""

from collections.abc import Iterator, Mapping

from connector.config.settings import Settings
from connector.doctor.finding import DoctorFinding, fault, sound
from connector.doctor.stores import PINGS, latency
from connector.model.errors import ConfigurationError
from connector.preflight.ledger_store import ledger_address

REACH = "start the database, or mend its address: docs/ledger.md"


def database_findings(settings: Settings, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Look at the ledger's database, if it is in one. No row is read, and nothing is changed."""
    if settings.ledger.store != "postgres":
        return
    try:
        address = ledger_address(settings.ledger, environ)
    except ConfigurationError as refused:
        yield from (fault("ledger-database", problem, REACH) for problem in refused.problems)
        return
    from connector.ledger.postgres.looked_at import looked_at  # noqa: PLC0415 - needs the extra

    found = looked_at(address, round_trips=PINGS)
    if found.unfit is not None:
        yield fault("ledger-database", f"{address}{found.unfit}", REACH)
        return
    yield sound("ledger-database", f"{address} is PostgreSQL {found.version}")
    yield sound("ledger-durability", found.durability)
    yield latency("ledger-latency", found.seconds)
