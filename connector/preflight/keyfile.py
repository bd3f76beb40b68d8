"""Where the keys come from: a file that is made at the first start, or the environment."""

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_bytes, token_hex

import structlog

from connector.config.variables import KEYS_VARIABLE
from connector.ledger.fingerprints import shown_keys
from connector.ledger.keyring import KEY_BYTES, Keyring
from connector.ledger.sqlite.lost_keys import needs_keys
from connector.model.errors import ConfigurationError
from connector.runtime.file_access import is_there, why_not
from connector.runtime.ownership import problem_of_secret, synced_folder
from drivers.folders import make_private_folder

HOW_TO_MAKE_ONE = "docs/ledger.md says how to make one"
log = structlog.get_logger(__name__)

LINE = re.compile(r"(?P<id>[A-Za-z0-9_.-]{1,32}):(?P<key>[A-Za-z0-9_-]{43}=?)")


def load_keyring(path: Path, environ: Mapping[str, str], *, ledger: Path | None) -> Keyring:
    """Return the keys of the variable `CONNECTOR_LEDGER_KEYS` if it is set, else of the file, which is made if it is missing.

    Without the path of a `ledger`, replicas share it, and need the same keys: none are made then.

    Raises:
        ConfigurationError: a line is not `id:key`, or the file is open to others, somebody else's, or cannot be read or made;
            or it is missing, and the ledger at that path needs it, or replicas do.
    """
    if given := environ.get(KEYS_VARIABLE):
        return parsed(given, origin=KEYS_VARIABLE)
    try:
        if not is_there(path):
            _generate(path, ledger)
        return parsed(_read(path), origin=f"ledger.key_file: {path}")
    except OSError as problem:
        raise ConfigurationError([f"ledger.key_file: {path}: {why_not(problem, path)}"]) from problem


def given_keyring(path: Path, environ: Mapping[str, str]) -> Keyring:
    """Return the keys that there are. None are made.

    Raises:
        ConfigurationError: as `load_keyring` does, or there are none.
    """
    try:
        if not (environ.get(KEYS_VARIABLE) or is_there(path)):
            raise ConfigurationError([f"ledger.key_file: {path}: is not there, and {KEYS_VARIABLE} is not set"])
    except OSError as problem:
        raise ConfigurationError([f"ledger.key_file: {path}: {why_not(problem, path)}"]) from problem
    return load_keyring(path, environ, ledger=None)


def given_keys(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the ids of the keys, the current one first, each with the digest by which replicas tell it.

    Raises:
        ConfigurationError: as `given_keyring` does.
    """
    return shown_keys(given_keyring(path, environ))


def parsed(text: str, *, origin: str) -> Keyring:
    """Read lines `id:base64url(32 bytes)`, the current key first; commas part them as well, and `#` begins a remark."""
    keys: dict[str, bytes] = {}
    for number, line in enumerate(re.split(r"[\n,]", text), start=1):
        entry = line.partition("#")[0].strip()
        if entry:
            key_id, key = _key(entry, f"{origin}: entry {number}")
            if key_id in keys:
                raise ConfigurationError([f"{origin}: entry {number}: expected an id that no other key has"])
            keys[key_id] = key
    if not keys:
        raise ConfigurationError([f"{origin}: expected at least one line of the form id:key; {HOW_TO_MAKE_ONE}"])
    return Keyring(keys)


def _key(entry: str, place: str) -> tuple[str, bytes]:
    """Read one entry. The message never repeats any of it, because it may be a mistyped key."""
    if found := LINE.fullmatch(entry):
        try:
            return found["id"], base64.b64decode(found["key"].rstrip("=") + "=", altchars=b"-_", validate=True)
        except binascii.Error:
            pass
    raise ConfigurationError(
        [f"{place}: expected id:key, the key being {KEY_BYTES} random bytes in base64url; {HOW_TO_MAKE_ONE}"]
    )


def _read(path: Path) -> str:
    with path.open(encoding="ascii", errors="replace") as file:
        if problem := problem_of_secret(file.fileno()):
            raise ConfigurationError([f"ledger.key_file: {path}: {problem}"])
        return file.read()


def problem_of_lost_keys(path: Path, ledger: Path) -> str | None:
    """Say why no new keys may take the place of a file that is missing; None if they may. Raises `OSError`."""
    held = needs_keys(ledger)
    return held and (
        f"ledger.key_file: {path.absolute()}: is missing, and {ledger.absolute()} holds {held} that only its keys can open. "
        f"Put the file back, or its keys into {KEYS_VARIABLE}. To begin anew without them, move the ledger away first "
        "(docs/ledger.md, Keys that are lost): nothing of what it holds will be ended then"
    )


def problem_of_shared_keys(path: Path, shared: str) -> str:
    """Say that the keys are missing, which whoever shares something needs."""
    return (
        f"ledger.key_file: {path}: is not there. Replicas that share {shared} need the same keys, or they could not open each "
        f"other's seals: put them into this file or into {KEYS_VARIABLE}; {HOW_TO_MAKE_ONE}"
    )


def _generate(path: Path, ledger: Path | None) -> None:
    """Make a file with one new key, complete or not at all. A file that somebody else made meanwhile stays."""
    if ledger is None:
        raise ConfigurationError([problem_of_shared_keys(path, "the ledger")])
    if problem := problem_of_lost_keys(path, ledger):
        raise ConfigurationError([problem])
    _, line = new_line()
    if is_begun(path, line):
        log.info("made a key for the ledger; back it up, apart from the ledger", path=str(path.absolute()))


def is_begun(path: Path, line: str) -> bool:
    """Make a file with one key, complete or not at all, and tell whether it is this one: that of somebody else stays."""
    make_private_folder(path.parent)
    with written_beside(path, f"{line}\n") as whole:
        try:
            os.link(whole, path)
        except FileExistsError:
            return False
        synced_folder(path.parent)
        return True


def new_line() -> tuple[str, str]:
    """Make a key, and return its id, and its line in the file."""
    key_id = token_hex(4)
    return key_id, f"{key_id}:{base64.urlsafe_b64encode(token_bytes(KEY_BYTES)).decode()}"


@contextmanager
def written_beside(path: Path, text: str) -> Iterator[Path]:
    """Write a private file beside `path`, wholly on the disk, to be put into its place. What is left of it goes at the end."""
    unfinished = path.with_name(f"{path.name}.{token_hex(4)}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)
