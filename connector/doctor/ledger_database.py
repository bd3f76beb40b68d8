"""The database of a ledger that replicas share: whether it can hold one, what it may lose, how fast it is, and its clock."""

from collections.abc import Iterator, Mapping
from time import time

from connector.config.settings import LedgerSection
from connector.doctor.clock import clock_finding, timed
from connector.doctor.finding import DoctorFinding, fault, sound
from connector.doctor.known_traps import Product, support_findings, trap_findings
from connector.doctor.stores import PINGS, latency
from connector.model.errors import ConfigurationError
from connector.preflight.ledger_store import ledger_clock, ledger_round_trips, ledger_version, reached_ledger

NAME = "ledger-database"


def database_findings(ledger: LedgerSection, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Look at the ledger's database, if it is in one. Nothing is changed."""
    if ledger.store != "postgres":
        return
    try:
        yield sound(NAME, reached_ledger(ledger, environ))
        version = ledger_version(ledger, environ)
        yield from trap_findings(Product.POSTGRESQL, version)
        yield from support_findings(version[0], time())
        yield latency(NAME, ledger_round_trips(ledger, environ, PINGS))
        yield clock_finding(NAME, *timed(lambda: ledger_clock(ledger, environ)))
    except ConfigurationError as refused:
        yield from (
            fault(NAME, problem, "start the database, or mend its address: docs/ledger.md") for problem in refused.problems
        )
