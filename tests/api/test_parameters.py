"""The parameters of a cleanup: by themselves, and in requests that hold anything."""

from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from urllib.parse import quote, quote_from_bytes, urlencode
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.api.http_errors import ApiError
from connector.api.parameters import session_id, system_and_global_cache
from tests.api.raw import SESSION
from tests.api.serving import PATIENCE, edge_process

SPELLINGS: dict[str, Callable[[UUID], str]] = {
    "hyphens": str,
    "upper case": lambda uuid: str(uuid).upper(),
    "no hyphens": lambda uuid: uuid.hex,
    "braces": lambda uuid: f"{{{uuid}}}",
    "braces, upper case": lambda uuid: f"{{{uuid}}}".upper(),
    "urn": lambda uuid: uuid.urn,
    "urn, upper case": lambda uuid: uuid.urn.upper(),
}
ANYTHING = st.text() | st.text(st.characters(codec="ascii")) | st.uuids().map(str) | st.from_regex(r"[0-9a-fA-F{}:urnid-]{30,40}")
WORDS = st.sampled_from(
    [
        "true",
        "false",
        "TRUE",
        "1",
        "0",
        "yes",
        "no",
        "on",
        "off",
        "",
        "maybe",
        "\N{FULLWIDTH LATIN SMALL LETTER O}n",
        "o\N{LATIN SMALL LIGATURE FF}",
        "\N{FULLWIDTH DIGIT ONE}",
    ]
)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HTTPConnection]:
    """A kept-alive connection to the edge in another process."""
    with edge_process(tmp_path_factory.mktemp("edge") / "log") as edge:
        http = HTTPConnection("127.0.0.1", edge.port, timeout=PATIENCE)
        yield http
        http.close()


def call(connection: HTTPConnection, path: str, query: str = "") -> tuple[int, bytes]:
    connection.request("POST", f"/cleanup/{path}?{query}")
    answer = connection.getresponse()
    return answer.status, answer.read()


def message(body: bytes) -> str:
    return str(msgspec.json.decode(body)["errors"]["message"])


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
@given(uuid=st.uuids())
def test_every_usual_spelling_of_a_uuid_gives_the_canonical_one(spelling: Callable[[UUID], str], uuid: UUID) -> None:
    assert session_id(spelling(uuid)) == str(uuid)


@pytest.mark.parametrize(
    "text",
    [
        SESSION + "\n",
        " " + SESSION,
        SESSION[:-1],
        SESSION + "0",
        SESSION[:-1] + "g",
        SESSION[:-1] + "\N{FULLWIDTH DIGIT ONE}",
        SESSION[:-1] + "\N{ARABIC-INDIC DIGIT ONE}",
        SESSION.replace("-", "", 1),
        SESSION.replace("-", "_"),
        "{" + SESSION,
        SESSION + "}",
        "{}",
        "",
        "../admin",
        "*",
        "\0",
        "urn:uuid:",
    ],
)
def test_what_is_no_uuid_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        session_id(text)
    assert (refused.value.status, refused.value.message) == (400, "sdkSessionId is not valid: expected a UUID.")


@pytest.mark.parametrize("word", ["true", "1", "yes", "on"])
def test_a_true_word_in_any_case_asks_for_the_global_cache(word: str) -> None:
    for spelled in (word, word.upper(), word.title()):
        assert system_and_global_cache(f"systemId=A&cleanupGlobalCache={spelled}") == ("A", True)


@pytest.mark.parametrize(
    "query", ["", "systemId=&cleanupGlobalCache=", "systemId&cleanupGlobalCache", "&&", "=", "other=1&other=2&%zz=%ff"]
)
def test_absent_and_empty_are_the_same_and_unknown_parameters_are_ignored(query: str) -> None:
    assert system_and_global_cache(query) == (None, False)


@pytest.mark.parametrize("word", ["false", "0", "no", "off", "FALSE", "Off"])
def test_a_false_word_in_any_case_leaves_the_global_cache(word: str) -> None:
    assert system_and_global_cache(f"systemId=A&cleanupGlobalCache={word}") == ("A", False)


@pytest.mark.parametrize(
    ("raw", "system"),
    [
        ("a+b", "a b"),
        ("a%2Bb", "a+b"),
        ("a%20b", "a b"),
        ("%C3%BC", "ü"),
        ("a=b", "a=b"),
        ("a%26b", "a&b"),
        ("a%25b", "a%b"),
        ("x" * 200, "x" * 200),
        ("%F0%9F%90%98" * 200, "🐘" * 200),
        ("..%2F*", "../*"),
    ],
)
def test_a_system_is_decoded_as_a_form_encodes_it(raw: str, system: str) -> None:
    assert system_and_global_cache(f"systemId={raw}") == (system, False)


