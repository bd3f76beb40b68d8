"""Files: who may read the keys and the ledger, how old the keys are, and how much room there is."""

import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from connector.config.settings import Settings
from connector.config.variables import KEYS_VARIABLE
from connector.doctor.file_system import file_system_finding
from connector.doctor.finding import Condition, DoctorFinding, fault, sound, warning
from connector.runtime.file_access import is_there, why_not

OLD = 365.0
"""Days after which keys are old."""
LITTLE, SCARCE = 1_000_000_000, 100_000_000
"""Bytes of free room."""
DAY = 86_400.0


def file_findings(settings: Settings, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Look at the files of the ledger and its keys. They are made at the first start, so one that is missing is no fault."""
    yield from _keys(settings.ledger.key_file, environ)
    if settings.ledger.store == "sqlite":
        yield _private("ledger-mode", settings.ledger.path)
        folder = _that_is_there(settings.ledger.path.parent)
        yield _room(folder)
        if (found := file_system_finding(folder)) is not None:
            yield found


def _keys(file: Path, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    if environ.get(KEYS_VARIABLE):
        yield sound("keys", f"{KEYS_VARIABLE} holds them")
        return
    mode = _private("keys-mode", file)
    yield mode
    if mode.condition is Condition.SOUND and is_there(file):
        days = (time.time() - file.stat().st_mtime) / DAY
        seen = f"{file} was changed {days:.0f} days ago"
        remedy = "make a new key, and retire the old one when nothing needs it any more: `connector keys`"
        yield sound("keys-age", seen) if days <= OLD else warning("keys-age", seen, remedy)


def _private(name: str, file: Path) -> DoctorFinding:
    try:
        if not is_there(file):
            return sound(name, f"{file} is not there yet; the first start makes it")
        found = file.stat()
    except OSError as problem:
        return fault(name, f"{file}: {why_not(problem, file)}", "run this as the user of the server")
    if sys.platform != "win32" and os.geteuid() not in {0, found.st_uid}:
        return fault(name, f"{file} belongs to the user {found.st_uid}", "run this as the user of the server")
    if stat.S_IMODE(found.st_mode) & 0o077:
        return fault(name, f"{file} has the mode {stat.S_IMODE(found.st_mode):04o}: others may use it", f"chmod 600 {file}")
    return sound(name, f"only its owner may use {file}")


def _that_is_there(folder: Path) -> Path:
    """Return the folder, or the nearest one above that is there: the first start makes the others."""
    while not is_there(folder):
        folder = folder.parent
    return folder


def _room(folder: Path) -> DoctorFinding:
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1_000_000:,.0f} MB are free at {folder}"
    remedy = "make room: without any, no cleanup can be recorded, and each is a 503"
    if free < SCARCE:
        return fault("disk-room", seen, remedy)
    return sound("disk-room", seen) if free >= LITTLE else warning("disk-room", seen, remedy)
