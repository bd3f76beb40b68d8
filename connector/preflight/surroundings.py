"""What a server needs besides its configuration: keys and passwords, looked at without opening anything."""

from collections.abc import Iterator, Mapping

from connector.config.settings import Settings, Storage
from connector.model.errors import ConfigurationError
from connector.preflight.drivers import misconfigurations
from connector.preflight.keyfile import HOW_TO_MAKE_ONE, VARIABLE, load_keyring, problem_of_lost_keys
from connector.runtime.file_access import is_there, why_not

SHARED = frozenset(["redis", "memcached"])
"""Back ends that several machines share."""


def unready(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """Return a line for each thing without which a server refuses to start, as far as can be told now."""
    return [*_keys(settings, environ), *misconfigurations(settings.storage)]


def _keys(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """A key that each replica makes for itself opens no seal of another's; otherwise one that is missing will be made."""
    file, ledger = settings.ledger.key_file, settings.ledger.path
    try:
        if environ.get(VARIABLE) or is_there(file):
            load_keyring(file, environ, ledger=ledger)
        elif backend := _shared_authority(settings.storage):
            yield (
                f"ledger.key_file: {file}: is not there; replicas that share {backend} as their authority share their keys, too: "
                f"expected them in this file or in {VARIABLE}; {HOW_TO_MAKE_ONE}"
            )
        elif lost := problem_of_lost_keys(file, ledger):
            yield lost
    except ConfigurationError as found:
        yield from found.problems
    except OSError as problem:
        yield f"ledger.key_file: {file}: {why_not(problem, file)}"


def _shared_authority(storage: Storage) -> str | None:
    table = (storage.model_extra or {}).get(storage.drivers[-1], {})
    backend = table.get("backend") if table.get("driver") == "aiocache" else None
    return backend if backend in SHARED else None
