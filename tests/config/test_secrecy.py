"""What is configured may be a secret, wherever it stands: no message repeats a value."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.config.fields import KeyPath, leaves
from connector.config.settings import Settings
from connector.config.sources import read_sources, variable_name
from connector.model.errors import ConfigurationError
from connector.preflight.loading import load
from tests.config.notebook import NotebookSettings
from tests.config.reading import NOTEBOOK, problems

CANARY = "c4nary-s3cret"
KEYS = [
    *(path for path, _ in leaves(Settings) if path != ("end_system", "settings")),
    *(path for path, _ in leaves(NotebookSettings, ("storage", "notes"))),
    ("storage", "notes", "driver"),
]


@pytest.mark.parametrize("key", KEYS, ids=".".join)
@pytest.mark.parametrize("value", [CANARY, [CANARY], [[CANARY]], {"a": CANARY}], ids=["text", "list", "lists", "table"])
def test_no_problem_of_the_file_repeats_a_value(tmp_path: Path, key: KeyPath, value: Any) -> None:
    assert CANARY not in _complaint({}, tmp_path, f"{'.'.join(key)} = {_toml(value)}")


@pytest.mark.parametrize("key", KEYS, ids=".".join)
@pytest.mark.parametrize("text", [CANARY, f"[{CANARY}", f'["{CANARY}"]', f"{CANARY}.toml", f"http://{CANARY}@x y"])
def test_no_problem_of_a_variable_repeats_its_text(tmp_path: Path, key: KeyPath, text: str) -> None:
    assert CANARY not in _complaint({variable_name(key): text}, tmp_path, "")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS).map(variable_name), st.text(st.characters(exclude_characters="\0"), max_size=8)))
def test_any_text_in_variables_is_accepted_or_leads_to_lines_that_print(environ: dict[str, str]) -> None:
    assert _printable_lines(None, environ)


ANYTHING = st.recursive(
    st.text(max_size=8) | st.sampled_from(["\0.toml", "a.\0", ".", "memory"]) | st.integers() | st.floats() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(key=st.sampled_from([*KEYS, *{path[:-1] for path in KEYS}, ("storage", "memory")]), value=ANYTHING)
def test_any_value_in_the_file_is_accepted_or_leads_to_lines_that_print(
    tmp_path_factory: pytest.TempPathFactory, key: KeyPath, value: Any
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(f"{'.'.join(key)} = {_toml(value)}", "utf-8")

    assert _printable_lines(file, {})


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\0="), max_size=12), st.booleans())
def test_any_name_of_a_variable_is_accepted_or_leads_to_lines_that_print(name: str, capitals: bool) -> None:
    name = f"CONNECTOR__{name}"

    assert _printable_lines(None, {name.upper() if capitals else name: "1"})


def test_a_variable_hides_its_text_in_representations() -> None:
    assert CANARY not in repr(read_sources(None, {"CONNECTOR__SERVER__PORT": CANARY}))


def test_a_broken_file_does_not_show_what_is_in_it(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, f"[storage.shared]\npassword = '{CANARY}")

    assert CANARY not in line


def _complaint(environ: dict[str, str], folder: Path, toml: str) -> str:
    file = folder / "config.toml"
    file.write_text(f"{toml}\n{NOTEBOOK if 'notes' not in toml and 'storage.' not in toml else ''}")
    try:
        load(file, environ)
    except ConfigurationError as found:
        return "\n".join(found.problems)
    return ""


def _toml(value: Any) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{_toml(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_toml, value)) + "]"
        case float():
            return repr(value) if math.isfinite(value) else str(value)
        case str():
            return json.dumps(value).replace("\x7f", "\\u007f")
    return json.dumps(value)


def _printable_lines(file: Path | None, environ: dict[str, str]) -> bool:
    try:
        load(file, environ)
    except ConfigurationError as found:
        return all(line.isprintable() for line in found.problems)
    return True
