"""`docs/doctor.md`: what the doctor says of installations that are broken. `python -m tests.doctor.broken` prints it."""

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from structlog.testing import capture_logs

from connector.cli.examination import examined
from connector.doctor.finding import Condition, DoctorFinding, worst
from connector.ledger.sql.snapshot import Snapshot
from connector.ledger.sqlite.backup import back_up
from connector.ledger.sqlite.reading import opened_read_only
from connector.ledger.sqlite.store import SqliteLedger
from connector.preflight.keyfile import load_keyring
from tests.e2e.connector_process import connector_process
from tests.ports import free_port

OF_THE_MACHINE = ("versions", "trap-", "open-files", "disk-room", "ledger-file-system", "store-sqlite-latency")
KEYS, LEDGER = "var/keys/ledger.keys", "var/ledger.sqlite3"
YEARS = 3 * 365 * 86_400
HEAD = """# What the doctor says

`connector doctor` looks at [the whole installation](cli.md#the-whole-installation). Here is what it says of a sound one and of
ten broken ones. Of each, all findings that are not sound are shown. `make docs` breaks these installations, and writes the page
anew. What depends on the machine is left out.
"""


@dataclass(frozen=True, slots=True)
class Case:
    """An installation, and what was done to it."""

    told: str
    config: str = ""
    spoil: Callable[[Path], object] = lambda _: None


def _others_may_read(file: str) -> Callable[[Path], object]:
    return lambda folder: (folder / file).chmod(0o644)


def _years_ago(folder: Path) -> None:
    os.utime(folder / KEYS, (time.time() - YEARS,) * 2)


def _damage(folder: Path) -> None:
    with (folder / LEDGER).open("r+b") as file:
        file.write(b"no database at all, but a text of some length")


def _put_a_backup_there(folder: Path) -> None:
    keyring, made = load_keyring(folder / KEYS, {}, ledger=None), folder / "made.backup"
    with opened_read_only(folder / LEDGER, keyring) as table:
        back_up(made, Snapshot(table), keyring, ledger="x", now=0.0, advance=lambda: None)
    made.replace(folder / LEDGER)


END_SYSTEM = '[end_system]\nprofile = "jira-datacenter"\nbase_url = "{}"\n'
REDIS = '[storage]\ndrivers = ["shared"]\n[storage.shared]\ndriver = "aiocache"\nbackend = "redis"\nport = {}\n'
CASES = (
    Case("Keys of the configuration are mistyped", '[server]\nprot = 8080\n[logs]\nlevel = "loud"\n'),
    Case("Others may read the keys", spoil=_others_may_read(KEYS)),
    Case("Others may read the ledger", spoil=_others_may_read(LEDGER)),
    Case("The keys are three years old", spoil=_years_ago),
    Case("The ledger's file is damaged", spoil=_damage),
    Case("Somebody has put a backup into the place of the ledger", spoil=_put_a_backup_there),
    Case("The console has a token, and its variable is not set", '[console]\nenabled = true\ntoken_env = "CONSOLE_TOKEN"\n'),
    Case("Redis is down", REDIS.format(free_port())),
    Case("The end system's name has no address", END_SYSTEM.format("https://nowhere.invalid")),
    Case("Nobody listens at the end system's address", END_SYSTEM.format(f"http://127.0.0.1:{free_port()}")),
)


def page() -> str:
    """Return the page."""
    with capture_logs():
        return "\n".join([HEAD, _sound(), *(_shown(case) for case in CASES)])


def _sound() -> str:
    with tempfile.TemporaryDirectory() as name, connector_process(Path(name), "") as server:
        findings = [each for each in examined(server.config) if not each.name.startswith(OF_THE_MACHINE)]
    names = ", ".join(each.name for each in findings if each.condition is Condition.SOUND)
    return f"## A sound installation\n\n    sound: {names}\n    verdict: {worst(findings).value}\n"


def _shown(case: Case) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        asyncio.run(_install(folder))
        (folder / "config.toml").write_text(case.config)
        case.spoil(folder)
        findings = [each for each in examined(folder / "config.toml") if not each.name.startswith(OF_THE_MACHINE)]
        lines = [_plain(line, folder) for finding in findings for line in _lines(finding)]
    return "\n".join([f"## {case.told}\n", *lines, f"    verdict: {worst(findings).value}\n"])


async def _install(folder: Path) -> None:
    """Leave what a server leaves that has run and ended."""
    path = folder / LEDGER
    path.parent.mkdir(mode=0o700)
    async with SqliteLedger(path, load_keyring(folder / KEYS, {}, ledger=path), grace=1).opened():
        pass


def _lines(finding: DoctorFinding) -> Iterator[str]:
    if finding.condition is Condition.SOUND:
        return
    yield f"    {finding.condition.value:8} {finding.name}"
    yield f"             {finding.seen}"
    yield f"             -> {finding.remedy}"


def _plain(line: str, folder: Path) -> str:
    """Return a line without what is another one on each machine."""
    line = re.sub(r"has no address: .*", "has no address: Name or service not known", line)
    return re.sub(r"(127\.0\.0\.1(?::|', ))\d+", r"\g<1>8080", line.replace(str(folder), "/srv/connector"))


if __name__ == "__main__":
    sys.stdout.write(page())
