"""Lines for a person: the wrong key, what was expected, and who set it. Never the value."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from connector.config.fields import KeyPath, expected, field_at, is_secret, leaves, section_of
from connector.config.sources import Sources, variable_name

PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


def validation_problems(error: ValidationError, model: type[BaseModel], sources: Sources, prefix: KeyPath = ()) -> list[str]:
    """Return a line for each problem in the table at `prefix`, which was checked against `model`."""
    lines = []
    for found in error.errors(include_input=False, include_url=False, include_context=False):
        path = _known_part(model, found["loc"])
        lines.append(problem((*prefix, *path), _reason(model, path, found["type"], found["msg"]), sources))
    return [*dict.fromkeys(lines)]


def secrets_in_file(model: type[BaseModel], sources: Sources, prefix: KeyPath = ()) -> list[str]:
    """Return a line for each secret in the file."""
    return [
        f"{dotted(path)}: is a secret and has no place in {sources.file}; set {variable_name(path)} instead"
        for path, field in leaves(model, prefix)
        if is_secret(field) and sources.from_file(path) is not None
    ]


def problem(path: KeyPath, reason: str, sources: Sources) -> str:
    """Return one line: the key's dotted name, what is wrong with it, and who set it."""
    origin = sources.origin(path)
    return f"{dotted(path)}: {reason}" + (f" ({origin})" if origin else "")


def driver_problem(name: str, raised: Exception) -> str:
    """Return one line for what a storage driver has raised, which names the driver already."""
    return f"storage.{name}: {str(raised).removeprefix(f'{name}: ')}"


def dotted(path: KeyPath) -> str:
    """Return a key's name for a message. A key with strange characters is escaped and cut short."""
    return ".".join(key if PLAIN_KEY.fullmatch(key) else ascii(key)[:64] for key in path)


def suggestion(word: str, known: Collection[str]) -> str:
    """Return the known word that is close to a mistyped one, or all known words."""
    close = get_close_matches(word, known, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known are: {', '.join(known)}" if known else "none is known here"


def _reason(model: type[BaseModel], path: KeyPath, kind: str, message: str) -> str:
    field = field_at(model, path) if path else None
    match kind:
        case "extra_forbidden":
            return f"unknown key; {suggestion(path[-1], _keys_beside(model, path))}"
        case "value_error" | "assertion_error":
            # Pydantic puts "Value error, " before the text of our own checks.
            return message.partition(", ")[2]
        case _ if field is None:
            return message.lower()
        case "path_not_file":
            return "expected the path of a file that is there"
        case "missing":
            return f"is missing; expected {expected(field)}"
        case _:
            return f"expected {'a table' if section_of(field) else expected(field)}"


def _known_part(model: type[BaseModel], location: tuple[Any, ...]) -> KeyPath:
    """Return the keys of a location, without the index in a list or the branch of a union."""
    path: KeyPath = ()
    for part in location:
        field = field_at(model, path) if path else None
        if path and (field is None or section_of(field) is None):
            break
        path = (*path, str(part))
    return path


def _keys_beside(model: type[BaseModel], path: KeyPath) -> Collection[str]:
    field = field_at(model, path[:-1]) if len(path) > 1 else None
    section = model if field is None else section_of(field)
    return [*section.model_fields] if section else []
