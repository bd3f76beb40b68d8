"""`connector rehearse` as a person or a script runs it."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from connector.rehearsal.checks import Check
from tests.cli.command import WITHIN, connector, surroundings
from tests.cli.terminal import at_a_terminal
from tests.e2e.connector_process import connector_process
from tests.rehearsal.faulty_connector import Fault, small_connector

CANARY = "canary-5d1f07"
SETTINGS = [{"key": "url", "value": "http://old.test"}, {"key": "password", "value_env": "DESK_PASSWORD", "sensitive": True}]


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    """The options that say what OpsHub knows of the system, before and after a change."""
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(json.dumps(SETTINGS))
    after.write_text(json.dumps([{"key": "url", "value": "http://new.test"}, *SETTINGS[1:]]))
    return ["--settings", str(before), "--changed-settings", str(after), "--call", "GET /projects"]


async def test_a_correct_connector_ends_with_0_and_the_verdict_alone(tmp_path: Path, settings: list[str]) -> None:
    async with small_connector() as small:
        behind = ("--end-system", small.end_system, "--end-system-port", str(small.expect_end_system()))
        ended = await connector("rehearse", *small.urls, *settings, *behind, folder=tmp_path, environ={"DESK_PASSWORD": CANARY})

    assert ended.exit_code == 0, ended.out
    [verdict] = ended.out.splitlines()
    assert verdict.startswith(f"fail: 0, warn: 0, skip: 0, pass: {len(Check)}; ")
    assert CANARY not in ended.out + ended.err


async def test_whoever_wants_to_see_all_gets_a_line_for_each_check_the_worst_first(tmp_path: Path, settings: list[str]) -> None:
    async with small_connector(Fault.SECOND_CLEANUP_IS_A_500, replicas=1) as small:
        command = ("rehearse", *small.urls, *settings)
        ended = await connector(*command, "--verbose", folder=tmp_path, environ={"DESK_PASSWORD": CANARY})

    verdict, *checks = ended.out.splitlines()
    assert verdict.startswith("fail: 1, warn: 0, ")
    assert len(checks) == len(Check)
    assert [*dict.fromkeys(line.split("\t")[0] for line in checks)] == ["fail", "skip", "pass"]
    assert checks[0].startswith("fail\tcleanup-again\t")


@pytest.mark.parametrize(
    ("asked_by", "ignored"),
    [(signal.SIGTERM, ""), (signal.SIGHUP, ""), (signal.SIGQUIT, ""), (signal.SIGTERM, "trap '' INT QUIT; ")],
    ids=["SIGTERM", "SIGHUP", "SIGQUIT", "SIGTERM in the background"],
)
async def test_a_rehearsal_that_is_asked_to_end_closes_its_sessions(
    asked_by: signal.Signals, ignored: str, tmp_path: Path, settings: list[str]
) -> None:
    async with small_connector() as small, asyncio.timeout(WITHIN):
        small.office.answers.clear()  # or it might end by itself before the signal
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", f'{ignored}exec "$@"', "sh"),
            *(sys.executable, "-m", "connector", "rehearse", *small.urls, *settings),
            cwd=tmp_path,
            env=surroundings({"DESK_PASSWORD": CANARY}),
            stderr=asyncio.subprocess.DEVNULL,
        )
        await small.office.asked.wait()
        assert small.office.open_sessions
        process.send_signal(asked_by)

        assert await process.wait() > 0, "it has ended by itself"
        assert small.office.open_sessions == set()
        small.office.answers.set()


async def test_a_failed_check_ends_with_1_and_a_script_reads_which_one(tmp_path: Path, settings: list[str]) -> None:
    async with small_connector(Fault.GLOBAL_CACHE_SURVIVES) as small:
        ended = await connector("rehearse", *small.urls, *settings, "--json", folder=tmp_path, environ={"DESK_PASSWORD": CANARY})

    assert ended.exit_code == 1
    assert ended.json["urls"] == small.urls
    failed = [check for check in ended.json["checks"] if check["verdict"] == "fail"]
    assert [(check["id"], check["seen"]) for check in failed] == [
        ("cleanup-global-fresh", "GET /projects: the same as before the change (2 times)")
    ]


async def test_a_warning_alone_ends_with_0(tmp_path: Path, settings: list[str]) -> None:
    async with small_connector(Fault.GET_CLEANS_UP) as small:
        ended = await connector("rehearse", *small.urls, *settings, folder=tmp_path, environ={"DESK_PASSWORD": CANARY})

    assert ended.exit_code == 0
    assert "warn\tcleanup-post-only\t" in ended.out


async def test_errors_of_the_mbse_variant_are_wanted_as_a_list_only_if_that_is_said(tmp_path: Path, settings: list[str]) -> None:
    async with small_connector(mbse=True) as small:
        command = ("rehearse", *small.urls, *settings)
        plain = await connector(*command, folder=tmp_path, environ={"DESK_PASSWORD": CANARY})
        mbse = await connector(*command, "--mbse", folder=tmp_path, environ={"DESK_PASSWORD": CANARY})

    assert (plain.exit_code, mbse.exit_code) == (1, 0)
    assert "fail\terror-shape\t" in plain.out


async def test_a_person_sees_how_far_it_is_then_the_verdict_then_what_is_broken(tmp_path: Path) -> None:
    async with small_connector(Fault.SECOND_CLEANUP_IS_A_500) as small:
        command = ("rehearse", small.urls[0], "--without-initialize")
        exit_code, shown = await at_a_terminal(*command, folder=tmp_path, columns=80)

    assert exit_code == 1
    in_order = ["what is not OpsHub's", "fail: 1", "cleanup-again", "seen: 500 broken: so it is", "discover-same"]
    places = [shown.index(text) for text in in_order]
    assert places == sorted(places)
    assert "pass  " not in shown


async def test_where_nobody_answers_it_ends_with_69(tmp_path: Path, nowhere: str) -> None:
    ended = await connector("rehearse", nowhere, folder=tmp_path)

    assert (ended.exit_code, ended.out, ended.err) == (69, "", f"{nowhere}: no connection\n")


async def test_everything_that_cannot_work_is_named_at_once_and_ends_with_78(tmp_path: Path) -> None:
    ended = await connector(
        *("rehearse", f"http://me:{CANARY}@desk.test", "--settings", "none.json", "--call", "DELETE /projects"),
        *("--header-env", "X-Ticket=NOT_SET"),
        folder=tmp_path,
    )

    assert ended.exit_code == 78
    assert ended.err.splitlines() == [
        "URL: expected a URL without user, password, query and fragment",
        "--settings: none.json: cannot be read: No such file or directory",
        "--call: expected a call that changes nothing, such as `GET /projects`, percent-encoded",
        "--header-env: goes with --without-initialize; otherwise initialize gives the headers",
    ]


async def test_our_own_server_breaks_no_rule_of_the_session_logout(tmp_path: Path) -> None:
    with connector_process(tmp_path, "") as server:
        bases = [server.url, f"{server.url}/sdk-api/api/1.0"]
        sdk = await connector(
            *("rehearse", *bases, "--without-initialize", "--header-env", "Authorization=TOKEN"),
            folder=tmp_path,
            environ={"TOKEN": f"Bearer {CANARY}"},
        )
        mbse = await connector("rehearse", f"{server.url}/mbse/api/1.0", "--without-initialize", "--mbse", folder=tmp_path)

    assert (sdk.exit_code, mbse.exit_code) == (0, 0), sdk.out + mbse.out
    skipped = {line.split("\t")[1] for line in sdk.out.splitlines() if line.startswith("skip\t")}
    assert {check for check in skipped if check.startswith("cleanup")} == {"cleanup-alone", "cleanup-global-fresh"}
    assert CANARY not in sdk.out + sdk.err


async def test_a_port_that_is_taken_is_named_and_nothing_is_played(tmp_path: Path, settings: list[str]) -> None:
    async with small_connector() as small:
        taken = small.end_system.rpartition(":")[2]
        behind = ("--end-system", small.end_system, "--end-system-port", taken)
        ended = await connector("rehearse", *small.urls, *settings, *behind, folder=tmp_path, environ={"DESK_PASSWORD": CANARY})

    assert (ended.exit_code, small.office.requests) == (78, 0)
    assert f"--end-system-port: port {taken} of this machine is taken; --end-system-port names another one" in ended.err


async def test_an_end_system_with_a_path_is_refused(tmp_path: Path) -> None:
    ended = await connector("rehearse", "http://127.0.0.1:1", "--end-system", "http://127.0.0.1:2/jira", folder=tmp_path)

    assert ended.exit_code == 78
    assert "--end-system: expected a URL without a path; the connector's own settings have the path" in ended.err
