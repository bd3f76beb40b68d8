"""What a server needs besides its configuration: told before it opens anything, and asked for by nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.app import create_app
from connector.model.errors import ConfigurationError
from connector.preflight.loading import load, prepared
from drivers import Capabilities, Sharing
from drivers.memory import MemoryDriver
from tests.config.reading import configuration, refusals_to_start

KEY = f"one:{'k' * 42}A"
NO_PASSWORD = "CONNECTOR_TEST_NO_SUCH_VARIABLE"


def shared(folder: Path, backend: str, drivers: str = '["memory", "shared"]') -> str:
    """A configuration with a shared store, and with keys of its own in the folder."""
    store = f'[storage.shared]\ndriver = "aiocache"\nbackend = "{backend}"\n'
    return f'storage.drivers = {drivers}\n[ledger]\nkey_file = "{folder}/ledger.keys"\n{store}'


def drivers_of(file: Path | None, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the names of the drivers with which a server would start."""
    return [driver.name for driver in load(file, environ or {}).drivers]


@pytest.mark.parametrize("backend", ["redis", "memcached"])
def test_with_an_authority_of_several_machines_no_replica_makes_keys_for_itself(tmp_path: Path, backend: str) -> None:
    (line,) = refusals_to_start(tmp_path, shared(tmp_path, backend))

    assert line.startswith("ledger.key_file: ledger.keys: is not there. Replicas that share the authority, storage.shared")
    assert not (tmp_path / "ledger.keys").exists()


class SharedDriver(MemoryDriver):
    """An author's driver whose store several machines share."""

    capabilities = Capabilities(shared=Sharing.MACHINES)


class LocalDriver(MemoryDriver):
    """An author's driver whose store the processes of one machine share."""

    capabilities = Capabilities(shared=Sharing.ONE_MACHINE)


def authors(folder: Path, driver: type[MemoryDriver]) -> str:
    """A configuration whose authority is of an author's class, and with keys of its own in the folder."""
    table = f'[storage.mine]\ndriver = "{driver.__module__}.{driver.__name__}"\n'
    return f'storage.drivers = ["memory", "mine"]\n[ledger]\nkey_file = "{folder}/ledger.keys"\n{table}'


def test_with_an_authors_authority_of_several_machines_no_replica_makes_keys(tmp_path: Path) -> None:
    toml = authors(tmp_path, SharedDriver)

    (line,) = refusals_to_start(tmp_path, toml)

    assert line.startswith("ledger.key_file: ledger.keys: is not there. Replicas that share the authority, storage.mine")
    assert not (tmp_path / "ledger.keys").exists()
    assert drivers_of(tmp_path / "config.toml", {"CONNECTOR_LEDGER_KEYS": KEY}) == ["memory", "mine"]


def test_with_an_authors_authority_of_one_machine_the_keys_may_be_missing(tmp_path: Path) -> None:
    toml = authors(tmp_path, LocalDriver)

    assert drivers_of(configuration(tmp_path, toml).sources.file) == ["memory", "mine"]
    assert not (tmp_path / "ledger.keys").exists()


