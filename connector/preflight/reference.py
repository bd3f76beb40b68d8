"""`docs/configuration.md`, made of the settings classes: `python -m connector.preflight.reference` prints it."""

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from textwrap import dedent
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from connector.config.fields import KeyPath, expected, is_secret, old_name, section_of
from connector.config.settings import Settings
from connector.config.sources import variable_name
from connector.preflight.drivers import BUILT_IN, driver_class

INTRODUCTION = """\
# Configuration

<!-- Made from the settings classes by `make docs`. -->

In short: `config.toml` in the working directory, or the file that `--config` or `CONNECTOR_CONFIG` names. Every key has a
default, and an environment variable wins over the file. `connector check-config` shows the effective values and who set them.

* A variable's name is the key's, in capitals, after `CONNECTOR__`, with two underscores for each dot. A list is written with
  commas or as JSON. An empty variable counts as absent.
* A variable that begins with `CONNECTOR__` and matches no key is an error. So is a name that differs from a key's only in its
  underscores or its case, such as `CONNECTOR_SERVER__PORT`. It is none if the configuration or its profile mentions it, or if
  Kubernetes has made it (`tcp://...`).
* A relative path begins at the folder of the configuration file or, without a file, in the working directory. `check-config`
  and messages show absolute paths. A path on the command line begins in the working directory. For `[end_system.settings]`,
  your class decides.
* The whole configuration is checked before anything is opened, in three rounds: every key, every combination, then the keys and
  passwords that a server needs. The first round with a problem is the last. All of its problems are printed, each on a line,
  without the values. The exit code is 78.
* A renamed key keeps its old name for one version. `check-config` and a warning in the log tell the new name. Both names at once
  are an error.
* Secrets (a password, a URL with a password in it) come from the environment or from a file of their own; in `config.toml`
  they are an error.
"""

INSTANCES = """
## `[storage.<name>]`

A storage instance. `driver` says what it is; the other keys belong to that driver. You choose the name: lower-case letters,
digits, single underscores. `memory` and `sqlite` exist without a table. An instance that `storage.drivers` does not name is
checked, but not used. A driver of your own is the dotted path of a class that derives from `drivers.Driver`. Its `Settings`
are its keys.
"""


def reference() -> str:
    """Return the page."""
    parts = [INTRODUCTION, *_sections(Settings, ()), INSTANCES]
    for kind in BUILT_IN:
        settings = driver_class(kind, {"driver": kind}).Settings
        parts.append(f'\n### `driver = "{kind}"`\n\n{_table(settings, ("storage", "<name>"))}')
    return "".join(parts)


def _sections(model: type[BaseModel], path: KeyPath) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is not None:
            yield f"\n## `[{'.'.join((*path, name))}]`\n\n{inspect.getdoc(section)}\n\n{_table(section, (*path, name))}"
            yield from _sections(section, (*path, name))


def _table(model: type[BaseModel], path: KeyPath) -> str:
    meanings = _meanings(model)
    rows = [
        _row(
            f"`{name}`",
            expected(field),
            _default(field),
            _meaning(field, meanings.get(name, "")),
            f"`{variable_name((*path, name))}`",
        )
        for name, field in model.model_fields.items()
        if section_of(field) is None
    ]
    heading = "| key | expected | default | meaning | environment variable |\n|---|---|---|---|---|\n"
    return heading + "".join(rows) if rows else "No keys.\n"


def _meaning(field: FieldInfo, text: str) -> str:
    old = old_name(field)
    return f"{text} Deprecated name, which works in this version only: `{old}`." if old else text


def _row(*cells: str) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default: Any = field.get_default(call_default_factory=True)
    if default is None or is_secret(field):
        return "none"
    return f"`{json.dumps(default, default=str)}`"


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return the text under each attribute of a class and of those it derives from, by the attribute's name."""
    meanings: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, BaseModel) and kind is not BaseModel:
            meanings |= _meanings_in(inspect.getsource(kind))
    return meanings


def _meanings_in(source: str) -> dict[str, str]:
    (definition,) = ast.parse(dedent(source)).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        attribute.target.id: " ".join(text.value.value.split())
        for attribute, text in pairwise(body)
        if isinstance(attribute, ast.AnnAssign)
        and isinstance(attribute.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


if __name__ == "__main__":
    sys.stdout.write(reference())
