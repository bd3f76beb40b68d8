"""`connector profiles test` of a profile with a mistake: what it says of it, so that its author knows what to change."""

from pathlib import Path

import pytest

from tests.cli.command import Ended, connector
from tests.cli.test_login_trials import FROM_VARIABLES, HTTP, VARIABLES, profile
from tests.endsystems.faulty import faulty_system
from tests.endsystems.opened import LOGIN
from tests.sessions.expiring import PROFILE, Expiring

CARRIED = 'headers = { Authorization = "{credential.Authorization}" }\n'
BOTH = CARRIED.replace(" }\n", ', X-Refresh = "{credential.X-Refresh}" }\n')
PROBE = f'[verify]\nmethod = "GET"\nurl = "{{base_url}}/me"\n{BOTH}dead = [401]\nalive = [200]\n'


async def tried(folder: Path, *changes: tuple[str, str]) -> Ended:
    file = profile(folder)
    text = file.read_text()
    for written, instead in changes:
        assert written in text
        text = text.replace(written, instead, 1)
    file.write_text(text)
    async with faulty_system() as system:
        ended = await connector(
            "profiles", "test", file, "--base-url", system.url, *FROM_VARIABLES, folder=folder, environ=VARIABLES
        )
    assert "canary" not in ended.out + ended.err
    return ended


async def renewed(folder: Path, *changes: tuple[str, str], system: Expiring, probe: str = PROBE) -> Ended:
    file, text = folder / "expiring.toml", PROFILE.read_text() + probe
    for written, instead in changes:
        assert written in text
        text = text.replace(written, instead)
    file.write_text(text)
    return await connector("profiles", "test", file, "--base-url", system.url, folder=folder)


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        (("already_out = [401]", ""), "warn  verified-means-ended: a second logout is refused (http_401): list its answer under"),
        (
            ("success = [200, 204]\nalready_out = [401]", "success = [200, 204, 401]"),
            "warn  verified-means-ended: a second logout counts as a success, though its answer is another: list that one under",
        ),
        (("Bearer {captured", "Basic {captured"), "fail  login-proved: a new login does not work in the probe: see what is"),
        (("alive = [200]", "alive = [204]"), "fail  login-proved: a new login does not work in the probe: see what is captured"),
        (
            ("dead = [401]\nalive = [200]", "dead = [403]\nalive = [200, 401]"),
            "the old credential still works; see what the logout sends; if the session is",
        ),
        ((f'/logout"\n{CARRIED}', '/logout"\n'), "warn  advice: profile.steps: expected {credential.<name>} or"),
    ],
)
async def test_a_mistake_in_a_profile_is_told_with_what_to_look_at(tmp_path: Path, change: tuple[str, str], promise: str) -> None:
    ended = await tried(tmp_path, change)
    assert promise in ended.out
    assert ended.exit_code == (0 if promise.startswith("warn  verified") else 1)


async def test_a_logout_that_knows_nothing_of_a_new_login_may_have_left_it_open(tmp_path: Path) -> None:
    file = profile(tmp_path, verify="", logout="status/401")
    async with faulty_system() as system:
        command = ("profiles", "test", file, "--base-url", system.url, *FROM_VARIABLES)
        ended = await connector(*command, folder=tmp_path, environ=VARIABLES)

    assert ended.exit_code == 1
    assert "fail  login-ended: the login that was made may still be open" in ended.out


