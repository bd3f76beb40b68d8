"""What a profile says of renewing a login: the mistakes that are found at start."""

from pathlib import Path

import pytest

from tests.endsystems.opened import built
from tests.endsystems.test_login_profile import problems_in
from tests.sessions.expiring import PROFILE

WHOLE = PROFILE.read_text()
STEPS = "what is made, used and ended is what can be renewed"


def test_a_profile_that_renews_its_login_is_accepted(tmp_path: Path) -> None:
    assert built(WHOLE, tmp_path, base_url="https://h").profile.refresh


@pytest.mark.parametrize(
    ("written", "instead", "problem"),
    [
        ('[http]\nheaders = { Authorization = "{credential.Authorization}" }\n', "", f"[[login]], [http] and [[steps]]: {STEPS}"),
        (
            'json = { refresh = "{credential.X-Refresh}" }\nsuccess = [200]',
            'json = { r = "{captured.none}" }\nsuccess = [200]',
            "none",
        ),
        (
            'json = { refresh = "{credential.X-Refresh}" }\nsuccess = [200]',
            'json = { r = "{credential.X-R}" }\nsuccess = [200]',
            "X-R",
        ),
        ("Bearer {captured.access}", "{setting.user} {captured.access}", "setting.user is not known at the refresh"),
        ('expires_in = "{captured.expires_in}"', 'expires_in = "{captured.life}"', "captured.life is not known there"),
        (
            'expires_in = "{captured.expires_in}"',
            'expires_in = "{credential.X-Refresh}"',
            "is not known there; expected a number",
        ),
        ("refused = [400]\ncapture = { access", "refused = [400]\ncapture = { other", "captured.other"),
    ],
)
def test_a_refresh_that_cannot_work_is_found_at_start(tmp_path: Path, written: str, instead: str, problem: str) -> None:
    assert written in WHOLE
    settings = "[settings.user]\nrequired = true\n" if "setting.user" in instead else ""
    profile = WHOLE.replace(written, instead) + settings
    assert any(problem in line for line in problems_in(profile, tmp_path)), problems_in(profile, tmp_path)


def test_a_time_of_expiry_without_a_refresh_is_found_at_start(tmp_path: Path) -> None:
    beginning, end = WHOLE.index("[[refresh]]"), WHOLE.index("[credential]")
    (problem,) = problems_in(WHOLE[:beginning] + WHOLE[end:], tmp_path)
    assert "profile.expires_in: expected [[refresh]]" in problem
