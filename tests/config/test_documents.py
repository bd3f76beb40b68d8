"""Every piece of a configuration that a page shows is one that works, and every key that it names exists."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from connector.config.fields import leaves
from connector.config.settings import Settings
from connector.endsystems.profile.bundled import bundled_names
from tests.cli.test_documented_profile import PROFILE
from tests.config.reading import configuration

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for pages in (ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")) for page in pages)
BLOCK = re.compile(r"^```toml\n([\s\S]*?)^```|((?:^    .*\n(?:^\n)*)+)", re.MULTILINE)
OWN_CLASSES = ("my_package.", "acme.")
"""Classes that the reader is to write."""
NO_KEY = re.compile(r"\.py$|^ledger\.sqlite3|^connector\.(testing|app)$|^connector\.\w+\.|^server\.address$")
"""Files, modules and OpenTelemetry's attributes whose names begin as those of keys do."""


def pieces() -> Iterator[Any]:
    """Every block of a page that is TOML, and whose tables are those of the configuration."""
    for page in PAGES:
        for number, block in enumerate(BLOCK.finditer(page.read_text("utf-8"))):
            text = dedent(block[1] or block[2])
            if is_configuration(text):
                yield pytest.param(text, id=f"{page.relative_to(ROOT)}:{number}")


def is_configuration(text: str) -> bool:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return bool(tables) and tables.keys() <= Settings.model_fields.keys() and not any(name in text for name in OWN_CLASSES)


@pytest.mark.parametrize("text", [*pieces()])
def test_a_piece_of_a_configuration_in_a_page_works(text: str, tmp_path: Path) -> None:
    (tmp_path / "roundup.toml").write_bytes((ROOT / "examples/roundup_connector/roundup.toml").read_bytes())
    (tmp_path / "calibre-web.toml").write_text(PROFILE)
    environ = {"CONNECTOR_REDIS_PASSWORD": "redis", "CONNECTOR_CLIENT_ID": "id", "CONNECTOR_CLIENT_SECRET": "secret"}

    configuration(tmp_path, text, environ)


def test_pages_show_pieces_of_a_configuration() -> None:
    shown = "".join(piece.values[0] for piece in pieces())

    assert len([*pieces()]) > 10
    assert any(f'profile = "{name}"' in shown for name in bundled_names())


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=str)
def test_every_key_that_a_page_names_exists(page: Path, tmp_path: Path) -> None:
    sections = "|".join(Settings.model_fields)
    named = {*re.findall(rf"`((?:{sections})\.[a-z_0-9.]+)`", page.read_text("utf-8"))}

    assert [name for name in sorted(named - keys(tmp_path)) if not NO_KEY.search(name)] == []


def keys(folder: Path) -> set[str]:
    """Every key, those of the stores that exist without a table, and the tables that they are in."""
    paths = [path for path, _ in leaves(Settings)]
    for name, instance in configuration(folder).instances.items():
        paths += [path for path, _ in leaves(instance.implementation.Settings, ("storage", name))]
    return {".".join(path[:length]) for path in paths for length in range(1, len(path) + 1)}
