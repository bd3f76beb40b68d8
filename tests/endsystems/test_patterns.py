"""Patterns of profiles: they mean what they mean in Python, or are refused by name; and no text holds anybody up."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.endsystems.http.received import ANSWER_LIMIT
from connector.endsystems.http.response import Response
from connector.endsystems.profile.bundled import checked_profile
from connector.endsystems.profile.extract import Extract
from connector.endsystems.profile.patterns import LONGEST, Pattern
from connector.model.errors import ConfigurationError
from tests.quickness import at_most

REFUSED = {
    "(?=a)b": "no look-around",
    "(?!a)b": "no look-around",
    "(?<=a)b": "no look-around",
    "(?<!a)b": "no look-around",
    r"(a)\1": "no back references",
    "(?P<x>a)(?P=x)": "no back references",
    "(?>a)b": "no atomic groups",
    "(a)?(?(1)b|c)": "no conditional groups",
    "(?#note)a": "no comments",
    "(?x) a": "none of the flags a, L, u and x",
    "(?ia)b": "none of the flags a, L, u and x",
    "a++": "no possessive quantifiers",
    "a{2}+": "no possessive quantifiers",
    "a{,3}": "no `{,n}`: write `{0,n}`",
    r"a\Z": r"no `\Z`: write `\z`",
    r"\07": r"no octal numbers: write `\x00`",
    r"\u00e9": r"no `\u`, `\U` and `\N`: write the character itself",
    "ok$": "no `$` that looks past a last line break",
}
ALLOWED = [
    r"[\s\S]",
    r"[^]a]",
    r"[]a]",
    r"[(?=$]",
    r"\(\?=",
    r"\$",
    r"\\Z",
    "(?m)^ok$",
    r"(?i)session (?:has )?expired",
    r"\A\s*([A-Za-z0-9._~+/=-]+)\s*\z",
    "(?P<name>a)",
    "a{0,3}",
    "[^<]{1,100}",
    "ä+",
]
HOLD_PYTHON_UP = {
    r"(a+)+b": "a",
    r"(\w+\s?)*:": "a",
    r"(a|a)*b": "a",
    r"(.*)*b": "a",
    r"(?:a?){30}a{30}b": "a",
    r".*.*.*=.*": "a",
    r"<input[^>]*name=.*value=.*>": "<input name=value=",
    r"^(([a-z])+.)+[A-Z]([a-z])+": "a",
}
PIECES = [
    "a",
    "b",
    "ä",
    ".",
    r"\s",
    r"\w",
    r"\d",
    r"\S",
    "[ab]",
    "[^a]",
    "^",
    r"\A",
    "|",
    "*",
    "+",
    "?",
    "*?",
    "{0,2}",
    "(",
    "(?:",
    ")",
]


@pytest.mark.parametrize(("text", "name"), REFUSED.items())
def test_what_the_engine_lacks_is_refused_by_name(text: str, name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"expected a regular expression of RE2, which has {name}")):
        Pattern.of(text)


@pytest.mark.parametrize("text", ALLOWED)
def test_what_only_looks_like_it_is_allowed(text: str) -> None:
    assert Pattern.of(text).text == text


@pytest.mark.parametrize("text", ["(", "[", "a**", "(?P<x", r"\y", "a{1001}"])
def test_what_is_no_pattern_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a regular expression: \w+"):
        Pattern.of(text)


@pytest.mark.parametrize("text", ["(?:.{0,300}x){2}", r"(?:[\p{L}]{1,50} ){1,20}", "a" * (LONGEST + 1)])
def test_a_pattern_that_would_take_long_for_its_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"too large|at most"):
        Pattern.of(text)


@pytest.mark.parametrize("ending", ["", "b", "\n", "!"])
@pytest.mark.parametrize(("text", "filling"), HOLD_PYTHON_UP.items())
def test_a_pattern_that_would_hold_python_up_takes_no_time(text: str, filling: str, ending: str) -> None:
    pattern, answer = Pattern.of(text), (filling * ANSWER_LIMIT)[:ANSWER_LIMIT] + ending
    with at_most(1):
        pattern.is_in(answer)


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=8), text=st.text("abä 1\n\u2028", max_size=12))
def test_a_pattern_that_is_allowed_finds_what_it_finds_in_python(pieces: list[str], text: str) -> None:
    """With its flag ASCII: that is what RE2's classes know."""
    try:
        ours, pythons = Pattern.of("".join(pieces)), re.compile("".join(pieces), re.ASCII)
    except (ValueError, re.error):
        return
    found = pythons.search(text)
    assert ours.is_in(text) == (found is not None)
    if found and ours.groups == pythons.groups == 1 and not _loops(pieces):
        assert ours.group_in(text) == found.group(1)


def _loops(pieces: list[str]) -> bool:
    """Whether a group is repeated: what it holds after an empty round, no two engines agree upon."""
    return any(first == ")" and second[0] in "*+?{" for first, second in pairwise(pieces))


def test_a_header_that_is_not_utf_8_is_looked_at_all_the_same() -> None:
    value = b"caf\xe9 session".decode("utf-8", "surrogateescape")
    assert Pattern.of("sess(ion)").group_in(value) == "ion"


def test_a_profile_with_such_a_pattern_is_refused_with_the_name_of_its_key() -> None:
    step = {"method": "POST", "url": "https://a/b", "success": [{"status": 200, "body": "(?!error)."}]}
    with pytest.raises(ConfigurationError) as refused:
        checked_profile({"description": "d", "steps": [step]})
    assert refused.value.problems == [
        "profile.steps[0].success[0].body: expected a regular expression of RE2, which has no look-around"
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * ANSWER_LIMIT,
        b'{"a":' * (ANSWER_LIMIT // 5),
        b"9" * ANSWER_LIMIT,
        b'"' + b"\\" * 60_001,
    ],
    ids=["lists", "objects", "digits", "escapes"],
)
def test_an_answer_that_is_hard_to_parse_holds_no_value_and_takes_no_time(body: bytes) -> None:
    with at_most(1):
        assert Extract.model_validate({"json": "a"}).value(Response(200, [], body)) is None
