"""Reading a configuration in a test: TOML text and variables in, settings or problems out."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from connector.model.errors import ConfigurationError
from connector.preflight.loading import Configuration, load, read

NOTEBOOK = """
[storage]
drivers = ["memory", "notes"]
[storage.notes]
driver = "tests.config.notebook.Notebook"
"""


def configuration(folder: Path, toml: str = "", environ: Mapping[str, str] | None = None) -> Configuration:
    """Read the text as a file in `folder`."""
    file = folder / "config.toml"
    file.write_text(toml)
    return read(file, environ or {})


def problems(folder: Path, toml: str = "", environ: Mapping[str, str] | None = None) -> list[str]:
    """Return what is wrong with it, the file's folder left out of the lines."""
    file = folder / "config.toml"
    file.write_text(toml)
    return problems_of(file, environ or {})


def problems_of(file: Path, environ: Mapping[str, str]) -> list[str]:
    """As `problems`, of a file that is there, or is not."""
    with pytest.raises(ConfigurationError) as found:
        read(file, environ)
    return [line.replace(f"{file.parent}/", "") for line in found.value.problems]


def refusals_to_start(folder: Path, toml: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return what a server lacks although its configuration fits together, the file's folder left out of the lines."""
    found = configuration(folder, toml, environ)
    with pytest.raises(ConfigurationError) as refused:
        load(found.sources.file, environ or {})
    return [line.replace(f"{folder}/", "") for line in refused.value.problems]