def test_a_parameter_s_name_may_be_encoded() -> None:
    assert system_and_global_cache("system%49d=A") == ("A", False)


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("systemId=" + "x" * 201, "invalid_parameter", "systemId"),
        ("systemId=a%0Ab", "invalid_parameter", "systemId"),
        ("systemId=a%00", "invalid_parameter", "systemId"),
        ("systemId=%E2%80%A8", "invalid_parameter", "systemId"),
        ("systemId=%ff", "invalid_parameter", "systemId"),
        ("systemId=%ED%A0%80", "invalid_parameter", "systemId"),
        ("systemId=%", "invalid_parameter", "systemId"),
        ("systemId=%zz", "invalid_parameter", "systemId"),
        ("systemId=%u0041", "invalid_parameter", "systemId"),
        ("systemId=\udcff", "invalid_parameter", "systemId"),
        ("cleanupGlobalCache=2", "invalid_parameter", "cleanupGlobalCache"),
        ("cleanupGlobalCache=+true", "invalid_parameter", "cleanupGlobalCache"),
        ("cleanupGlobalCache=%ff", "invalid_parameter", "cleanupGlobalCache"),
        ("systemId=A&systemId=A", "repeated_parameter", "systemId"),
        ("systemId=&system%49d=A", "repeated_parameter", "systemId"),
        ("cleanupGlobalCache=&cleanupGlobalCache=", "repeated_parameter", "cleanupGlobalCache"),
        ("cleanupGlobalCache=true", "missing_parameter", "systemId"),
        ("systemId=&cleanupGlobalCache=on", "missing_parameter", "systemId"),
    ],
)
def test_a_wrong_parameter_is_named(query: str, code: str, name: str) -> None:
    with pytest.raises(ApiError, match=name) as refused:
        system_and_global_cache(query)
    assert (refused.value.status, refused.value.code) == (400, code)


@settings(deadline=None)
@given(id_=ANYTHING.filter(bool) | st.uuids().map(lambda uuid: f"{uuid}\n"))
def test_any_text_as_id_is_a_uuid_or_refused_with_one_and_the_same_words(connection: HTTPConnection, id_: str) -> None:
    status, body = call(connection, quote(id_, safe=""))
    if status == 200:
        assert msgspec.json.decode(body)["sdkSessionId"] == str(UUID(id_))
    else:
        assert (status, message(body)) == (400, "sdkSessionId is not valid: expected a UUID.")


@settings(deadline=None)
@given(id_=st.binary(min_size=1))
def test_any_bytes_as_id_are_refused_with_the_same_words(connection: HTTPConnection, id_: bytes) -> None:
    status, body = call(connection, quote_from_bytes(id_, safe=""))
    assert (status, message(body)) == (400, "sdkSessionId is not valid: expected a UUID.")


@settings(deadline=None)
@given(system=ANYTHING)
def test_any_text_as_system_is_taken_as_it_is_or_refused_with_one_and_the_same_words(
    connection: HTTPConnection, system: str
) -> None:
    status, body = call(connection, SESSION, urlencode({"systemId": system}))
    if status == 200:
        assert msgspec.json.decode(body)["systemId"] == (system or None)
        assert system.isprintable()
    else:
        assert (status, message(body)) == (400, "systemId is not valid: expected 1 to 200 printable characters.")


@settings(deadline=None)
@given(word=WORDS | st.text())
def test_any_text_as_boolean_is_one_of_the_words_or_refused_with_the_same_message(connection: HTTPConnection, word: str) -> None:
    status, body = call(connection, SESSION, urlencode({"systemId": "A", "cleanupGlobalCache": word}))
    if status == 200:
        assert msgspec.json.decode(body)["cleanupGlobalCache"] is (word.lower() in {"true", "1", "yes", "on"})
    else:
        assert (status, message(body)) == (400, "cleanupGlobalCache is not valid: expected true or false.")


@settings(deadline=None)
@given(query=st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters=" "), max_size=300))
def test_any_query_is_answered_with_200_or_400(connection: HTTPConnection, query: str) -> None:
    status, _ = call(connection, SESSION, query)
    assert status in {200, 400}
