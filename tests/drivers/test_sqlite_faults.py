"""The SQLite driver and what happens to files: deleted, damaged, foreign, newer, out of reach. Never stale data."""

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import structlog

from drivers.contract import SessionScope, SystemScope
from drivers.driver_errors import DriverError, DriverFormatError, DriverMisconfigured, DriverUnavailable
from drivers.sqlite import SqliteDriver
from drivers.sqlite.cache_schema import FORMAT_VERSION
from drivers.testing.subject import current, found, keep, opened

SESSION, EVICTED = SessionScope("s1", "A"), SessionScope("s10", "A")
NOBODY = 65534


def driver_on(path: Path) -> SqliteDriver:
    return SqliteDriver("sqlite", SqliteDriver.Settings(path=path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite3"


async def _fill(path: Path) -> None:
    """Leave a closed file with many entries of one session, and as many of an evicted one that still lie in it."""
    async with opened(driver_on(path)) as driver:
        for number in range(40):
            await asyncio.gather(*(keep(driver, scope, str(number), str(number).encode() * 50) for scope in (SESSION, EVICTED)))
        await driver.evict(EVICTED)


def _statement(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def _overwrite_in_another_process(path: Path, offset: int) -> None:
    """Put zeros into a file that this process has open: to open and close it here would drop SQLite's locks."""
    script = "import sys; f = open(sys.argv[1], 'r+b'); f.seek(int(sys.argv[2])); f.write(bytes(10**6))"
    subprocess.run([sys.executable, "-c", script, path, str(offset)], check=True, timeout=60)


async def test_the_file_and_its_folder_are_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "made" / "cache.sqlite3"
    async with opened(driver_on(path)) as driver:
        await keep(driver, SESSION, "key", b"value")
        modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    assert set(modes) >= {"cache.sqlite3", "cache.sqlite3-wal", "cache.sqlite3.lock"}
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    await _fill(path)
    _statement(path, f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(DriverFormatError, match=r"cache\.sqlite3: written by a newer version"):
        async with opened(driver_on(path)):
            pass
    assert path.read_bytes() == before


async def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    _statement(path, "CREATE TABLE entries (bucket)")
    before = path.read_bytes()
    with pytest.raises(DriverFormatError, match="another program"):
        async with opened(driver_on(path)):
            pass
    assert path.read_bytes() == before


async def test_what_is_no_database_is_moved_aside_with_a_warning(path: Path) -> None:
    path.write_bytes(b"these are my notes, not a database" * 300)
    Path(f"{path}-wal").write_bytes(b"old")
    with structlog.testing.capture_logs() as logs:
        async with opened(driver_on(path)) as driver:
            await keep(driver, SESSION, "key", b"value")
            assert await current(driver, SESSION, "key") == b"value"
    (aside,) = path.parent.glob("*.corrupt-*[0-9]")
    assert aside.read_bytes().startswith(b"these are my notes")
    assert [(each["log_level"], each["moved_to"]) for each in logs] == [("warning", str(aside))]


async def test_of_files_that_were_moved_aside_one_is_kept(path: Path) -> None:
    for _ in range(3):
        path.write_bytes(b"these are my notes, not a database" * 300)
        async with opened(driver_on(path)) as driver:
            await keep(driver, SESSION, "key", b"value")
        for each in path.parent.glob("cache.sqlite3*"):
            if "corrupt" not in each.name:
                each.unlink()
    assert len([*path.parent.glob("*.corrupt-*")]) == 1


async def test_a_file_whose_tables_were_altered_is_moved_aside(path: Path) -> None:
    await _fill(path)
    _statement(path, "ALTER TABLE generations RENAME TO something_else")
    with structlog.testing.capture_logs() as logs:
        async with opened(driver_on(path)) as driver:
            await keep(driver, SESSION, "key", b"value")
    assert [each["log_level"] for each in logs] == ["warning"]


async def test_an_empty_file_is_taken_for_a_new_one(path: Path) -> None:
    path.touch()
    async with opened(driver_on(path)) as driver:
        await keep(driver, SESSION, "key", b"value")


@pytest.mark.parametrize("seed", range(12))
async def test_a_file_with_altered_bytes_gives_right_values_or_none(path: Path, seed: int) -> None:
    await _fill(path)
    dice, content = random.Random(seed), bytearray(path.read_bytes())
    for _ in range(60):
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content[: dice.choice([len(content), len(content) // 2])])
    with suppress(DriverError):
        async with opened(driver_on(path)) as driver:
            for number in range(40):
                with suppress(DriverError):
                    assert await current(driver, EVICTED, str(number)) is None
                with suppress(DriverError):
                    assert await current(driver, SESSION, str(number)) in {None, str(number).encode() * 50}


async def test_damage_that_shows_while_in_use_fails_a_call_and_then_a_fresh_file_is_begun(path: Path) -> None:
    await _fill(path)
    async with opened(driver_on(path)) as driver:
        _overwrite_in_another_process(path, 8192)
        with structlog.testing.capture_logs() as logs, pytest.raises(DriverUnavailable, match="damaged"):
            await current(driver, SESSION, "0")
        await keep(driver, SESSION, "key", b"value")
        assert await current(driver, SESSION, "key") == b"value"
        assert await found(driver, SESSION, "0") is None
        assert len(list(path.parent.glob("*.corrupt-*[0-9]"))) == 1
    assert not logs


@pytest.mark.parametrize("pattern", ["cache.sqlite3*", "cache.sqlite3"], ids=["with all beside it", "alone"])
async def test_a_file_that_is_deleted_while_in_use_is_begun_anew_by_all_who_share_it(path: Path, pattern: str) -> None:
    async with opened(driver_on(path)) as one, opened(driver_on(path)) as two:
        await keep(one, SESSION, "key", b"value")
        old = await two.stamp(SESSION)
        for each in path.parent.glob(pattern):
            each.unlink()
        assert await one.stamp(SESSION) != old
        await keep(one, SESSION, "key", b"new")
        assert await current(two, SESSION, "key") == b"new"
        await two.evict(SystemScope("A"))
        assert await found(one, SESSION, "key") is None
        for number in range(20):
            await keep(one if number % 2 else two, SESSION, str(number), b"value")
    async with opened(driver_on(path)) as driver:
        assert [await current(driver, SESSION, str(number)) for number in range(20)] == [b"value"] * 20


async def test_whoever_lets_go_of_a_deleted_file_leaves_the_new_one_whole(path: Path) -> None:
    async with opened(driver_on(path)) as late:
        await keep(late, SESSION, "key", b"value")
        for each in path.parent.glob("cache.sqlite3*"):
            each.unlink()
        async with opened(driver_on(path)) as early:
            await keep(early, SESSION, "key", b"new")
            assert await current(late, SESSION, "key") == b"new"
            async with opened(driver_on(path)) as third:
                assert await current(third, SESSION, "key") == b"new"
            await early.evict(SESSION)
            assert await found(late, SESSION, "key") is None


@pytest.mark.parametrize("turns", range(6))
async def test_who_gives_up_waiting_for_the_file_to_be_opened_does_so_for_himself(path: Path, turns: int) -> None:
    driver = driver_on(path)
    impatient, patient = asyncio.ensure_future(driver.open()), asyncio.ensure_future(driver.ping())
    for _ in range(turns):
        await asyncio.sleep(0)
    impatient.cancel()
    with suppress(asyncio.CancelledError):
        await impatient
    if turns % 2:
        await patient
    await driver.aclose()
    with suppress(DriverUnavailable):
        await patient


async def test_a_file_that_is_replaced_by_another_is_noticed(path: Path) -> None:
    await _fill(path)
    async with opened(driver_on(path)) as driver:
        await keep(driver, SESSION, "key", b"value")
        replacement = path.with_suffix(".other")
        async with opened(driver_on(replacement)) as other:
            await keep(other, SESSION, "key", b"the other's")
        shutil.move(replacement, path)
        assert await current(driver, SESSION, "key") == b"the other's"


async def test_a_file_that_comes_back_to_its_place_is_used_again(path: Path) -> None:
    async with opened(driver_on(path)) as driver:
        await keep(driver, SESSION, "key", b"value")
        away = path.rename(path.with_suffix(".away"))
        path.mkdir()
        for _ in range(2):
            with pytest.raises(DriverMisconfigured, match="this is a folder"):
                await driver.get(SESSION, "key")
        path.rmdir()
        away.rename(path)
        await keep(driver, SESSION, "another", b"value")
        assert await current(driver, SESSION, "another") == b"value"


@pytest.mark.parametrize("missing", ["folder/cache.sqlite3", "cache.sqlite3"])
async def test_a_place_that_cannot_be_written_is_a_matter_of_configuration(missing: str) -> None:
    with _folder_of_somebody_else() as folder, _unprivileged(), pytest.raises(DriverMisconfigured, match="Permission denied"):
        async with opened(driver_on(folder / missing)):
            pass


@pytest.mark.parametrize("mode", [0o444, 0o000])
async def test_a_file_that_cannot_be_written_is_a_matter_of_configuration(mode: int) -> None:
    with _folder_of_somebody_else() as folder:
        path = folder / "cache.sqlite3"
        await _fill(path)
        Path(f"{path}.lock").chmod(0o666)
        path.chmod(mode)
        with _unprivileged(), pytest.raises(DriverMisconfigured, match=r"cache\.sqlite3: this user may not read and write"):
            async with opened(driver_on(path)):
                pass


async def test_a_folder_or_a_file_in_the_wrong_place_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, why in ((tmp_path, "this is a folder"), (tmp_path / "file" / "cache.sqlite3", "file: this is not a folder")):
        with pytest.raises(DriverMisconfigured, match=why):
            async with opened(driver_on(path)):
                pass


@contextmanager
def _folder_of_somebody_else() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        try:
            yield Path(folder)
        finally:
            Path(folder).chmod(0o700)


@contextmanager
def _unprivileged() -> Iterator[None]:
    """Give up what root may, for root may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
