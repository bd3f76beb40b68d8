"""Changes of the key file: a key is added as the last one, becomes the first one, or goes. Remarks stay where they are."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from connector.config.variables import KEYS_VARIABLE
from connector.model.errors import ConfigurationError
from connector.preflight.keyfile import is_begun, new_line, parsed, problem_of_lost_keys, written_beside
from connector.runtime.file_access import is_there, why_not
from connector.runtime.ownership import problem_of_secret, synced_folder

Change = Callable[[Sequence[str]], list[str]]
"""Returns the lines of a key file as they shall be."""


def promoted(key_id: str) -> Change:
    """Put a key before all others: it makes whatever is new."""

    def change(lines: Sequence[str]) -> list[str]:
        first = next(place for place, line in enumerate(lines) if _id(line))
        rest = [line for line in lines[first:] if _id(line) != key_id]
        return [*lines[:first], *(line for line in lines if _id(line) == key_id), *rest]

    return change


def retired(key_id: str) -> Change:
    """Take a key out."""
    return lambda lines: [line for line in lines if _id(line) != key_id]


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
        text = "\n".join(change(_lines(path))) + "\n"
        parsed(text, origin=f"ledger.key_file: {path}")
        with written_beside(path, text) as whole:
            whole.replace(path)
            synced_folder(path.parent)
    except OSError as problem:
        raise ConfigurationError([f"ledger.key_file: {path}: {why_not(problem, path)}"]) from problem


def _lines(path: Path) -> list[str]:
    with path.open(encoding="ascii", errors="strict") as file:
        if problem := problem_of_secret(file.fileno()):
            raise ConfigurationError([f"ledger.key_file: {path}: {problem}"])
        return [line.strip() for line in re.split(r"[\n,]", file.read()) if line.strip()]


def _id(line: str) -> str:
    return line.partition("#")[0].partition(":")[0].strip()
