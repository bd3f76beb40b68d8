"""What a server needs besides its configuration: keys and passwords, checked without opening anything."""

from collections.abc import Iterator, Mapping

from connector.config.settings import ConsoleSection, LedgerSection, Settings
from connector.config.variables import KEYS_VARIABLE
from connector.model.errors import ConfigurationError
from connector.preflight.console_token import console_token
from connector.preflight.drivers import build_drivers, misconfigurations
from connector.preflight.keyfile import load_keyring, problem_of_lost_keys, problem_of_shared_keys
from connector.preflight.ledger_store import ledger_address, ledger_file, problem_of_sharing
from connector.preflight.listener import listener_tls
from connector.preflight.tracing_extra import problem_of_traces
from connector.runtime.file_access import is_there, why_not
from drivers import Driver, Sharing


def ready_drivers(settings: Settings, environ: Mapping[str, str]) -> list[Driver]:
    """Make the drivers of a server that can start, as far as can be told before anything is opened.

    Raises:
        ConfigurationError: with a line for each thing without which the server refuses to start.
    """
    drivers, problems = drivers_and_problems(settings, environ)
    if problems:
        raise ConfigurationError(problems)
    return drivers


def drivers_and_problems(settings: Settings, environ: Mapping[str, str]) -> tuple[list[Driver], list[str]]:
    """Make the drivers, and return them with a line for each thing without which the server refuses to start."""
    drivers = build_drivers(settings.storage)
    ledger, authority = settings.ledger, drivers[-1]
    problems = [
        *_listener(settings),
        *_console(settings.console, environ),
        *_store(ledger, environ, authority),
        *_keys(ledger, environ, authority),
        *misconfigurations(drivers),
        *filter(None, [problem_of_traces(settings.traces)]),
    ]
    return drivers, problems


def _listener(settings: Settings) -> Iterator[str]:
    """Find what is wrong with the certificates that connections show or trust."""
    try:
        listener_tls(settings.server.tls)
    except ConfigurationError as found:
        yield from found.problems


def _console(console: ConsoleSection, environ: Mapping[str, str]) -> Iterator[str]:
    """Find what is wrong with the console's certificate and token."""
    if not console.enabled:
        return
    for check in (lambda: listener_tls(console.tls, "console"), lambda: console_token(console, environ)):
        try:
            check()
        except ConfigurationError as found:
            yield from found.problems


def _store(ledger: LedgerSection, environ: Mapping[str, str], authority: Driver) -> Iterator[str]:
    """Find what is wrong with where the ledger is kept."""
    if ledger.store != "postgres":
        return
    if problem := problem_of_sharing(ledger, authority):
        yield problem
    try:
        ledger_address(ledger, environ)
    except ConfigurationError as found:
        yield from found.problems


def _keys(ledger: LedgerSection, environ: Mapping[str, str], authority: Driver) -> Iterator[str]:
    """Find what is wrong with the keys. A file that is missing is made later, unless another replica needs the same keys."""
    file = ledger.key_file
    try:
        if environ.get(KEYS_VARIABLE) or is_there(file):
            load_keyring(file, environ, ledger=ledger_file(ledger))
        elif ledger.store == "postgres":
            yield problem_of_shared_keys(file, "the ledger")
        elif authority.capabilities.shared is Sharing.MACHINES:
            yield problem_of_shared_keys(file, f"the authority, storage.{authority.name},")
        elif lost := problem_of_lost_keys(file, ledger.path):
            yield lost
    except ConfigurationError as found:
        yield from found.problems
    except OSError as problem:
        yield f"ledger.key_file: {file}: {why_not(problem, file)}"
