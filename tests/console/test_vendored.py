"""Scripts and styles of others: each is the one of its release, with its licence, and no other is served."""

import hashlib
import json
from typing import Any

import pytest

from connector.console.assets import STATIC, static_files

OURS = {"console.css", "console.js", "charts.js", "icon.svg"}
VENDORED: list[dict[str, str]] = json.loads((STATIC / "vendored.json").read_text("utf-8"))


@pytest.mark.parametrize("entry", VENDORED, ids=lambda entry: entry["file"])
def test_a_vendored_file_is_unchanged_and_has_its_licence_beside_it(entry: dict[str, Any]) -> None:
    assert hashlib.sha256((STATIC / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    text = (STATIC / entry["license_file"]).read_text("utf-8")
    assert {"0BSD": "BSD", "MIT": "MIT License"}[entry["license"]] in text or "Zero-Clause" in text
    assert entry["version"].count(".") == 2


def test_every_file_that_is_served_is_ours_or_in_the_list() -> None:
    known = OURS | {entry["file"] for entry in VENDORED} | {entry["license_file"] for entry in VENDORED}

    assert static_files().keys() <= known
