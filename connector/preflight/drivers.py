"""The storage instances: the class of each, its settings checked by that class, and the driver made of both."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from connector.config.dotted_paths import imported
from connector.config.fields import KeyPath
from connector.config.problems import driver_problem, problem, secrets_in_file, suggestion, validation_problems
from connector.config.settings import StorageSection
from connector.config.sources import Sources
from connector.model.errors import ConfigurationError
from drivers import Driver, DriverMisconfigured, DriverSettings

BUILT_IN = {
    "memory": "drivers.memory.MemoryDriver",
    "sqlite": "drivers.sqlite.SqliteDriver",
    "aiocache": "drivers.aiocached.AiocacheDriver",
}
IMPLICIT = ("memory", "sqlite")
"""Instances that exist without a table."""
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""The name of an instance can be part of an environment variable, a report and a metric."""


class Instance(Struct, frozen=True):
    """A storage instance whose settings have been checked; `table` is what they were made of."""

    implementation: type[Driver]
    settings: DriverSettings
    table: Mapping[str, Any]


def build_drivers(storage: StorageSection) -> list[Driver]:
    """Make the drivers of a checked `storage`, not yet open, in their order; the last one is the authority.

    Raises:
        ConfigurationError: one refuses its settings, although each of them is valid.
    """
    drivers, problems = list[Driver](), list[str]()
    for name in storage.drivers:
        try:
            drivers.append(_made(name, (storage.model_extra or {}).get(name, {})))
        except DriverMisconfigured as problem:
            problems.append(driver_problem(name, problem))
    if problems:
        raise ConfigurationError(problems)
    return drivers


def misconfigurations(drivers: Iterable[Driver]) -> Iterator[str]:
    """Yield what keeps drivers from being opened, as far as can be told without opening them."""
    for driver in drivers:
        try:
            driver.check()
        except DriverMisconfigured as problem:
            yield driver_problem(driver.name, problem)


def check_instances(sources: Sources) -> tuple[dict[str, Instance], list[str]]:
    """Check every instance that has a name or a table, by name; a table that `storage.drivers` does not name is a spare one."""
    tables = sources.values(StorageSection, ("storage",))
    named = tables.pop("drivers", StorageSection().drivers)
    names = named if isinstance(named, list) else []
    tables.pop("deadlines", None)
    instances: dict[str, Instance] = {}
    problems = _problems_of_names(names, tables, sources)
    for name in dict.fromkeys([*tables, *(implicit for implicit in IMPLICIT if implicit in names)]):
        try:
            instances[name] = _checked(name, tables.get(name, {}), sources)
        except ConfigurationError as found:
            problems += found.problems
    return instances, problems


def _problems_of_names(names: list[Any], tables: Mapping[str, Any], sources: Sources) -> list[str]:
    known = dict.fromkeys([*IMPLICIT, *tables])
    origin = sources.origin(("storage", "drivers"))
    problems = []
    for place, name in enumerate(names):
        if not isinstance(name, str) or name in names[:place]:
            reason = "is there twice" if isinstance(name, str) else "expected text"
        elif name not in known:
            reason = f"names no instance; {suggestion(name, known)}"
        else:
            continue
        problems.append(f"storage.drivers[{place}]: {reason}" + (f" ({origin})" if origin else ""))
    return problems


def _checked(name: str, table: Any, sources: Sources) -> Instance:
    path = ("storage", name)
    if not isinstance(table, dict):
        raise _refusal(path, f"unknown key; {suggestion(name, ('drivers', 'deadlines'))}", sources)
    if not NAME.fullmatch(name):
        raise _refusal(path, "expected an instance's name of lower-case letters, digits and single underscores", sources)
    try:
        implementation = driver_class(name, table)
    except LookupError as unknown:
        raise _refusal((*path, "driver"), str(unknown), sources) from unknown
    if in_clear := secrets_in_file(implementation.Settings, sources, path):
        raise ConfigurationError(in_clear)
    values = sources.values(implementation.Settings, path)
    try:
        return Instance(implementation, _settings(implementation, values), values)
    except ValidationError as error:
        raise ConfigurationError(validation_problems(error, implementation.Settings, sources, path)) from error


def _refusal(path: KeyPath, reason: str, sources: Sources) -> ConfigurationError:
    return ConfigurationError([problem(path, reason, sources)])


def _made(name: str, table: Mapping[str, Any]) -> Driver:
    implementation = driver_class(name, table)
    return implementation(name, _settings(implementation, table))


def _settings(implementation: type[Driver], table: Mapping[str, Any]) -> DriverSettings:
    return implementation.Settings.model_validate({key: value for key, value in table.items() if key != "driver"})


def driver_class(name: str, table: Mapping[str, Any]) -> type[Driver]:
    """Return the class of an instance. Raises `LookupError`, which says what was expected of `driver` and never repeats it."""
    driver = table.get("driver", name if name in IMPLICIT else None)
    expected = f"expected {', '.join(BUILT_IN)}, or the dotted path of a class that derives from `drivers.Driver`"
    if driver is None:
        raise LookupError(f"is missing; {expected}")
    implementation = imported(BUILT_IN.get(driver, driver), expected) if isinstance(driver, str) else None
    if isinstance(implementation, type) and issubclass(implementation, Driver):
        return implementation
    raise LookupError(expected)
