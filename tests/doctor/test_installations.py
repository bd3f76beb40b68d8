"""`connector doctor` on a sound installation and on broken ones: each fault is named, with what to do."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, chdir
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from connector.cli.main import app
from tests.cli.command import Ended, connector
from tests.e2e.connector_process import ConnectorProcess, connector_process
from tests.e2e.opshub import OpsHub
from tests.endsystems.certificates import authority
from tests.endsystems.faulty import faulty_system
from tests.ports import free_port
from tests.postgres import PASSWORD as DATABASE_PASSWORD
from tests.sessions.desk import PASSWORD, USER, Desk, settings

SYSTEM = f"""
[[settings]]
key = "user"
value = "{USER}"
[[settings]]
key = "password"
value_env = "DESK_PASSWORD"
sensitive = true
"""
MACHINE = ("-latency", "disk-room", "open-files")
"""The ends of what depends on the machine of the test."""
YEARS = 3 * 365 * 86_400


async def examined(folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Return the exit code, and what is not sound, by its name."""
    ended = await asyncio.to_thread(_doctor, folder, "--json", *arguments, environ=environ or {})
    findings = json.loads(ended.stdout)["findings"]
    return ended.exit_code, {
        each["name"]: each for each in findings if each["condition"] != "sound" and not each["name"].endswith(MACHINE)
    }


def _doctor(folder: Path, *arguments: str, environ: dict[str, str]) -> Result:
    """Run the command in this process, and in a thread, because it has an event loop of its own."""
    with chdir(folder):
        return CliRunner().invoke(app, ["doctor", *arguments], env=environ)


@asynccontextmanager
async def installed(folder: Path) -> AsyncIterator[tuple[Desk, ConnectorProcess]]:
    async with Desk() as desk:
        with connector_process(folder, desk.section) as server:
            (folder / "system.toml").write_text(SYSTEM)
            yield desk, server


def configured(folder: Path, config: str) -> Path:
    (folder / "config.toml").write_text(config)
    return folder


async def test_a_sound_installation_is_told_to_be_sound_and_the_login_is_ended(tmp_path: Path) -> None:
    async with installed(tmp_path) as (desk, _):
        environ = {"DESK_PASSWORD": PASSWORD}
        code, wrong = await examined(tmp_path, "--settings", "system.toml", environ=environ)

    assert wrong == {}
    assert code < 2
    assert (desk.logins, desk.alive) == (1, set())


async def test_a_password_that_is_wrong_is_told_without_showing_it(tmp_path: Path) -> None:
    async with installed(tmp_path):
        environ = {"DESK_PASSWORD": "c4n4ry"}
        ended = await connector("doctor", "--settings", "system.toml", folder=tmp_path, environ=environ)

    assert ended.exit_code == 2
    assert "fault\tend-system-login\trefused" in ended.out
    assert "c4n4ry" not in ended.out + ended.err


async def test_a_logout_that_is_owed_is_no_fault(tmp_path: Path) -> None:
    session = str(uuid4())
    async with installed(tmp_path) as (desk, server):
        async with OpsHub(server.url) as opshub:
            opened = await opshub.initialize(session, settings())
            desk.stuck |= desk.alive
            await opshub.cleanup(session, opened.session_headers)
        code, wrong = await examined(tmp_path)

    assert wrong == {}
    assert code < 2


async def test_a_server_that_does_not_run_is_a_warning(tmp_path: Path) -> None:
    async with installed(tmp_path) as (_, server):
        server.process.terminate()
        await server.exit_code()
        code, wrong = await examined(tmp_path)

    assert code >= 1
    assert wrong["server"]["remedy"].startswith("start it")


async def test_every_mistake_in_the_configuration_is_named(tmp_path: Path) -> None:
    ended = await connector("doctor", folder=configured(tmp_path, '[server]\nprot = 1\n[logs]\nlevel = "loud"\n'))

    assert ended.exit_code == 2
    assert "fault\tconfiguration\tserver.prot:" in ended.out
    assert "fault\tconfiguration\tlogs.level:" in ended.out


@pytest.mark.parametrize(("file", "name"), [("ledger.keys", "keys-mode"), ("ledger.sqlite3", "ledger-mode")])
async def test_a_file_that_others_may_read_is_a_fault(tmp_path: Path, file: str, name: str) -> None:
    async with installed(tmp_path):
        [found] = tmp_path.glob(f"var/**/{file}")
        found.chmod(0o644)
        code, wrong = await examined(tmp_path)

    assert code == 2
    assert wrong[name]["remedy"] == f"chmod 600 {found}"


async def test_old_keys_are_a_warning(tmp_path: Path) -> None:
    async with installed(tmp_path):
        [found] = tmp_path.glob("var/**/ledger.keys")
        os.utime(found, (time.time() - YEARS,) * 2)
        code, wrong = await examined(tmp_path)

    assert code >= 1
    assert [*wrong] == ["keys-age"]


async def test_a_store_that_is_down_is_a_fault(tmp_path: Path) -> None:
    redis = f'[storage]\ndrivers = ["shared"]\n[storage.shared]\ndriver = "aiocache"\nbackend = "redis"\nport = {free_port()}\n'

    _, wrong = await examined(configured(tmp_path, redis))

    assert wrong["store-shared"]["condition"] == "fault"
    assert "start" in wrong  # replicas need the same keys


async def test_a_host_without_an_address_is_a_fault(tmp_path: Path) -> None:
    _, wrong = await examined(configured(tmp_path, end_system("https://nowhere.invalid")))

    assert wrong["end-system-name"]["seen"].startswith("nowhere.invalid has no address")


async def test_an_end_system_where_nobody_listens_is_a_fault(tmp_path: Path) -> None:
    _, wrong = await examined(configured(tmp_path, end_system(f"http://127.0.0.1:{free_port()}")))

    assert wrong["end-system-address"]["condition"] == "fault"


async def test_a_certificate_that_ends_soon_is_a_warning_and_a_strangers_is_a_fault(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    async with faulty_system(trusted.server()) as system:
        known = f'{end_system(system.url)}ca_file = "authority.pem"\n'
        soon = await examined(configured(tmp_path, known))
        unknown = await examined(configured(tmp_path, end_system(system.url)))

    assert soon[1]["end-system-certificate"]["condition"] == "warning"
    assert unknown[1]["end-system-certificate"]["condition"] == "fault"


async def test_a_database_that_does_not_answer_is_a_fault_without_its_password(tmp_path: Path) -> None:
    config = '[storage]\ndrivers = ["memory", "sqlite"]\n[ledger]\nstore = "postgres"\ndsn_env = "LEDGER_DSN"\n'
    dsn = f"postgresql://connector:{DATABASE_PASSWORD}@127.0.0.1:{free_port()}/connector"

    ended = await connector("doctor", folder=configured(tmp_path, config), environ={"LEDGER_DSN": dsn})

    assert "fault\tledger-database\t" in ended.out
    assert DATABASE_PASSWORD not in ended.out + ended.err


async def test_a_person_sees_the_counts_at_the_end(tmp_path: Path) -> None:
    ended: Ended = await connector("doctor", folder=configured(tmp_path, ""))

    assert ended.out.splitlines()[-1].startswith("fault: 0, warning: 0, sound: ")


def end_system(url: str) -> str:
    return f'[end_system]\nprofile = "jira-datacenter"\nbase_url = "{url}"\n'
