"""What a rehearsal is given: URLs, calls, settings; what is wrong with it is named and never repeated."""

import json
from pathlib import Path

import pytest

from connector.model.errors import ConfigurationError
from connector.rehearsal.initialize_answer import header_problems, headers, read_pairs
from connector.rehearsal.script import Call, Pair, base_url, parsed_call
from connector.rehearsal.settings_file import NOTIFICATIONS, read_settings

SETTINGS = [
    {"key": "endSystemUrl", "value": "https://desk.test"},
    {"key": "password", "value_env": "DESK_PASSWORD", "sensitive": True},
]
READ = [Pair("endSystemUrl", "https://desk.test"), Pair("password", "s3cret", sensitive=True), NOTIFICATIONS]
TOML = """
[[settings]]
key = "endSystemUrl"
value = "https://desk.test"
[[settings]]
key = "password"
value_env = "DESK_PASSWORD"
sensitive = true
"""


@pytest.mark.parametrize(("name", "text"), [("desk.json", json.dumps(SETTINGS)), ("desk.toml", TOML)])
def test_settings_come_from_either_kind_of_file_and_secrets_from_the_environment(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    assert read_settings(tmp_path / name, {"DESK_PASSWORD": "s3cret"}) == READ


def test_a_setting_of_opshubs_own_that_is_in_the_file_is_sent_as_it_is_there(tmp_path: Path) -> None:
    file = tmp_path / "desk.json"
    file.write_text('[{"key": "suppressNotification", "value": "1"}]')

    assert read_settings(file, {}) == [Pair("suppressNotification", "1")]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ([{"value": "s3cret"}], "settings[0].key: is missing"),
        ([{"key": "a", "value": "s3cret", "valu_env": "B"}], "settings[0].valu_env: unknown key; known are: key, value"),
        ([{"key": "a", "value": "s3cret", "value_env": "B"}], "settings[0]: expected either value or value_env"),
        ([{"key": "a"}], "settings[0]: expected either value or value_env"),
        ([{"key": "a", "value": "s3cret", "sensitive": True}], "settings[0]: is sensitive and has no place in a file; expected"),
        ([{"key": "a", "value_env": "S3CRET"}], "settings[0]: the environment variable that value_env names is missing or empty"),
        (["s3cret"], "settings[0]: expected an object with key and value"),
        ({"key": "s3cret"}, 'settings: expected a list, such as [{"key":'),
    ],
)
def test_what_is_wrong_with_a_setting_is_named_and_its_value_not_repeated(tmp_path: Path, settings: object, problem: str) -> None:
    file = tmp_path / "desk.json"
    file.write_text(json.dumps(settings))

    with pytest.raises(ConfigurationError) as raised:
        read_settings(file, {})

    assert [line.startswith(f"{file}: {problem}") for line in raised.value.problems] == [True]
    assert "s3cret" not in str(raised.value).lower()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"{"),
        ("a.toml", b"key = s3cret"),
        ("a.toml", b'[[setting]]\nkey = "a"'),
        ("a.json", b"\xff"),
        ("none.json", None),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ConfigurationError, match=name) as raised:
        read_settings(tmp_path / name, {})

    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://desk.test:8080/sdk-api/api/1.0", "https://[::1]/api"])
def test_a_base_url_loses_the_slash_at_its_end(url: str) -> None:
    assert base_url(f"{url}/") == url


@pytest.mark.parametrize(
    "url", ["", "desk.test", "ftp://desk.test", "http://", "http://me:s3cret@desk.test", "http://desk.test?a=s3cret"]
)
def test_what_is_no_base_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="expected") as raised:
        base_url(url)

    assert "s3cret" not in str(raised.value)


def test_a_call_is_a_method_that_changes_nothing_and_a_path() -> None:
    assert parsed_call("get /projects?page=1") == Call("GET", "/projects?page=1")


@pytest.mark.parametrize("text", ["", "GET", "POST /entities", "GET projects", "GET /a b", "GET /\r\nX: y", "GET /ä"])
def test_what_is_no_call_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parsed_call(text)


def test_what_initialize_returned_is_sent_as_far_as_it_can_be() -> None:
    pairs = [
        Pair("X-A", "1"),
        Pair("x-a", "2"),
        Pair("<Authorization>", "3"),
        Pair("Host", "4"),
        Pair("X-B", " 5"),
        Pair("X-C", ""),
    ]

    assert headers(pairs) == {"X-A": "1", "X-C": ""}
    assert [*header_problems(pairs)] == [
        "'<Authorization>' is no legal header name",
        "'Host' belongs to the transport",
        "'X-B' has a value that is not one line of printable Latin-1",
        "'x-a' comes 2 times",
    ]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b'[{"key": "a", "value": "b"}]', b'[{"key": 1, "value": "b", "sensitive": true}]', b"\xff"]
)
def test_what_is_no_list_of_pairs_is_none(body: bytes) -> None:
    assert read_pairs(body) is None
