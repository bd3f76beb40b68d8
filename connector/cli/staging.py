"""Staging a rehearsal: from what was typed to a script, and the play before the eyes of a person."""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from connector.cli.header_options import given_headers
from connector.model.errors import ConfigurationError
from connector.rehearsal.initialize_answer import header_problems, of_somebody_else
from connector.rehearsal.play import ACTS, rehearse
from connector.rehearsal.report import Report
from connector.rehearsal.script import Pair, Script, base_url, origin_url, parsed_call
from connector.rehearsal.settings_file import read_settings
from connector.runtime.signals import take_as_ctrl_c

Given = TypeVar("Given")
Read = TypeVar("Read")


def read_script(
    urls: Sequence[str],
    settings: Path | None,
    changed_settings: Path | None,
    calls: Sequence[str],
    header_env: Sequence[str],
    *,
    without_initialize: bool,
    mbse: bool,
) -> Script:
    """Return what is to be played. Raises `ConfigurationError` with all that is wrong with what was typed."""
    problems: list[str] = []
    script = Script(
        urls=_each("URL", base_url, urls, problems),
        settings=_settings("--settings", settings, problems) or (),
        changed_settings=_settings("--changed-settings", changed_settings, problems),
        calls=_each("--call", parsed_call, calls, problems),
        headers=dict(_each("--header-env", _header, header_env, problems)) if without_initialize else None,
        mbse=mbse,
    )
    if header_env and not without_initialize:
        problems.append("--header-env: goes with --without-initialize; otherwise initialize gives the headers")
    if without_initialize and (settings or changed_settings):
        problems.append("--settings, --changed-settings: are for initialize, which --without-initialize leaves out")
    if problems:
        raise ConfigurationError(problems)
    return script


def standing_before_end_system(script: Script, url: str | None, port: int) -> Script:
    """Return the script with the end system that the rehearsal stands before. Raises `ConfigurationError`."""
    problems: list[str] = []
    found = _each("--end-system", origin_url, [url] if url else [], problems)
    if problems:
        raise ConfigurationError(problems)
    return replace(script, end_system=found[0], end_system_port=port) if found else script


def rehearsed(script: Script) -> Report:
    """Rehearse, showing a person at a terminal how far it is. Raises `Unreachable`."""
    take_as_ctrl_c()
    terminal = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[sent]} requests"), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        bar = progress.add_task(next(iter(ACTS)), total=len(ACTS), sent=0)

        def show(act: str, done: int, sent: int) -> None:
            progress.update(bar, description=act, completed=done, sent=sent)

        return asyncio.run(rehearse(script, watch=show))


def _each(option: str, read: Callable[[Given], Read], given: Iterable[Given], problems: list[str]) -> list[Read]:
    """Read everything that was given with an option; what cannot be read becomes a problem."""
    values = []
    for one in given:
        try:
            values.append(read(one))
        except ConfigurationError as found:
            problems += [f"{option}: {line}" for line in found.problems]
        except (ValueError, typer.BadParameter) as found:
            problems.append(f"{option}: {found}")
    return values


def _settings(option: str, file: Path | None, problems: list[str]) -> list[Pair] | None:
    return next(iter(_each(option, lambda path: read_settings(path, os.environ), [file] if file else [], problems)), None)


def _header(pair: str) -> tuple[str, str]:
    headers = given_headers([pair], None, os.environ)
    if problems := [*header_problems(of_somebody_else(headers))]:
        raise ConfigurationError(problems)
    return next(iter(headers.items()))
