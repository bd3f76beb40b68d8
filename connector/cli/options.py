"""Options and exit codes that several commands have."""

import re
from pathlib import Path
from typing import Annotated

import typer

from connector.config.variables import CONFIG_VARIABLE
from connector.runtime.file_access import is_there

EXIT_CONFIGURATION = 78
"""The configuration cannot work: `EX_CONFIG` of sysexits.h."""
EXIT_NOT_NOW = 75
"""Trying again later may help: `EX_TEMPFAIL` of sysexits.h."""
EXIT_UNUSABLE_ROWS = 65
"""It is done, and nobody can use some of the rows: `EX_DATAERR`."""

EXIT_NOT_YOURS = 77
"""A file is another user's, or may not be used: `EX_NOPERM`."""
EXIT_FILES = 74
"""A file cannot be read or written: `EX_IOERR`."""

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", envvar=CONFIG_VARIABLE, metavar="PATH", help="TOML file; default: ./config.toml if there is one."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

_DEFAULT_CONFIG = Path("config.toml")
_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"([0-9]{1,6}) ?(s|min|h|d)")


def chosen(config: Path | None) -> Path | None:
    """Return the file that was asked for, otherwise `./config.toml` if there is one; None stands for the built-in defaults."""
    if config is None and is_there(_DEFAULT_CONFIG):
        return _DEFAULT_CONFIG
    return config


def seconds(text: str) -> float:
    """Return how many seconds a time has that was typed, for instance `30min`."""
    span = _SPAN.fullmatch(text)
    if span is None:
        raise typer.BadParameter("expected a number of s, min, h or d, for instance 30min")
    return float(span[1]) * _SECONDS[span[2]]
