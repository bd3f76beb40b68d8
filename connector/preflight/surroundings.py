"""What a server needs besides its configuration: keys and passwords, checked without opening anything."""

from collections.abc import Iterator, Mapping

from connector.config.settings import LedgerSection, Settings
from connector.config.variables import KEYS_VARIABLE
from connector.model.errors import ConfigurationError
from connector.preflight.drivers import build_drivers, misconfigurations
from connector.preflight.keyfile import HOW_TO_MAKE_ONE, load_keyring, problem_of_lost_keys
from connector.runtime.file_access import is_there, why_not
from drivers import Driver, Sharing


def ready_drivers(settings: Settings, environ: Mapping[str, str]) -> list[Driver]:
    """Make the drivers of a server that can start, as far as can be told before anything is opened.

    Raises:
        ConfigurationError: with a line for each thing without which the server refuses to start.
    """
    drivers = build_drivers(settings.storage)
    if problems := [*_keys(settings.ledger, environ, drivers[-1]), *misconfigurations(drivers)]:
        raise ConfigurationError(problems)
    return drivers


def _keys(ledger: LedgerSection, environ: Mapping[str, str], authority: Driver) -> Iterator[str]:
    """Find what is wrong with the keys. A file that is missing is made later, unless another replica needs the same keys."""
    file = ledger.key_file
    try:
        if environ.get(KEYS_VARIABLE) or is_there(file):
            load_keyring(file, environ, ledger=ledger.path)
        elif authority.capabilities.shared is Sharing.MACHINES:
            yield (
                f"ledger.key_file: {file}: is not there. Replicas that share the authority, storage.{authority.name}, need the "
                f"same keys, or they could not open each other's seals: put them into this file or into {KEYS_VARIABLE}; "
                f"{HOW_TO_MAKE_ONE}"
            )
        elif lost := problem_of_lost_keys(file, ledger.path):
            yield lost
    except ConfigurationError as found:
        yield from found.problems
    except OSError as problem:
        yield f"ledger.key_file: {file}: {why_not(problem, file)}"
