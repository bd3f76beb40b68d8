"""The headers of a session on trial: from variables, a file or hidden input. Never from an argument: process lists show those."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import typer

Headers = dict[str, str]


def given_headers(from_variables: Iterable[str], file: Path | None, environ: Mapping[str, str]) -> Headers:
    """Return the headers of the file and of the variables, which win. Raises `typer.BadParameter` without any value in it."""
    return _from_file(file) | dict(from_variable(pair, environ, "--header-env") for pair in from_variables)


def complete(headers: Headers, needed: Iterable[str]) -> Headers:
    """Ask for the needed headers that are not given. They stay missing if standard input is no terminal."""
    if not sys.stdin.isatty():
        return headers
    known = {name.lower() for name in headers}
    missing = sorted(name for name in needed if name.lower() not in known)
    return headers | {name: typer.prompt(name, hide_input=True, err=True) for name in missing}


def from_variable(pair: str, environ: Mapping[str, str], option: str) -> tuple[str, str]:
    """Return the name and the value of `NAME=VARIABLE`. Raises `typer.BadParameter` without the value."""
    name, equals, variable = pair.partition("=")
    if not (name and equals and variable):
        raise typer.BadParameter("expected NAME=VARIABLE", param_hint=option)
    if not environ.get(variable):
        raise typer.BadParameter(f"the environment variable for {name} is missing or empty", param_hint=option)
    return name, environ[variable]


def _from_file(file: Path | None) -> Headers:
    if file is None:
        return {}
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise typer.BadParameter("the file cannot be read as text", param_hint="--headers-file") from problem
    pairs = [line.partition(":") for line in lines if line.strip() and not line.startswith("#")]
    if not all(name.strip() and colon for name, colon, _ in pairs):
        raise typer.BadParameter("expected lines `Name: value`", param_hint="--headers-file")
    return {name.strip(): value.strip() for name, _, value in pairs}
