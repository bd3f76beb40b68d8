"""Moments and text of unknown origin, made fit for a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.admin.phrases import moment, plain, span

NOW = 1_900_000_000.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (7_200, "2 h"),
        (86_399, "23 h"),
        (604_800, "7 d"),
    ],
)
def test_a_span_is_told_in_whole_units_of_the_largest_that_fits(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(("at", "words"), [(None, ""), (NOW + 40, "in 40 s"), (NOW, "0 s ago"), (NOW - 7_200, "2 h ago")])
def test_a_moment_is_told_as_seen_from_now(at: float | None, words: str) -> None:
    assert moment(at, NOW) == words


@given(st.text())
def test_text_of_unknown_origin_keeps_its_length_and_nothing_that_does_not_print(text: str) -> None:
    shown = plain(text)
    assert len(shown) == len(text)
    assert all(character.isprintable() or character == "\N{REPLACEMENT CHARACTER}" for character in shown)
