"""Changes of the key file: a key is added as the last one, becomes the first one, or goes. Remarks stay where they are."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from connector.config.variables import KEYS_VARIABLE
from connector.model.errors import ConfigurationError, RefusedForNow
from connector.preflight.keyfile import is_begun, new_line, parsed, problem_of_lost_keys, written_beside
from connector.runtime.file_access import is_there, why_not
from connector.runtime.file_lock import lock_at_once
from connector.runtime.ownership import problem_of_secret, synced_folder

Change = Callable[[Sequence[str]], list[str]]
"""Returns the lines of a key file as they shall be."""


LONGEST = 10.0
"""Seconds to wait for another command that changes the file."""
EVERY = 0.05


def promoted(key_id: str) -> Change:
    """Put a key before all others: it makes whatever is new."""

    def change(lines: Sequence[str]) -> list[str]:
        own, first = _own(lines, key_id), next(place for place, line in enumerate(lines) if _id(line))
        rest = [line for line in lines[first:] if _id(line) != key_id]
        return [*lines[:first], *own, *rest]

    return change


def retired(key_id: str) -> Change:
    """Take a key out that is not the first one."""

    def change(lines: Sequence[str]) -> list[str]:
        if _own(lines, key_id) == [line for line in lines if _id(line)][:1]:
            raise ConfigurationError([f"{key_id}: is the first key by now, which makes whatever is new"])
        return [line for line in lines if _id(line) != key_id]

    return change


def _own(lines: Sequence[str], key_id: str) -> list[str]:
    """Return the line of a key. Who has asked for a change may have seen the file before another command changed it."""
    if own := [line for line in lines if _id(line) == key_id]:
        return own
    raise ConfigurationError([f"{key_id}: is no key any more"])


def add_key(path: Path, environ: Mapping[str, str], *, ledger: Path | None) -> str:
    """Add a new key as the last one, and return its id. It opens what others seal with it, and seals nothing yet.

    It is the first one if there is no file, unless the ledger at that path needs the keys that were lost.

    Raises:
        ConfigurationError: as `change_keys`.
    """
    key_id, line = new_line()
    try:
        if not (environ.get(KEYS_VARIABLE) or is_there(path)):
            if ledger is not None and (lost := problem_of_lost_keys(path, ledger)):
                raise ConfigurationError([lost])
            if is_begun(path, line):
                return key_id
    except OSError as problem:
        raise ConfigurationError([f"ledger.key_file: {path}: {why_not(problem, path)}"]) from problem
    change_keys(path, lambda lines: [*lines, line], environ)
    return key_id


def change_keys(path: Path, change: Change, environ: Mapping[str, str]) -> None:
    """Change the key file, wholly or not at all.

    Raises:
        ConfigurationError: the keys are in the variable, or the file cannot be changed, or would be none.
    """
    if environ.get(KEYS_VARIABLE):
        raise ConfigurationError(
            [f"{KEYS_VARIABLE}: holds the keys, and this command changes files only; change its lines there"]
        )
    try:
        if path.is_symlink():
            raise ConfigurationError([f"ledger.key_file: {path}: is a link; change the keys where they are kept"])
        with changing(path):
            _change(path, change)
    except OSError as problem:
        raise ConfigurationError([f"ledger.key_file: {path}: {why_not(problem, path)}"]) from problem


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Keep other commands from changing the key file: each would put its own change into the place of the other's.

    The lock is on a file beside it, which stays, because the key file itself is replaced.

    Raises:
        RefusedForNow: another command does not let go of it in time.
    """
    until = time.monotonic() + LONGEST
    with _beside(path) as file:
        while not _is_locked(file):
            if time.monotonic() >= until:
                told = f"another command is changing it, and has not ended for {LONGEST:g} s; try again once it has"
                raise RefusedForNow([f"ledger.key_file: {path}: {told}"])
            time.sleep(EVERY)
        yield


def _beside(path: Path) -> IO[str]:
    beside = path.with_name(f"{path.name}.changing")
    try:
        return os.fdopen(os.open(beside, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="ascii")
    except PermissionError as problem:  # it may be another user's, although the key file is this one's
        raise ConfigurationError([f"ledger.key_file: {beside}: {why_not(problem, beside)}"]) from problem


def _is_locked(file: IO[str]) -> bool:
    try:
        lock_at_once(file)
    except BlockingIOError:
        return False
    return True


def _change(path: Path, change: Change) -> None:
    text = "\n".join(change(_lines(path))) + "\n"
    parsed(text, origin=f"ledger.key_file: {path}")
    with written_beside(path, text) as whole:
        whole.replace(path)
        synced_folder(path.parent)


def _lines(path: Path) -> list[str]:
    # Remarks may be in any encoding, and stay as they are.
    with path.open(encoding="ascii", errors="surrogateescape") as file:
        if problem := problem_of_secret(file.fileno()):
            raise ConfigurationError([f"ledger.key_file: {path}: {problem}"])
        return [line.strip() for line in re.split(r"[\n,]", file.read()) if line.strip()]


def _id(line: str) -> str:
    return line.partition("#")[0].partition(":")[0].strip()
