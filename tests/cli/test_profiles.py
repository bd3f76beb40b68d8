"""`connector profiles`: the bundled ones, and one tried against a real server."""

from pathlib import Path

import pytest

from tests.cli.command import connector
from tests.cli.terminal import at_a_terminal
from tests.endsystems.faulty import faulty_system
from tests.endsystems.opened import LOGOUT, VERIFY

TOKEN = "t0ken-canary"
BUNDLED = Path(__file__).parents[2] / "connector" / "endsystems" / "profiles"


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A profile that logs out and verifies."""
    file = tmp_path / "desk.toml"
    file.write_text(LOGOUT.format(path="logout") + VERIFY.format(path="alive"))
    return file


async def test_every_bundled_profile_is_listed_with_what_it_is_for(tmp_path: Path) -> None:
    as_json = await connector("profiles", "list", "--json", folder=tmp_path)
    as_lines = await connector("profiles", "list", folder=tmp_path)

    assert {*as_json.json} == {file.stem for file in BUNDLED.glob("*.toml")}
    assert as_lines.out.splitlines() == [f"{name}\t{description}" for name, description in as_json.json.items()]


async def test_a_profile_is_shown_as_its_file_is(tmp_path: Path) -> None:
    ended = await connector("profiles", "show", "gitlab", folder=tmp_path)

    assert (ended.exit_code, ended.out) == (0, (BUNDLED / "gitlab.toml").read_text("utf-8"))


@pytest.mark.parametrize("command", ["show", "test"])
async def test_a_mistyped_profile_is_answered_with_what_was_meant_and_where_the_others_are(tmp_path: Path, command: str) -> None:
    ended = await connector("profiles", command, "gitlub", folder=tmp_path)

    assert ended.exit_code == 78
    assert ended.err == (
        "NAME: no bundled profile has this name; did you mean `gitlab`? "
        "(`connector profiles list` says what each is for; a file of your own ends in .toml)\n"
    )


async def test_a_trial_without_an_address_asks_for_the_option(tmp_path: Path) -> None:
    ended = await connector("profiles", "test", "jira-datacenter", folder=tmp_path)

    assert (ended.exit_code, ended.err) == (78, "--base-url: is missing, and so is end_system.base_url\n")


async def test_a_trial_in_the_configuration_of_a_fleet_needs_no_keys(tmp_path: Path, profile: Path) -> None:
    (tmp_path / "config.toml").write_text(
        'storage.drivers = ["shared"]\n[storage.shared]\ndriver = "aiocache"\nbackend = "redis"'
    )
    async with faulty_system() as system:
        ended = await connector(
            *("profiles", "test", profile, "--base-url", system.url, "--header-env", "Authorization=TOKEN"),
            folder=tmp_path,
            environ={"TOKEN": system.log_in(TOKEN)},
        )

    assert (ended.exit_code, ended.err) == (0, "")


async def test_a_trial_shows_each_request_and_what_they_come_to_but_no_credential(tmp_path: Path, profile: Path) -> None:
    async with faulty_system() as system:
        ended = await connector(
            *("profiles", "test", profile, "--base-url", system.url, "--header-env", "Authorization=TOKEN"),
            folder=tmp_path,
            environ={"TOKEN": system.log_in(TOKEN)},
        )

        assert (ended.exit_code, system.logouts) == (0, 1)
        logout, verify, outcome = ended.out.splitlines()
        assert logout.startswith(f"steps[0]  DELETE {system.url}/logout  204  success (success[1])  ")
        assert verify.startswith(f"verify  GET {system.url}/alive  401  dead (dead[0])  ")
        assert outcome == "outcome: verified"
        assert TOKEN not in ended.out + ended.err


async def test_a_trial_takes_headers_from_a_file_and_answers_a_script_in_json(tmp_path: Path, profile: Path) -> None:
    async with faulty_system() as system:
        (tmp_path / "headers").write_text(f"# of a login\n\nAUTHORIZATION:  {system.log_in(TOKEN)}\n")

        ended = await connector(
            *("profiles", "test", profile, "--base-url", system.url, "--headers-file", "headers", "--json"), folder=tmp_path
        )

    assert [step["status"] for step in ended.json["steps"]] == [204, 401]
    assert ended.json["outcome"] == "verified"
    assert TOKEN not in ended.out


async def test_a_trial_asks_for_the_missing_header_and_does_not_show_what_is_typed(tmp_path: Path, profile: Path) -> None:
    async with faulty_system() as system:
        command = ("profiles", "test", profile, "--base-url", system.url)
        answers = {"Authorization: ": system.log_in(TOKEN)}
        exit_code, shown = await at_a_terminal(*command, folder=tmp_path, answers=answers)

    assert (exit_code, system.logouts) == (0, 1)
    assert "outcome: verified" in shown
    assert TOKEN not in shown


async def test_a_trial_without_the_header_sends_nothing_and_is_refused(tmp_path: Path, profile: Path) -> None:
    async with faulty_system() as system:
        ended = await connector("profiles", "test", profile, "--base-url", system.url, folder=tmp_path)

        assert (ended.exit_code, system.received) == (1, [])
        assert "nothing sent" in ended.out
        assert "credential_missing" in ended.out


async def test_a_trial_that_may_succeed_later_ends_with_75(tmp_path: Path) -> None:
    async with faulty_system() as system:
        profile = tmp_path / "busy.toml"
        profile.write_text(LOGOUT.format(path="status/503?retry-after=7"))

        ended = await connector(
            *("profiles", "test", profile, "--base-url", system.url, "--header-env", "Authorization=TOKEN"),
            folder=tmp_path,
            environ={"TOKEN": "x"},
        )

    assert ended.exit_code == 75
    assert ended.out.splitlines()[-1].startswith("outcome: pending")


@pytest.mark.parametrize(
    "option",
    [("--header-env", f"Authorization:{TOKEN}"), ("--header-env", f"Authorization={TOKEN}"), ("--headers-file", TOKEN)],
)
async def test_a_header_that_is_given_in_the_wrong_way_ends_with_2_and_is_not_repeated(
    tmp_path: Path, profile: Path, option: tuple[str, str]
) -> None:
    ended = await connector("profiles", "test", profile, "--base-url", "http://127.0.0.1:9", *option, folder=tmp_path)

    assert ended.exit_code == 2
    assert TOKEN not in ended.out + ended.err


async def test_an_end_system_class_of_ones_own_is_tried_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[end_system]\nprofile = "tests.config.desk.Desk"\nsettings = { pin = "1" }')

    ended = await connector("profiles", "test", "tests.config.desk.Desk", folder=tmp_path)

    assert (ended.exit_code, ended.out) == (0, "outcome: acknowledged\n")
