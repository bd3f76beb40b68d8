"""A step up is found, however it is spelled and however often it is encoded."""

from functools import reduce
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.endsystems.http.dot_segments import walks
from connector.endsystems.http.guard import checked_url
from connector.endsystems.profile import places

SEPARATORS = ["/", "\\", "%2f", "%5C", "%c0%af", "%E0%80%AF", "%u002f", "\N{FULLWIDTH SOLIDUS}"]
DOTS = [".", "%2e", "%2E", "%c0%ae", "%e0%80%ae", "%u002E", "\N{FULLWIDTH FULL STOP}"]
TAILS = ["", ";jsessionid=1", "%20", "%09", "%00", "%00.txt", "%3Fx", "%23x"]
WORDS = st.text("abcdefgh0123456789._~-", min_size=3).filter(lambda word: word.strip(".") != "")


def encoded(text: str, times: int) -> str:
    """The text as it stands in a URL, encoded so often once more."""
    return reduce(lambda inner, _: inner.replace("%", "%25"), range(times), quote(text, safe="/\\%;"))


@given(
    st.lists(st.sampled_from(DOTS), min_size=1, max_size=2).map("".join),
    st.sampled_from(SEPARATORS),
    st.sampled_from(SEPARATORS),
    st.sampled_from(TAILS),
    st.integers(0, 10),
)
def test_a_step_up_is_found_in_every_spelling(dots: str, before: str, after: str, tail: str, times: int) -> None:
    assert walks(encoded(f"/rest{before}{dots}{tail}{after}logout", times))
    assert walks(encoded(f"/rest{before}{dots}{tail}", times))


@pytest.mark.parametrize("path", ["/%252e%252e/admin", "/a/%25252e%25252E%25252fadmin", "/a%255c..%255cb", "/a/..%253Bx/b"])
def test_a_url_with_a_step_up_that_is_encoded_twice_is_none(path: str) -> None:
    with pytest.raises(ValueError, match="without dot segments"):
        checked_url(f"http://desk.example{path}")


@pytest.mark.parametrize("value", ["..", "../admin", "..%2fadmin", "%2e%2e", "a/../b", "..;x/admin"])
def test_no_value_of_a_session_steps_up_from_its_place(value: str) -> None:
    assert walks(f"/rest/{places.url_part(value)}/logout")


@given(st.lists(WORDS, min_size=1).map("/".join), st.integers(0, 5))
def test_an_ordinary_path_is_fine_however_often_it_is_encoded(path: str, times: int) -> None:
    assert not walks(encoded(f"/{path}/", times))


@pytest.mark.parametrize("value", ["50% off", "a.b..c", "...", "v1.0", "100%25", ".well-known", "Jürgen; Anna", "x/y", "%"])
def test_an_ordinary_value_keeps_its_place(value: str) -> None:
    assert not walks(f"/rest/{places.url_part(value)}/logout")


def test_a_long_path_is_judged_at_once() -> None:
    assert walks("/%" + "25" * 20_000 + "2e/")
    assert not walks("/" + "a;" * 20_000 + "/b")
