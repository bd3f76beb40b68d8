"""What an author imports from `connector`: each name is declared once, and costs nothing until it is asked for."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import connector
from tests import public_api


def shown_by(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_every_public_name_can_be_imported_at_once() -> None:
    names: dict[str, object] = {}
    exec("from connector import *", names)

    assert {"Hooks", "Session", "Unauthorized", "cached", "create_app", "run", "session"} < names.keys()
    assert connector.cached is names["cached"]


def test_the_page_of_the_public_names_is_what_the_docstrings_say() -> None:
    shown = (Path(__file__).parents[1] / "docs" / "api.md").read_text("utf-8")

    assert shown == public_api.page(), "`make docs` writes it anew"


@pytest.mark.parametrize("name", public_api.PUBLIC)
def test_a_public_name_and_what_it_offers_have_a_contract(name: str) -> None:
    thing = getattr(connector, name)
    offered = vars(thing).items() if inspect.isclass(thing) else ()
    members = [(f"{name}.{each}", member) for each, member in offered if not each.startswith("_")]

    assert [each for each, member in [(name, thing), *members] if callable(member) and not inspect.getdoc(member)] == []


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'connector' has no attribute 'sesion'"):
        getattr(connector, "sesion")  # noqa: B009 - the type checker refuses it


def test_importing_the_package_imports_no_part_of_it() -> None:
    loaded = shown_by("import connector, sys; print(*sorted(name for name in sys.modules if name.startswith('connector.')))")

    assert loaded == "connector.version"