async def test_a_login_without_a_logout_is_tried_and_told_to_live_on(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_text('description = "No logout"\nsteps = []\n' + LOGIN.format(path="login") + HTTP)
    async with faulty_system() as system:
        command = ("profiles", "test", file, "--base-url", system.url, *FROM_VARIABLES, "--json")
        ended = await connector(*command, folder=tmp_path, environ=VARIABLES)

        assert (ended.exit_code, system.logins, ended.json["login"]["outcome"]) == (0, 1, "logged_in")
    seen = [f"{promise['verdict']} {promise['id']}: {promise['seen']}" for promise in ended.json["promises"]]
    assert seen[0] == "warn login-ended: the profile has no logout: each login lives until the end system ends it"
    assert seen[-1] == "warn advice: profile.steps: is empty; each login lives until the end system ends it"
    assert [line.partition(":")[0] for line in seen] == ["warn login-ended", "warn login-proved", "warn advice"]


async def test_a_refresh_is_tried_and_what_it_gives_is_proved_and_logged_out(tmp_path: Path) -> None:
    async with Expiring() as system:
        ended = await renewed(tmp_path, system=system)

        assert (ended.exit_code, ended.err, system.refreshes, system.ended, system.refresh) == (0, "", 1, ["r3.1"], {})
    lines = ended.out.splitlines()
    assert [line.split("  ")[0] for line in lines[:5]] == ["login[0]", "verify", "login: logged_in", "refresh[0]", "verify"]
    assert (
        "pass  refresh-renews: the refresh gives a new credential, which the probe has found alive; "
        "the next one is due in 59 min, by what `expires_in` tells" in lines
    )


async def test_a_refresh_that_is_refused_fails_and_the_login_is_ended(tmp_path: Path) -> None:
    async with Expiring() as system:
        ended = await renewed(tmp_path, ("{base_url}/refresh", "{base_url}/renew"), system=system)

        assert (ended.exit_code, system.ended, system.refresh) == (1, ["r1.1"], {})
    assert "fail  refresh-renews: the refresh has not renewed the login: refresh[0]: answered 401, which no list" in ended.out


async def test_a_refresh_that_is_put_off_is_skipped_and_the_login_is_ended(tmp_path: Path) -> None:
    put_off = (("{base_url}/refresh", "{base_url}/renew"), ("refused = [400]", "retry = [401]"))
    async with Expiring() as system:
        ended = await renewed(tmp_path, *put_off, system=system)

        assert (ended.exit_code, system.ended) == (0, ["r1.1"])
    assert "skip  refresh-renews: refresh[0]: answered 401" in ended.out


async def test_a_refresh_whose_answer_is_read_wrongly_fails_and_the_login_may_be_open(tmp_path: Path) -> None:
    renews = PROFILE.read_text().partition("[[refresh]]")[2]
    wrong = renews.replace('access = { json = "access" }', 'access = { json = "refresh" }')
    async with Expiring() as system:
        ended = await renewed(tmp_path, (renews, wrong), system=system)

    assert ended.exit_code == 1
    assert "fail  refresh-renews: the refresh succeeds, and what it gives does not work in the probe: see what" in ended.out
    assert "fail  login-ended: the login that was made may still be open" in ended.out


async def test_a_probe_that_does_not_use_what_the_logout_uses_proves_nothing(tmp_path: Path) -> None:
    async with Expiring() as system:
        ended = await renewed(tmp_path, (BOTH, CARRIED), system=system)

    assert "warn  login-proved: no probe uses all that the logout uses of a new login: a value that is captured" in ended.out
    assert "the refresh gives a new credential, and no probe shows that all of it works" in ended.out
    assert "warn  advice: profile.verify: expected each part of the credential that the logout uses; what no probe" in ended.out


async def test_a_refresh_is_part_of_what_a_script_reads(tmp_path: Path) -> None:
    (tmp_path / "expiring.toml").write_text(PROFILE.read_text() + PROBE)
    async with Expiring() as system:
        command = ("profiles", "test", "expiring.toml", "--base-url", system.url, "--json")
        ended = await connector(*command, folder=tmp_path)

    assert (ended.exit_code, ended.json["refresh"]["outcome"]) == (0, "logged_in")
    assert [step["step"] for step in ended.json["refresh"]["steps"]] == ["refresh[0]", "verify"]


async def test_a_refresh_without_a_probe_or_a_time_is_told_to_be_unproved_and_late(tmp_path: Path) -> None:
    untimed = (('expires_in = "{captured.expires_in}"\n', ""), (', expires_in = { json = "expires_in" }', ""))
    async with Expiring() as system:
        ended = await renewed(tmp_path, *untimed, system=system, probe="")

    assert (
        "warn  refresh-renews: the refresh gives a new credential, and no probe shows that all of it works; "
        "the next one is due after a 401, because no `expires_in` tells of an end" in ended.out
    )
