"""`connector doctor` on a sound installation and on broken ones: each fault is named, with what to do."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from connector.cli.examination import examined
from connector.doctor.finding import Condition, DoctorFinding
from tests.cli.command import Ended, connector
from tests.e2e.connector_process import ConnectorProcess, connector_process
from tests.e2e.opshub import OpsHub
from tests.endsystems.certificates import authority
from tests.endsystems.faulty import faulty_system
from tests.ports import free_port
from tests.postgres import PASSWORD as DATABASE_PASSWORD
from tests.servers import RealServer
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


async def found_wrong(folder: Path, settings: Mapping[str, str] | None = None) -> dict[str, DoctorFinding]:
    """Return what is not sound, by its name. It runs in a thread, because it has an event loop of its own."""
    findings = await asyncio.to_thread(lambda: [*examined(folder / "config.toml", settings)])
    return {each.name: each for each in findings if each.condition is not Condition.SOUND and not each.name.endswith(MACHINE)}


@asynccontextmanager
async def installed(folder: Path) -> AsyncIterator[tuple[Desk, ConnectorProcess]]:
    async with Desk() as desk:
        with connector_process(folder, desk.section) as server:
            (folder / "system.toml").write_text(SYSTEM)
            yield desk, server


def configured(folder: Path, config: str) -> Path:
    (folder / "config.toml").write_text(config)
    return folder


async def test_a_sound_installation_is_told_to_be_sound(tmp_path: Path) -> None:
    async with installed(tmp_path) as (desk, _):
        environ = {"DESK_PASSWORD": PASSWORD}
        ended = await connector("doctor", "--json", "--settings", "system.toml", folder=tmp_path, environ=environ)

    wrong = [each for each in ended.json["findings"] if each["condition"] != "sound" and not each["name"].endswith(MACHINE)]
    assert wrong == []
    assert ended.exit_code == ("sound", "warning").index(ended.json["verdict"])
    assert (desk.logins, desk.alive) == (1, set())


async def test_a_password_that_is_wrong_is_told_without_showing_it(tmp_path: Path) -> None:
    async with installed(tmp_path):
        environ = {"DESK_PASSWORD": "c4n4ry"}
        ended = await connector("doctor", "--settings", "system.toml", folder=tmp_path, environ=environ)

    assert ended.exit_code == 2
    assert "fault\tend-system-login\trefused" in ended.out
    assert "c4n4ry" not in ended.out + ended.err


async def test_a_login_that_the_end_system_refuses_is_a_fault(tmp_path: Path) -> None:
    async with installed(tmp_path) as (desk, _):
        wrong = await found_wrong(tmp_path, {"user": USER, "password": "another one"})

    assert wrong["end-system-login"].condition is Condition.FAULT
    assert desk.alive == set()


async def test_a_login_that_works_is_ended(tmp_path: Path) -> None:
    async with installed(tmp_path) as (desk, _):
        assert await found_wrong(tmp_path, {"user": USER, "password": PASSWORD}) == {}

    assert (desk.logins, desk.alive) == (1, set())


async def test_a_logout_that_is_owed_is_no_fault(tmp_path: Path) -> None:
    session = str(uuid4())
    async with installed(tmp_path) as (desk, server):
        async with OpsHub(server.url) as opshub:
            opened = await opshub.initialize(session, settings())
            desk.stuck |= desk.alive
            await opshub.cleanup(session, opened.session_headers)
        assert await found_wrong(tmp_path) == {}


async def test_a_server_that_does_not_run_is_a_warning(tmp_path: Path) -> None:
    async with installed(tmp_path) as (_, server):
        server.process.terminate()
        await server.exit_code()
        wrong = await found_wrong(tmp_path)

    assert wrong["server"].condition is Condition.WARNING
    assert (wrong["server"].remedy or "").startswith("start it")


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
        wrong = await found_wrong(tmp_path)

    assert wrong[name].condition is Condition.FAULT
    assert wrong[name].remedy == f"chmod 600 {found}"


async def test_old_keys_are_a_warning(tmp_path: Path) -> None:
    async with installed(tmp_path):
        [found] = tmp_path.glob("var/**/ledger.keys")
        os.utime(found, (time.time() - YEARS,) * 2)
        wrong = await found_wrong(tmp_path)

    assert [*wrong] == ["keys-age"]
    assert wrong["keys-age"].condition is Condition.WARNING


async def test_a_store_that_is_down_is_a_fault(tmp_path: Path) -> None:
    wrong = await found_wrong(configured(tmp_path, on_redis(free_port())))

    assert wrong["store-shared"].condition is Condition.FAULT
    assert "start" in wrong  # replicas need the same keys


async def test_what_a_store_logs_does_not_stand_between_the_findings(tmp_path: Path, redis: RealServer) -> None:
    ended = await connector("doctor", "--json", folder=configured(tmp_path, on_redis(redis.port)))

    assert "store-shared" in [each["name"] for each in ended.json["findings"] if each["condition"] == "sound"]


async def test_a_host_without_an_address_is_a_fault(tmp_path: Path) -> None:
    wrong = await found_wrong(configured(tmp_path, end_system("https://nowhere.invalid")))

    assert wrong["end-system-name"].seen.startswith("nowhere.invalid has no address")


async def test_an_end_system_where_nobody_listens_is_a_fault(tmp_path: Path) -> None:
    wrong = await found_wrong(configured(tmp_path, end_system(f"http://127.0.0.1:{free_port()}")))

    assert wrong["end-system-address"].condition is Condition.FAULT


async def test_a_certificate_that_ends_soon_is_a_warning_and_a_strangers_is_a_fault(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    async with faulty_system(trusted.server()) as system:
        known = f'{end_system(system.url)}ca_file = "authority.pem"\n'
        soon = await found_wrong(configured(tmp_path, known))
        unknown = await found_wrong(configured(tmp_path, end_system(system.url)))

    assert soon["end-system-certificate"].condition is Condition.WARNING
    assert unknown["end-system-certificate"].condition is Condition.FAULT


async def test_a_database_that_does_not_answer_is_a_fault_without_its_password(tmp_path: Path) -> None:
    config = '[storage]\ndrivers = ["memory", "sqlite"]\n[ledger]\nstore = "postgres"\ndsn_env = "LEDGER_DSN"\n'
    dsn = f"postgresql://connector:{DATABASE_PASSWORD}@127.0.0.1:{free_port()}/connector"

    ended = await connector("doctor", folder=configured(tmp_path, config), environ={"LEDGER_DSN": dsn})

    assert "fault\tledger-database\t" in ended.out
    assert DATABASE_PASSWORD not in ended.out + ended.err


async def test_a_person_sees_the_counts_at_the_end(tmp_path: Path) -> None:
    ended: Ended = await connector("doctor", folder=configured(tmp_path, ""))

    assert ended.out.splitlines()[-1].startswith("fault: 0, warning: 0, sound: ")


def on_redis(port: int) -> str:
    return f'[storage]\ndrivers = ["shared"]\n[storage.shared]\ndriver = "aiocache"\nbackend = "redis"\nport = {port}\n'


def end_system(url: str) -> str:
    return f'[end_system]\nprofile = "jira-datacenter"\nbase_url = "{url}"\n'
