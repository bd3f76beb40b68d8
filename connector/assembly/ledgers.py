"""Which ledger there is: the one place that knows every store."""

from collections.abc import Callable, Mapping

from connector.assembly.parts import for_end_system
from connector.config.settings import Settings
from connector.ledger.bookkeeping import DEADLINE
from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.sqlite.store import SqliteLedger
from connector.preflight.ledger_store import ledger_address

DAY = 86_400.0
"""Seconds."""


def ledger_of(settings: Settings, keyring: Keyring, clock: Callable[[], float], *, environ: Mapping[str, str]) -> Ledger:
    """Return the ledger, not yet open. In a file, retries leave alone what a cleanup owes for as long as it may take.

    Raises:
        ConfigurationError: the address of its database is missing, or is none.
    """
    keep_closed, keep_audit = settings.ledger.keep_closed, settings.audit.keep * DAY
    if settings.ledger.store == "sqlite":
        grace = for_end_system(settings) + settings.storage.deadlines.evict + 2 * DEADLINE
        return SqliteLedger(
            settings.ledger.path, keyring, grace=grace, keep_closed=keep_closed, keep_audit=keep_audit, clock=clock
        )
    address = ledger_address(settings.ledger, environ)
    from connector.ledger.postgres.postgres_ledger import PostgresLedger

    return PostgresLedger(address, keyring, keep_closed=keep_closed, keep_audit=keep_audit, clock=clock)
