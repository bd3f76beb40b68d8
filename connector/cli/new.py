"""`connector new`: write a connector to begin with, which runs, passes its tests and a rehearsal, and is then changed."""

import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from connector.model.errors import ConfigurationError
from connector.runtime.file_access import is_there
from connector.version import __version__

FILES = (
    *("README.md", "app.py", "config.toml", "profile.toml", "system.toml", "tool.py", "tests/conftest.py", "tests/test_app.py"),
    *("tests/test_handlers.py", "Dockerfile", "pytest.toml", "requirements.txt", ".dockerignore", ".gitignore"),
)
"""What is made, from templates with these names in `new-connector/`."""
NO_NAME = re.compile(r"[^a-z0-9]+")
NEXT = """\
{directory} has a connector, a small tool that it talks to, and tests. Next:

    cd {directory}
    python -m venv .venv && . .venv/bin/activate
    pip install -r requirements.txt
    python -m pytest

Its README.md says how to go on, and what to do if pip does not find the connector's package."""


def new(
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="The folder to make; it may be there if it is empty.")],
) -> None:
    """Make a connector to begin with: profile, two routes, tests, Dockerfile."""
    if is_there(directory) and any(directory.iterdir()):
        raise ConfigurationError([f"{directory}: expected a folder that is empty, or not there yet"])
    values = {"name": NO_NAME.sub("-", directory.resolve().name.lower()).strip("-") or "connector", "version": __version__}
    templates = files("connector.cli") / "new-connector"
    for name in FILES:
        template = Template((templates / f"{name}.template").read_text("utf-8"))
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template.safe_substitute(values), "utf-8")
    typer.echo(NEXT.format(directory=directory))
