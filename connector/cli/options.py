"""Options and exit codes that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

EXIT_CONFIGURATION = 78
"""The configuration cannot work: `EX_CONFIG` of sysexits.h."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", envvar="CONNECTOR_CONFIG", metavar="PATH", help="TOML file; default: ./config.toml if there is one."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

_DEFAULT_CONFIG = Path("config.toml")


def chosen(config: Path | None) -> Path | None:
    """Return the file that was asked for, otherwise `./config.toml` if there is one; None stands for the built-in defaults."""
    if config is None and _DEFAULT_CONFIG.exists():
        return _DEFAULT_CONFIG
    return config
