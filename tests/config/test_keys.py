"""Every key by itself: what the file and the variables may say, and what is said about what they may not."""

from pathlib import Path

import pytest

from connector.preflight.loading import load
from tests.config.reading import configuration, problems, problems_of


def test_without_a_file_and_variables_everything_has_a_default() -> None:
    settings = load(None, {}).settings

    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.storage.drivers == ["memory", "sqlite"]


def test_the_shipped_file_sets_nothing_but_defaults() -> None:
    assert load(Path(__file__).parents[2] / "config.toml", {}).settings == load(None, {}).settings


@pytest.mark.parametrize("given", ["59", "'on'", "true", "31536001", "inf"])
def test_an_idle_time_is_a_number_within_bounds_or_off(tmp_path: Path, given: str) -> None:
    expected = "expected a number from 60 to 31536000 or off (config.toml)"

    assert problems(tmp_path, f"[sessions]\nidle_timeout = {given}") == [f"sessions.idle_timeout: {expected}"]


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    toml = "[server]\nport = 1\n[connector]\nname = 'from the file'"

    settings = configuration(tmp_path, toml, {"CONNECTOR__SERVER__PORT": "2"}).settings

    assert (settings.server.port, settings.connector.name, settings.connector.version) == (2, "from the file", "1.0")


def test_all_problems_of_the_file_are_named_at_once_with_what_was_expected(tmp_path: Path) -> None:
    toml = """
    connectr = 1
    [server]
    port = 70000
    prot = 1
    host = ""
    base_paths = "/a"
    [server.deadlines]
    body = nan
    shutdown = 0
    [security]
    allow_unsealed_cleanup_beyond_loopback = "yes"
    [logs]
    format = "xml"
    [end_system]
    ca_file = 4
    [storage]
    drivers = []
    """

    assert sorted(problems(tmp_path, toml)) == [
        "connectr: unknown key; did you mean `connector`? (config.toml)",
        "end_system.ca_file: expected a path (config.toml)",
        "logs.format: expected one of console, json (config.toml)",
        "security.allow_unsealed_cleanup_beyond_loopback: expected true or false (config.toml)",
        "server.base_paths: expected a list of texts (config.toml)",
        "server.deadlines.body: expected a number over 0 up to 86400 (config.toml)",
        "server.deadlines.shutdown: expected a number over 0 up to 86400 (config.toml)",
        "server.host: expected text that is not empty (config.toml)",
        "server.port: expected a whole number from 0 to 65535 (config.toml)",
        "server.prot: unknown key; did you mean `port`? (config.toml)",
        "storage.drivers: expected a list of texts that is not empty (config.toml)",
    ]


@pytest.mark.parametrize("wrong", ["true", "'8080'", "8080.0", "[8080]", "{}", "2024-01-01"])
def test_the_file_says_a_number_as_a_number(tmp_path: Path, wrong: str) -> None:
    assert problems(tmp_path, f"server.port = {wrong}") == ["server.port: expected a whole number from 0 to 65535 (config.toml)"]


def test_a_section_that_is_no_table_is_a_problem_even_if_a_variable_sets_its_key(tmp_path: Path) -> None:
    assert problems(tmp_path, "server = 1", {"CONNECTOR__SERVER__PORT": "1"}) == ["server: expected a table (config.toml)"]


def test_a_key_of_strange_characters_is_escaped_and_cut_short(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, r'"\u001b[31m' + "x" * 1000 + '" = 1')

    assert line.isprintable()
    assert len(line) < 250


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[server\nport = 1", "config.toml: is not TOML: Expected ']' at the end of a table declaration (at line 1, column 8)"),
        (b"\xff", "config.toml: expected UTF-8 text"),
        (b"a = " + b"[" * 100_000, "config.toml: is nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_together_with_wrong_variables(tmp_path: Path, content: bytes, line: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)

    assert problems_of(file, {"CONNECTOR__SERVER__PORT": "x", "CONNECTOR__STORAGE__DRIVERS": "memory,inthefile"}) == [
        "server.port: expected a whole number from 0 to 65535 (environment variable CONNECTOR__SERVER__PORT)",
        line,
    ]


@pytest.mark.parametrize("there", [False, True])
def test_a_file_that_was_asked_for_must_be_there_and_be_a_file(tmp_path: Path, there: bool) -> None:
    file = tmp_path / "config.toml"
    if there:
        file.mkdir()

    reason = "Is a directory" if there else "No such file or directory"
    assert problems_of(file, {}) == [f"config.toml: cannot be read: {reason}"]


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert configuration(tmp_path, "\ufeff[server]\nport = 1").settings.server.port == 1
