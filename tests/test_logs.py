"""The log, in both of its forms."""

import asyncio
import logging
import re
import warnings
from pathlib import Path

import aiohttp
import pytest
import structlog

from connector.config.settings import LogsSection
from connector.telemetry.logs import session_digest
from drivers import SystemScope
from drivers.sqlite import SqliteDriver
from tests.api.log import logged
from tests.api.serving import serving

SESSION = "6f1c1d2e-0000-4000-8000-00000000000a"


def break_with_a_secret() -> None:
    password = "-".join(["s3cret", "canary"])
    raise ZeroDivisionError(len(password))


def log_a_defect() -> None:
    try:
        break_with_a_secret()
    except ZeroDivisionError:
        structlog.get_logger().exception("it broke")


def test_a_line_of_the_json_log_is_an_object() -> None:
    with logged(LogsSection(format="json")) as log:
        structlog.get_logger().info("it happened", count=3)
    [line] = log.lines
    assert (line["event"], line["count"], line["level"]) == ("it happened", 3, "info")
    assert line["timestamp"].endswith("Z")


def test_a_line_of_the_console_log_is_text_without_colours_where_nobody_sees_them() -> None:
    with logged(LogsSection(format="console")) as log:
        structlog.get_logger().info("it happened", count=3)
    assert "it happened" in log.text
    assert "count=3" in log.text
    assert "\x1b" not in log.text


async def test_the_line_of_a_cleanup_begins_with_its_status_and_fits_120_columns() -> None:
    with logged(LogsSection(format="console")) as log:
        async with (
            serving() as edge,
            aiohttp.ClientSession(edge.url) as opshub,
            opshub.post(f"/cleanup/{SESSION}", headers={"Authorization": "t0ken"}) as answer,
        ):
            assert answer.status == 200

    [line] = [line for line in log.text.splitlines() if "/cleanup/" in line]
    expected = r"\S{20} info 200 POST /cleanup/\{sdkSessionId\} \d+ ms eviction=evicted logout=acknowledged session=\w{8}"
    assert re.fullmatch(expected, line)
    assert len(line) <= 120


def test_values_that_differ_are_named_and_text_of_several_words_is_quoted() -> None:
    with logged(LogsSection(format="console")) as log:
        structlog.get_logger().info("it happened", eviction={"near": "evicted", "far": "owed"}, reason="two words")

    assert log.text.endswith(" info it happened eviction=near:evicted,far:owed reason='two words'\n")


def test_a_number_always_says_of_what_it_is() -> None:
    with logged(LogsSection(format="console")) as log:
        structlog.get_logger().info("it happened", sessions_by_key={"4d555c4c": 3})

    assert log.text.endswith(" info it happened sessions_by_key=4d555c4c:3\n")


@pytest.mark.parametrize("settings", [LogsSection(format="json"), LogsSection(format="console")], ids=["json", "console"])
def test_a_traceback_shows_code_and_no_values(settings: LogsSection) -> None:
    with logged(settings) as log:
        log_a_defect()
        logging.getLogger("library").error("a library's", exc_info=ZeroDivisionError("of its own"))
    assert "break_with_a_secret()" in log.text
    assert "ZeroDivisionError: of its own" in log.text
    assert "s3cret-canary" not in log.text


def test_what_a_library_logs_goes_the_same_way_with_its_name() -> None:
    with logged(LogsSection(format="json")) as log:
        logging.getLogger("library.part").warning("%d things", 3)
    [line] = log.lines
    assert (line["event"], line["logger"], line["level"]) == ("3 things", "library.part", "warning")


def test_a_warning_of_python_s_goes_the_same_way() -> None:
    with logged(LogsSection(format="json")) as log, warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)
    assert "old ways" in log.lines[0]["event"]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_what_is_below_the_level_is_left_out(level: str) -> None:
    levels = ["debug", "info", "warning", "error"]
    with logged(LogsSection.model_validate({"format": "json", "level": level, "libraries": "debug"})) as log:
        for each in levels:
            structlog.get_logger().log(logging.getLevelNamesMapping()[each.upper()], "ours")
            logging.getLogger("library").log(logging.getLevelNamesMapping()[each.upper()], "theirs")
    assert [line["level"] for line in log.lines] == [each for each in levels[levels.index(level) :] for _ in range(2)]


@pytest.mark.parametrize(("level", "heard"), [("debug", ["warning"]), ("error", [])])
def test_libraries_have_a_level_of_their_own(level: str, heard: list[str]) -> None:
    with logged(LogsSection.model_validate({"format": "json", "level": level, "libraries": "warning"})) as log:
        logging.getLogger("library").info("too quiet")
        logging.getLogger("library").warning("loud")
    assert [line["level"] for line in log.lines] == heard


async def test_a_log_of_level_debug_has_no_lines_of_aiosqlite(tmp_path: Path) -> None:
    with logged(LogsSection(format="json", level="debug")) as log:
        driver = SqliteDriver("sqlite", SqliteDriver.Settings(path=tmp_path / "cache.sqlite3"))
        await driver.open()
        await driver.evict(SystemScope("A"))
        await driver.aclose()
        structlog.get_logger().debug("ours")
        await log.written.wait()
    assert [line["event"] for line in log.lines] == ["ours"]


def test_a_session_s_digest_is_short_the_same_each_time_and_its_own() -> None:
    digest = session_digest(SESSION)
    assert len(digest) == 8
    assert digest == session_digest(SESSION) != session_digest(SESSION.replace("a", "b"))


async def test_the_lines_of_one_turn_are_written_together_and_in_order() -> None:
    with logged(LogsSection(format="json")) as log:
        for number in range(3):
            structlog.get_logger().info("it happened", number=number)
        assert log.text == ""
        await log.written.wait()
        assert [line["number"] for line in log.lines] == [0, 1, 2]


async def test_a_thread_writes_its_line_itself_and_none_is_lost() -> None:
    with logged(LogsSection(format="json")) as log:
        structlog.get_logger().info("here")
        await asyncio.to_thread(structlog.get_logger().info, "there")
        await asyncio.sleep(0)
    assert {line["event"] for line in log.lines} == {"here", "there"}


async def test_what_cannot_be_written_is_left_out_and_told_to_nobody() -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    with logged(LogsSection(format="json")) as log:
        log.full = True
        structlog.get_logger().info("on a full disk")
        await asyncio.sleep(0)
        log.full = False
        structlog.get_logger().info("with room again")
        await log.written.wait()
    assert ([line["event"] for line in log.lines], told) == (["with room again"], [])
