"""What may become a header of every later call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.headers import size_of
from connector.sessions.returned_headers import problems_of

LONGEST = 100


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"X-A": "1", "x-b": "a b", "X_c": "é", "X-Empty": ""}, []),
        ({"<Authorization>": "x"}, ["header 0"]),
        ({"": "x", "a b": "x", "a:b": "x", "a\r\nb": "x", "ä": "x"}, [f"header {place}" for place in range(5)]),
        ({"Host": "x", "content-LENGTH": "1", "Connection": "close", "Transfer-Encoding": "x"}, ["Host", "content-LENGTH"]),
        ({"X-A": "1", "x-a": "2"}, ["X-A", "x-a"]),
        ({"x-connector-session": "mine"}, ["x-connector-session"]),
        ({"X-A": "a\r\nX-B: b", "X-B": " a", "X-C": "a ", "X-D": "日", "X-E": "\x7f"}, ["X-A", "X-B", "X-C", "X-D", "X-E"]),
        ({"X-A": "x" * LONGEST, "X-B": "x" * (LONGEST + 1)}, ["X-B"]),
    ],
)
def test_a_header_is_legal_distinct_not_the_transports_and_one_line_of_latin_1(headers: dict[str, str], named: list[str]) -> None:
    found = [problem.partition(":")[0] for problem in problems_of(headers, longest=LONGEST)]

    assert found[: len(named)] == named
    assert bool(found) == bool(named)


def test_there_may_not_be_more_than_a_server_takes() -> None:
    assert [*problems_of({f"X-{number}": "" for number in range(100)}, longest=LONGEST)] == [
        "100 headers: expected less than 100"
    ]


@given(st.dictionaries(st.text(), st.text()))
def test_no_problem_repeats_a_value_and_what_has_none_is_plain_latin_1(headers: dict[str, str]) -> None:
    marked = {name: f"{value}s3cret" for name, value in headers.items()}
    problems = [*problems_of(marked, longest=LONGEST)]

    assert "s3cret" not in "".join(problems)
    if not problems:
        for name, value in marked.items():
            assert f"{name}: {value}".encode("latin-1").strip() == f"{name}: {value}".encode("latin-1")
        assert size_of(marked.items()) >= sum(map(len, marked.values()))
