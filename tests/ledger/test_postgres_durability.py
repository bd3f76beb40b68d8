"""What the settings of the ledger's database allow to be lost: said as it is."""

import psycopg
import pytest
from structlog.testing import capture_logs

from connector.ledger.postgres.durability import Durability, DurabilityWatch, durability
from tests.postgres import Postgres, postgres_server


def durability_of(address: str) -> Durability:
    with psycopg.connect(address) as connection:
        return durability(connection)


def test_a_database_as_it_is_installed_waits_for_its_disk_alone(postgres: Postgres) -> None:
    found = durability_of(postgres.dsn(postgres.new_database()))

    assert not found.is_weak
    assert str(found) == "a commit waits for the disk, and for no standby: a fail-over may lose what was acknowledged last"


def test_commits_that_do_not_wait_are_weak_also_if_one_database_has_them(postgres: Postgres) -> None:
    database = postgres.new_database()
    postgres.administer(f"ALTER DATABASE {database} SET synchronous_commit = off")

    found = durability_of(postgres.dsn(database))

    assert found.is_weak
    assert str(found) == "synchronous_commit is off: a crash of the database loses what was acknowledged last"


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_may_damage_its_files_is_weak(postgres_binary: None, setting: str) -> None:
    with postgres_server("-c", f"{setting}=off") as postgres:
        found = durability_of(postgres.dsn("postgres"))

    assert found.is_weak
    assert str(found).startswith(f"{setting} is off: a crash of the database's machine may damage the ledger")


def test_a_standby_that_is_waited_for_is_named(own_postgres: Postgres) -> None:
    own_postgres.administer("ALTER ROLE connector SET synchronous_commit = local")
    own_postgres.administer("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (near)'")
    own_postgres.server.kill()
    own_postgres.server.start()

    waiting, local = durability_of(own_postgres.dsn("postgres", user="postgres")), durability_of(own_postgres.dsn("postgres"))

    assert str(waiting) == "a commit waits for the disk and for a standby (FIRST 1 (near))"
    assert "for no standby" in str(local)


async def test_a_change_of_the_settings_is_logged_once_and_a_weak_one_warned_of() -> None:
    sound, weak = Durability(True, True, "on", ""), Durability(True, True, "off", "")
    settings = iter([sound, sound, weak, weak, sound])

    async def ask() -> Durability:
        return next(settings)

    watch = DurabilityWatch(ask)
    with capture_logs() as logs:
        for _ in range(5):
            await watch.look()

    assert [(line["log_level"], line["durability"]) for line in logs] == [
        ("info", str(sound)),
        ("warning", str(weak)),
        ("info", str(sound)),
    ]
    assert watch.found == sound
