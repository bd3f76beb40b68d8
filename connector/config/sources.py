"""The sources of values: the file and the environment, read but not checked yet. The environment wins."""

import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from connector.config.fields import KeyPath, decoded, field_at, is_path, leaves
from connector.config.variables import DELIMITER, PREFIX
from connector.runtime.file_access import why_not


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that sets a key."""

    name: str
    """Safe to print."""
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sources:
    """The file and the environment, as they are written."""

    file: Path | None
    """By its absolute path."""
    table: Mapping[str, Any] | None
    """The file's content; empty without a file, None if it could not be read."""
    variables: Mapping[KeyPath, Variable]
    problems: tuple[str, ...]
    """What could not even be read."""
    deprecations: tuple[str, ...] = ()
    """A line for each deprecated name that is used."""
    renamed_in_file: Mapping[KeyPath, KeyPath] = field(default_factory=dict)
    """New name -> deprecated name, as the file has it."""

    def values(self, model: type[BaseModel], prefix: KeyPath = ()) -> dict[str, Any]:
        """Return the values under `prefix`. Texts of variables are converted to the types of the model's fields.

        Every path is absolute, also in the defaults. A relative path begins at the folder of the file.
        """
        table = _at(self.table, prefix)
        # A copy, because the values of variables are put into it.
        values = deepcopy(table) if isinstance(table, dict) else {}
        for path, variable in self.variables.items():
            if len(path) > len(prefix) and path[: len(prefix)] == prefix:
                rest = path[len(prefix) :]
                _put(values, rest, decoded(field_at(model, rest), variable.text))
        for path, key in leaves(model):
            given = _at(values, path)
            chosen = key.default if given is None else given
            if isinstance(chosen, str | Path) and str(chosen) and is_path(key, chosen):
                _put(values, path, str(self.folder / chosen))
        return values

    @property
    def folder(self) -> Path:
        """The folder in which relative paths begin: that of the file or, without one, the working directory."""
        return self.file.parent if self.file else Path.cwd()

    def origin(self, path: KeyPath) -> str | None:
        """Return who set a key or a part of it: an environment variable, or the file. None if it is the default."""
        in_file = self.from_file(path)
        setters = [key for key in self.variables if key[: len(path)] == path]
        if setters and (path in setters or in_file is None or isinstance(in_file, dict)):
            return f"environment variable {self.variables[setters[0]].name}"
        if in_file is None:
            return None
        return f"{self.file}, as {'.'.join(self.renamed_in_file[path])}" if path in self.renamed_in_file else str(self.file)

    def given(self, path: KeyPath) -> Any:
        """Return the value of a key as it is written; None if it is not set."""
        return self.variables[path].text if path in self.variables else self.from_file(path)

    def from_file(self, path: KeyPath) -> Any:
        """Return the file's value of a key, even if a variable wins; None if the file does not set it."""
        return _at(self.table, path)


def variable_name(path: KeyPath) -> str:
    """Return the environment variable that sets a key."""
    return PREFIX + DELIMITER.join(path).upper()


def read_sources(file: Path | None, environ: Mapping[str, str]) -> Sources:
    """Read the file, if there is one, and the variables that begin with `CONNECTOR__`; an empty one counts as absent."""
    file = file and file.parent.resolve() / file.name
    table, problems = _read_file(file) if file is not None else ({}, [])
    variables: dict[KeyPath, Variable] = {}
    for name, text in sorted(environ.items()):
        if not name.upper().startswith(PREFIX) or not text:
            continue
        path = tuple(name[len(PREFIX) :].lower().split(DELIMITER))
        shown = name if name.isprintable() else ascii(name)
        if name != name.upper():
            problems.append(f"{shown}: matches no key; did you mean {shown.upper()}?")
        # A variable for a whole table and one for a key in it would contradict each other.
        elif whole := next((variables[path[:end]] for end in range(len(path)) if path[:end] in variables), None):
            problems.append(f"{shown}: cannot be set together with {whole.name}")
        else:
            variables[path] = Variable(shown, text)
    return Sources(file, table, variables, tuple(problems))


def _read_file(file: Path) -> tuple[dict[str, Any] | None, list[str]]:
    try:
        # Editors on Windows begin a file with a byte order mark, which TOML does not allow.
        return tomllib.loads(file.read_text(encoding="utf-8-sig")), []
    except OSError as problem:
        return None, [f"{file}: cannot be read: {why_not(problem, file)}"]
    except UnicodeDecodeError:
        return None, [f"{file}: expected UTF-8 text"]
    except tomllib.TOMLDecodeError as problem:
        return None, [f"{file}: is not TOML: {problem}"]
    except RecursionError:
        return None, [f"{file}: is nested too deeply"]


def _at(table: Any, path: KeyPath) -> Any:
    for key in path:
        if not isinstance(table, dict):
            return None
        table = table.get(key)
    return table


def _put(values: dict[str, Any], path: KeyPath, value: Any) -> None:
    """Set a nested key. If a value stands in the place of a table, it stays, and the check names it."""
    for key in path[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        values = inner
    values[path[-1]] = value
