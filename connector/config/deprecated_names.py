"""Keys that have a new name. The old name works for one version, with a warning that tells the new one."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from connector.config.fields import KeyPath, leaves, old_name
from connector.config.problems import dotted
from connector.config.sources import Sources, Variable, variable_name


def with_new_names(sources: Sources, model: type[BaseModel]) -> Sources:
    """Return the sources with each deprecated name replaced, and with a line for each. Both names at once are a problem."""
    # Copies, because `sources` is a value that its owner may go on using.
    table, variables = deepcopy(sources.table), dict(sources.variables)
    deprecations, problems = list(sources.deprecations), list(sources.problems)
    renamed_in_file: dict[KeyPath, KeyPath] = {}
    for old, new in _renamed(model):
        if _rename_in(table, old, new[-1], problems, f"({sources.file})"):
            renamed_in_file[new] = old
            deprecations.append(f"{dotted(old)}: is deprecated; call it {dotted(new)} ({sources.file})")
        if variable := variables.pop(old, None):
            deprecations.append(f"{variable.name}: is deprecated; call it {variable_name(new)}")
            _rename_variable(variables, variable, new, problems)
    return replace(
        sources,
        table=table,
        variables=variables,
        problems=tuple(problems),
        deprecations=tuple(deprecations),
        renamed_in_file=renamed_in_file,
    )


def _renamed(model: type[BaseModel]) -> Iterator[tuple[KeyPath, KeyPath]]:
    """Yield the old and the new path of every key that was renamed."""
    for path, field in leaves(model):
        if old := old_name(field):
            yield (*path[:-1], old), path


def _rename_in(table: Mapping[str, Any] | None, old: KeyPath, new: str, problems: list[str], where: str) -> bool:
    section: Any = table
    for key in old[:-1]:
        section = section.get(key) if isinstance(section, dict) else None
    if not isinstance(section, dict) or old[-1] not in section:
        return False
    value = section.pop(old[-1])
    if new in section:
        problems.append(f"{dotted(old)}: cannot be set together with {dotted((*old[:-1], new))}, its new name {where}")
    section.setdefault(new, value)
    return True


def _rename_variable(variables: dict[KeyPath, Variable], variable: Variable, new: KeyPath, problems: list[str]) -> None:
    if new in variables:
        problems.append(f"{variable.name}: cannot be set together with {variables[new].name}, its new name")
    variables.setdefault(new, variable)
