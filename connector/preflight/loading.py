"""From the sources to checked settings: every key, then every combination, then what a server needs besides."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from pydantic import ValidationError

from connector.config.deprecated_names import with_new_names
from connector.config.fields import KeyPath, leaves
from connector.config.near_misses import near_misses
from connector.config.problems import validation_problems
from connector.config.settings import Settings
from connector.config.sources import Sources, read_sources
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem
from connector.model.errors import ConfigurationError
from connector.preflight.combinations import checked_end_system, combination_problems
from connector.preflight.drivers import Instance, build_drivers, check_instances
from connector.preflight.ledger_store import problem_of_sharing
from connector.preflight.surroundings import ready_drivers
from drivers import Driver


class Configuration(Struct, frozen=True):
    """Checked settings, where they came from, and the end system that was made to check them."""

    settings: Settings
    instances: Mapping[str, Instance]
    """The storage instances by name, spare ones included."""
    sources: Sources
    end_system: EndSystem
    """Not open."""


class Prepared(Struct, frozen=True):
    """What one server starts with: the parts that checked the settings are those that serve. One application opens them, once."""

    settings: Settings
    end_system: EndSystem
    drivers: Sequence[Driver]
    """In the order of `storage.drivers`."""


def load(path: Path | None, environ: Mapping[str, str]) -> Prepared:
    """Check what `read` checks, and that the keys and passwords are there that a server needs. Nothing is open yet.

    Raises:
        ConfigurationError: as `read`. If nothing is wrong with the configuration: with all that is missing besides.
    """
    found = read(path, environ)
    return Prepared(found.settings, found.end_system, ready_drivers(found.settings, environ))


def prepared(settings: Settings, environ: Mapping[str, str]) -> Prepared:
    """Make the parts for settings that somebody else has checked.

    Raises:
        ConfigurationError: the end system or a driver refuses its settings, or replicas do not share what they have to.
    """
    end_system, drivers = build_end_system(settings.end_system, environ), build_drivers(settings.storage)
    if problem := problem_of_sharing(settings.ledger, drivers[-1]):
        raise ConfigurationError([problem])
    return Prepared(settings, end_system, drivers)


def read(path: Path | None, environ: Mapping[str, str]) -> Configuration:
    """Return the settings of the file at `path` (None: the defaults) and of the variables in `environ`, which win.

    Raises:
        ConfigurationError: with every problem of a key; or, where there is none, with every combination that cannot work.
    """
    sources = with_new_names(read_sources(path, environ), Settings)
    instances, problems = check_instances(sources) if sources.table is not None else ({}, [])
    problems += near_misses(_keys(instances), sources, environ)
    settings = _checked(sources, instances, [*sources.problems, *problems])
    problems = combination_problems(settings, sources)
    end_system = checked_end_system(settings, sources, environ, problems)
    if problems or end_system is None:
        raise ConfigurationError(problems)
    return Configuration(settings, instances, sources, end_system)


def _keys(instances: Mapping[str, Instance]) -> list[KeyPath]:
    keys = [path for path, _ in leaves(Settings)]
    for name, instance in instances.items():
        keys += [("storage", name, "driver"), *(path for path, _ in leaves(instance.implementation.Settings, ("storage", name)))]
    return keys


def _checked(sources: Sources, instances: Mapping[str, Instance], problems: list[str]) -> Settings:
    values = sources.values(Settings)
    storage = values.setdefault("storage", {})
    if isinstance(storage, dict):
        storage |= {name: instance.table for name, instance in instances.items()}
    try:
        settings = Settings.model_validate(values, context=sources.deprecations)
    except ValidationError as error:
        raise ConfigurationError([*validation_problems(error, Settings, sources), *problems]) from error
    if problems:
        raise ConfigurationError(problems)
    return settings
