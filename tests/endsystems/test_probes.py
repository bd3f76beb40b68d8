"""What the probes of a logout show: that it ended something, that nothing was there, and what lives on."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence

import pytest

from connector.config.settings import EndSystemDeadlines
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LivesOn, LogoutOutcome, LogoutResult
from tests.endsystems.faulty import Canned, faulty_system
from tests.endsystems.opened import LOGOUT, VERIFY, login, opened

ASKING_FIRST = VERIFY + "before = true\n"
VERIFIED, ACKNOWLEDGED, ALREADY_OUT, REFUSED = (
    LogoutResult.VERIFIED,
    LogoutResult.ACKNOWLEDGED,
    LogoutResult.ALREADY_OUT,
    LogoutResult.REFUSED,
)


async def ended(profile: str, *statuses: int, token: str = "t") -> LogoutOutcome:
    """Log out of an end system that gives these answers, and no others."""
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        system.answers = [Canned(status) for status in statuses]
        outcome = await end_system.logout(login(Authorization=f"Bearer {token}"))
        assert len(system.received) == len(statuses)
        return outcome


@pytest.mark.parametrize(
    ("statuses", "result", "proved"),
    [
        ((200, 200, 401), VERIFIED, None),
        ((401, 200, 401), ALREADY_OUT, None),
        ((500, 200, 401), ACKNOWLEDGED, None),
        ((500, 200, 500), ACKNOWLEDGED, None),
        ((200, 200, 200), REFUSED, None),
        ((200, 401, 401), VERIFIED, None),
        ((401, 401, 401), ALREADY_OUT, None),
        ((200, 401, 500), ALREADY_OUT, False),
    ],
)
async def test_what_a_probe_shows_before_and_after_decides(
    statuses: Sequence[int], result: LogoutResult, proved: bool | None
) -> None:
    outcome = await ended(LOGOUT.format(path="x") + ASKING_FIRST.format(path="y"), *statuses)
    assert (outcome.result, outcome.proved) == (result, proved)


TWO = """
[[verify]]
credential = "refresh token"
method = "POST"
url = "{base_url}/verify"
json = { token = "{credential.Authorization|token}" }
dead = [401]
alive = [200]

[[verify]]
credential = "access token"
method = "GET"
url = "{base_url}/me"
headers = { Authorization = "{credential.Authorization}" }
dead = [401]
alive = [200]
"""
OUTLIVING = TWO + "may_live_on = true\n"


@pytest.mark.parametrize(
    ("asked_first", "statuses", "result"),
    [
        (1, (401, 200, 401, 401), ACKNOWLEDGED),
        (2, (401, 401, 200, 401, 401), ALREADY_OUT),
        (2, (401, 200, 200, 401, 401), VERIFIED),
    ],
)
async def test_a_session_was_out_before_if_all_of_its_credentials_were_dead_before(
    asked_first: int, statuses: Sequence[int], result: LogoutResult
) -> None:
    profile = LOGOUT.format(path="x") + TWO.replace("dead =", "before = true\ndead =", asked_first)
    assert (await ended(profile, *statuses)).result is result


def web_token(**claims: object) -> str:
    body = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("statuses", "result"),
    [((200, 401, 401), VERIFIED), ((200, 401, 500), ACKNOWLEDGED), ((200, 200, 401), REFUSED), ((200, 401, 200), REFUSED)],
)
async def test_each_of_several_probes_has_to_find_its_credential_dead(statuses: Sequence[int], result: LogoutResult) -> None:
    outcome = await ended(LOGOUT.format(path="x") + TWO, *statuses)
    assert outcome.result is result


async def test_a_credential_that_still_works_is_named_with_its_end() -> None:
    outcome = await ended(LOGOUT.format(path="x") + TWO, 200, 401, 200, token=web_token(exp=1_795_900_000))
    expected = "the end system says that the session is out, but the access token (until 2026-11-28T21:06:40Z) still works"
    assert (outcome.code, outcome.message) == ("still_alive", expected)


async def test_a_credential_that_may_live_on_is_told_of_and_needs_nobody() -> None:
    outcome = await ended(LOGOUT.format(path="x") + OUTLIVING, 200, 401, 200, token=web_token(exp=1_795_900_000))
    assert (outcome.result, outcome.lives_on) == (VERIFIED, (LivesOn("access token", 1_795_900_000.0),))
    assert outcome.message == "the access token (until 2026-11-28T21:06:40Z) lives on"


@pytest.mark.parametrize("claims", [{}, {"exp": True}, {"exp": "soon"}, {"exp": -1}, {"exp": 10**30}, {"exp": float("nan")}])
async def test_a_token_that_does_not_tell_its_end_lives_on_without_one(claims: dict[str, object]) -> None:
    outcome = await ended(LOGOUT.format(path="x") + OUTLIVING, 200, 401, 200, token=web_token(**claims))
    assert outcome.lives_on == (LivesOn("access token"),)


async def test_where_only_what_may_live_on_is_probed_nothing_is_verified() -> None:
    alone = OUTLIVING[OUTLIVING.rindex("[[verify]]") :]
    outcomes = [await ended(LOGOUT.format(path="x") + alone, 200, status) for status in (200, 401)]
    assert [outcome.result for outcome in outcomes] == [ACKNOWLEDGED, ACKNOWLEDGED]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            VERIFY.replace("alive = [200]\n", "") + "before = true\n",
            "profile.verify.before: expected answers under alive, because only they show that there is something to end",
        ),
        (
            ASKING_FIRST + "may_live_on = true\n",
            "profile.verify.before: expected none beside may_live_on, because the logout does not end this credential",
        ),
        (
            TWO.replace('credential = "access token"\n', "").replace("{", "{{").replace("}", "}}"),
            "profile.verify[1].credential: is missing; of several probes each says which credential it uses",
        ),
        (VERIFY.replace("dead = [401]", "deadly = [401]"), "profile.verify.deadly: unknown key; did you mean `dead`?"),
    ],
)
async def test_a_probe_that_cannot_work_is_found_at_start(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as found:
        async with opened(LOGOUT.format(path="x") + text.format(path="y"), base_url="http://h"):
            pass
    assert problem in found.value.problems


async def test_a_probe_that_hangs_before_the_logout_does_not_keep_it_from_being_sent() -> None:
    deadlines = EndSystemDeadlines(connect=5, read=2, total=1)
    profile = LOGOUT.format(path="logout") + ASKING_FIRST.format(path="hang")
    async with faulty_system() as system, opened(profile, base_url=system.url, deadlines=deadlines) as end_system:
        outcome = await end_system.logout(login(Authorization=system.log_in()))
        assert (outcome.result, system.logouts) == (ACKNOWLEDGED, 1)
