"""The settings of a system as an administrator enters them in OpsHub. Sensitive ones come from the environment."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from connector.model.errors import ConfigurationError
from connector.rehearsal.script import Pair
from connector.runtime.file_access import why_not

NOTIFICATIONS = Pair("suppressNotification", "2")
"""OpsHub's own setting: notifications of the end system are sent as usual."""


class _FileSetting(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    key: Annotated[str, Field(min_length=1)]
    value: str | None = None
    value_env: str | None = None
    sensitive: bool = False


WRONG_KINDS = {
    "list_type": 'expected a list, such as [{"key": "username", "value": "ann"}]',
    "model_type": "expected an object with key and value",
    "model_attributes_type": "expected an object with key and value",
    "extra_forbidden": "unknown key; known are: key, value, value_env, sensitive",
    "missing": "is missing",
}
"""By pydantic's names of errors."""

_SETTINGS = TypeAdapter(list[_FileSetting])


def read_settings(file: Path, environ: Mapping[str, str]) -> list[Pair]:
    """Return the settings in `file`, `.json` or `.toml`, and what OpsHub adds to them.

    Raises:
        ConfigurationError: with every problem of the file, none of which repeats a value.
    """
    try:
        settings = _SETTINGS.validate_python(_content(file))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        lines = [f"{_place(problem['loc'])}: {WRONG_KINDS.get(problem['type'], problem['msg'].lower())}" for problem in found]
        raise ConfigurationError([f"{file}: {line}" for line in lines]) from None
    if problems := [f"{file}: settings[{at}]: {line}" for at, line in _problems(settings, environ)]:
        raise ConfigurationError(problems)
    pairs = [Pair(one.key, environ[one.value_env] if one.value_env else one.value or "", one.sensitive) for one in settings]
    # OpsHub always sends this setting, and a connector may rely on it.
    return pairs if any(pair.key == NOTIFICATIONS.key for pair in pairs) else [*pairs, NOTIFICATIONS]


def _content(file: Path) -> Any:
    try:
        text = file.read_text("utf-8-sig")
    except OSError as problem:
        raise ConfigurationError([f"{file}: cannot be read: {why_not(problem, file)}"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{file}: expected UTF-8 text"]) from None
    try:
        return tomllib.loads(text)["settings"] if file.suffix == ".toml" else json.loads(text)
    except (ValueError, KeyError, RecursionError):
        kind = "TOML with tables [[settings]], each of a key and a value"
        kind = kind if file.suffix == ".toml" else "JSON, or TOML in a file that ends in .toml"
        raise ConfigurationError([f"{file}: expected {kind}"]) from None


def _problems(settings: Sequence[_FileSetting], environ: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    for at, setting in enumerate(settings):
        if (setting.value is None) is (setting.value_env is None):
            yield at, "expected either value or value_env"
        elif setting.sensitive and setting.value_env is None:
            yield at, "is sensitive and has no place in a file; expected value_env, the name of an environment variable"
        elif setting.value_env is not None and not environ.get(setting.value_env):
            yield at, "the environment variable that value_env names is missing or empty"


def _place(location: tuple[int | str, ...]) -> str:
    index, *rest = location or ("",)
    return ".".join(
        [f"settings[{index}]" if isinstance(index, int) else "settings", *(ascii(part)[1:-1][:64] for part in map(str, rest))]
    )
