"""What a model-based test chooses from: few things, so that much happens to each."""

from hypothesis import strategies as st

from drivers import Scope, SessionScope, SystemScope

SCOPES: list[Scope] = [SessionScope("s1", "A"), SessionScope("s10", "A"), SystemScope("A")]
KEYS = ["key", "", "other"]

Which = tuple[int, Scope, int | None]
"""The process and the scope of a new request, or the number of an earlier one that is still going on."""

numbers = st.integers(0, 1)
keys = st.sampled_from([KEYS[0], KEYS[0], KEYS[1]])
ttls = st.sampled_from([40.0, 3600.0])
whiches = st.tuples(numbers, st.sampled_from([SCOPES[0], *SCOPES]), st.none() | st.integers(0, 9))
