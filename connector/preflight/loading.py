"""From the sources to checked settings: every key, then every combination, then what a server needs besides."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from connector.config.deprecated_names import with_new_names
from connector.config.fields import KeyPath, leaves
from connector.config.near_misses import near_misses
from connector.config.problems import validation_problems
from connector.config.settings import Settings
from connector.config.sources import Sources, read_sources
from connector.model.errors import ConfigurationError
from connector.preflight.combinations import combination_problems
from connector.preflight.drivers import Instance, check_instances
from connector.preflight.surroundings import ready_drivers


@dataclass(frozen=True, slots=True)
class Configuration:
    """Checked settings, and where they came from."""

    settings: Settings
    instances: Mapping[str, Instance]
    """The storage instances by name, spare ones included."""
    sources: Sources


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings that a server can start with: as `read`, and the keys and passwords that it needs are there.

    Raises:
        ConfigurationError: as `read`; or, where nothing is wrong with the configuration, with all that is missing besides.
    """
    settings = read(path, environ).settings
    ready_drivers(settings, environ)
    return settings


def read(path: Path | None, environ: Mapping[str, str]) -> Configuration:
    """Return the settings of the file at `path` (None: the defaults) and of the variables in `environ`, which win.

    Raises:
        ConfigurationError: with every problem of a key; or, where there is none, with every combination that cannot work.
    """
    sources = with_new_names(read_sources(path, environ), Settings)
    instances, problems = check_instances(sources) if sources.table is not None else ({}, [])
    problems += near_misses(_keys(instances), sources, environ)
    settings = _checked(sources, instances, [*sources.problems, *problems])
    problems = combination_problems(settings, sources, environ)
    if problems:
        raise ConfigurationError(problems)
    return Configuration(settings, instances, sources)


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
