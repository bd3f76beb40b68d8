"""Profiles: those that come with the connector, and those in files of an author."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from connector.config.problems import suggestion
from connector.endsystems.profile.consistency import inconsistencies
from connector.endsystems.profile.profile import Profile
from connector.model.errors import ConfigurationError
from connector.runtime.file_access import why_not

FOLDER = files("connector.endsystems") / "profiles"
SUFFIX = ".toml"
SEVERAL_TABLES = frozenset(["login", "refresh", "steps"])
WRONG_KINDS = {
    "list_type": "expected a list in brackets",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "string_type": "expected a text in quotes",
}
"""By pydantic's names of errors, what TOML calls it."""


def bundled_names() -> list[str]:
    """The names of the bundled profiles, sorted."""
    return sorted(entry.name.removesuffix(SUFFIX) for entry in FOLDER.iterdir() if entry.name.endswith(SUFFIX))


def profile_text(name: str) -> str:
    """Return the file of a bundled profile, or one of one's own by its path. Raises `ConfigurationError`."""
    if not name.endswith(SUFFIX):
        if name not in bundled_names():
            raise ConfigurationError(
                [f"end_system.profile: no bundled profile has this name; {suggestion(name, bundled_names())}"]
            )
        return (FOLDER / f"{name}{SUFFIX}").read_text("utf-8")
    try:
        return Path(name).read_text("utf-8-sig")  # some editors begin each file with a byte order mark
    except (OSError, ValueError) as problem:
        reason = why_not(problem, Path(name)) if isinstance(problem, OSError) else "expected the path of a file in UTF-8"
        raise ConfigurationError([f"end_system.profile: the file cannot be read: {reason}"]) from None


def load_profile(name: str) -> Profile:
    """Load a bundled profile, or one of one's own by its path. Raises `ConfigurationError` with every problem in it."""
    try:
        table = tomllib.loads(profile_text(name))
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError([f"end_system.profile: the file is not TOML: {problem}"]) from None
    return checked_profile(table)


def checked_profile(table: Mapping[str, Any]) -> Profile:
    """Check a profile as a whole. Raises `ConfigurationError` with every problem in it."""
    try:
        profile = Profile.model_validate(table)
    except ValidationError as error:
        raise ConfigurationError(_problems(error, table)) from None
    if problems := [*inconsistencies(profile)]:
        raise ConfigurationError(problems)
    return profile


def _problems(error: ValidationError, table: Mapping[str, Any]) -> list[str]:
    return [
        f"{_dotted(_as_written(found['loc'], table))}: {_reason(found['type'], found['msg'], found['loc'])}"
        for found in error.errors(include_input=False, include_url=False, include_context=False)
    ]


def _as_written(location: tuple[int | str, ...], table: Mapping[str, Any]) -> tuple[int | str, ...]:
    """Leave the number out of `verify[0]` if the profile has one table of that name."""
    return ("verify", *location[2:]) if location[:2] == ("verify", 0) and isinstance(table["verify"], dict) else location


def _reason(kind: str, message: str, location: tuple[int | str, ...]) -> str:
    match kind:
        case "extra_forbidden":
            return f"unknown key; {suggestion(str(location[-1]), _keys_beside(location))}"
        case "missing":
            return "is missing"
        case "value_error":
            return message.removeprefix("Value error, ")
        case "list_type" if location[-1] in SEVERAL_TABLES:
            return f"expected tables [[{location[-1]}]], in two pairs of brackets"
        case _ if kind in WRONG_KINDS:
            return WRONG_KINDS[kind]
    return message[0].lower() + message[1:]


def _dotted(location: tuple[int | str, ...]) -> str:
    return "profile" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location if part != "[key]")


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a table knows, found by walking down from the profile."""
    model: type[BaseModel] = Profile
    for part in location[:-1]:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part in fields:
            model = _table_in(fields[str(part)].annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _table_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, UnionType) and not get_args(annotation):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for inner in get_args(annotation) if (found := _table_in(inner)) is not None), None)