@pytest.mark.parametrize("backend", ["redis", "memcached"])
def test_keys_of_a_fleet_may_be_in_a_file_or_in_the_variable(tmp_path: Path, backend: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(shared(tmp_path, backend))
    assert drivers_of(file, {"CONNECTOR_LEDGER_KEYS": KEY}) == ["memory", "shared"]

    keys = tmp_path / "ledger.keys"
    keys.write_text(KEY)
    keys.chmod(0o600)
    assert drivers_of(file) == ["memory", "shared"]


@pytest.mark.parametrize(
    ("backend", "drivers"), [("redis", '["shared", "memory"]'), ("memory", '["shared"]'), ("memcached", '["sqlite"]')]
)
def test_with_an_authority_of_one_machine_missing_keys_are_fine_and_not_made_yet(
    tmp_path: Path, backend: str, drivers: str
) -> None:
    toml = shared(tmp_path, backend, drivers)

    assert drivers_of(configuration(tmp_path, toml).sources.file) == json.loads(drivers)
    assert not (tmp_path / "ledger.keys").exists()


def test_all_that_keeps_a_server_from_starting_is_named_and_reading_still_works(tmp_path: Path) -> None:
    toml = shared(tmp_path, "redis") + f'password_env = "{NO_PASSWORD}"\n'

    keys, password = refusals_to_start(tmp_path, toml, {"CONNECTOR_LEDGER_KEYS": "one:short"})

    assert keys.startswith("CONNECTOR_LEDGER_KEYS: entry 1: expected id:key")
    assert password.startswith("storage.shared: ")
    assert f"the environment variable {NO_PASSWORD} that password_env names is not set" in password


@pytest.mark.parametrize(("mode", "content"), [(0o644, KEY), (0o600, "# none yet"), (0o600, "one")], ids=str)
def test_a_key_file_that_the_server_would_refuse_is_named(tmp_path: Path, mode: int, content: str) -> None:
    keys = tmp_path / "ledger.keys"
    keys.write_text(content)
    keys.chmod(mode)

    (line,) = refusals_to_start(tmp_path, shared(tmp_path, "memory"))

    assert line.startswith("ledger.key_file: ledger.keys: ")


def test_a_store_that_is_not_used_needs_no_password(tmp_path: Path) -> None:
    toml = shared(tmp_path, "redis", '["sqlite"]') + f'password_env = "{NO_PASSWORD}"\n'

    assert drivers_of(configuration(tmp_path, toml).sources.file) == ["sqlite"]


DATABASE = '[ledger]\nstore = "postgres"\ndsn_env = "LEDGER_DSN"\n'
REDIS = 'storage.drivers = ["memory", "shared"]\n[storage.shared]\ndriver = "aiocache"\nbackend = "redis"\n'
READY = {"LEDGER_DSN": "host=db1,db2 dbname=ledger password=s3cret", "CONNECTOR_LEDGER_KEYS": KEY}


def test_a_ledger_in_a_database_starts_with_an_address_keys_and_a_shared_authority(tmp_path: Path) -> None:
    file = configuration(tmp_path, REDIS + DATABASE).sources.file

    assert load(file, READY).settings.ledger.store == "postgres"


def test_the_variable_of_the_databases_address_has_to_be_set(tmp_path: Path) -> None:
    assert refusals_to_start(tmp_path, REDIS + DATABASE, READY | {"LEDGER_DSN": ""}) == [
        "ledger.dsn_env: the variable LEDGER_DSN is not set; expected the database's address in it"
    ]


def test_an_address_that_is_none_is_refused_without_being_repeated(tmp_path: Path) -> None:
    (line,) = refusals_to_start(tmp_path, REDIS + DATABASE, READY | {"LEDGER_DSN": "db1 s3cret"})

    assert line.startswith("ledger.dsn_env: LEDGER_DSN: expected an address as libpq takes it: host=")
    assert "s3cret" not in line


def test_who_shares_the_ledger_makes_no_keys_of_its_own(tmp_path: Path) -> None:
    keys = f'key_file = "{tmp_path}/ledger.keys"\n'
    lines = refusals_to_start(tmp_path, REDIS + DATABASE + keys, {"LEDGER_DSN": READY["LEDGER_DSN"]})

    assert [line.partition(" need the same keys")[0] for line in lines] == [
        "ledger.key_file: ledger.keys: is not there. Replicas that share the ledger"
    ]


@pytest.mark.parametrize("drivers", ['["memory", "sqlite"]', '["shared", "memory"]'])
def test_a_shared_ledger_with_an_authority_of_one_machine_is_refused(tmp_path: Path, drivers: str) -> None:
    toml = REDIS.replace('["memory", "shared"]', drivers) + DATABASE
    authority = "sqlite" if "sqlite" in drivers else "memory"

    (line,) = refusals_to_start(tmp_path, toml, READY)

    shared = "expected an authority that replicas share, as they share the ledger"
    assert line.startswith(f"ledger.store: {shared}: storage.{authority} is of this machine alone")
    with pytest.raises(ConfigurationError, match=shared):
        prepared(configuration(tmp_path, toml).settings, READY)


async def test_a_shared_authority_with_a_ledger_of_ones_own_is_warned_of(tmp_path: Path) -> None:
    paths = f'[ledger]\npath = "{tmp_path}/ledger.sqlite3"\n'
    file = configuration(tmp_path, REDIS + paths).sources.file

    with capture_logs() as logs:
        create_app(load(file, READY), environ=READY)

    assert [line["event"] for line in logs if line["log_level"] == "warning"] == [
        "replicas may share the authority, but not this ledger: a second one is refused; for several, set ledger.store"
    ]
