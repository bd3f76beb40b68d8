"""The example against a real tracker: OpsHub's calls in its order, and what the tracker sees of them."""

import asyncio
import json
import sys
from pathlib import Path
from uuid import uuid4

from connector.testing import OpsHub, OpsHubSession
from tests.cli.command import WITHIN, connector, surroundings
from tests.endsystems.real_roundup import PASSWORD
from tests.examples.running import EXAMPLE, running
from tests.examples.tracker import Tracker

AT_ONCE = 20


async def opened(hub: OpsHub, tracker: Tracker, system: str = "one") -> OpsHubSession:
    session = await hub.initialize(tracker.settings, system_id=system)
    assert session.opened.status == 200, session.opened.body
    return session


async def names(session: OpsHubSession, path: str, key: str) -> list[str]:
    answer = await session.get(path)
    assert answer.status == 200, answer.body
    return [item[key] for item in answer.body]


async def test_a_session_logs_in_works_and_is_logged_out_of_the_tracker(hub: OpsHub, roundup_tracker: Tracker) -> None:
    token = uuid4()
    await roundup_tracker.add("keyword", name=f"keyword-{token}")
    await roundup_tracker.add("issue", title=f"issue {token}")
    before = roundup_tracker.logins()
    session = await opened(hub, roundup_tracker)
    assert roundup_tracker.logins() == before + 1

    assert f"keyword-{token}" in await names(session, "/projects", "name")
    assert "admin" in await names(session, "/users", "username")
    assert f"issue {token}" in await names(session, "/issues", "title")
    ended = await session.cleanup()

    assert (ended.status, ended.body["logout"]["outcome"]) == (200, "verified")
    assert roundup_tracker.logins() == before
    assert [(await session.get(path)).status for path in ("/projects", "/users", "/issues")] == [401, 401, 401]


async def test_users_are_loaded_once_for_all_sessions_of_a_system(hub: OpsHub, roundup_tracker: Tracker) -> None:
    before = roundup_tracker.loads("user")
    first, second = [await opened(hub, roundup_tracker) for _ in range(2)]

    answers = await asyncio.gather(*(session.get("/users") for session in (first, second) for _ in range(AT_ONCE)))

    assert {answer.status for answer in answers} == {200}
    assert roundup_tracker.loads("user") == before + 1
    for session in (first, second):
        await session.cleanup()


async def test_users_outlive_a_cleanup_and_are_reloaded_after_a_configuration_change(
    hub: OpsHub, roundup_tracker: Tracker
) -> None:
    first = await opened(hub, roundup_tracker)
    known = await names(first, "/users", "username")
    newcomer = f"user-{uuid4()}"
    await roundup_tracker.add("user", username=newcomer, address=f"{newcomer}@example.org")
    await first.cleanup()

    second = await opened(hub, roundup_tracker)
    assert await names(second, "/users", "username") == known
    assert (await second.cleanup(global_cache=True)).status == 200

    third = await opened(hub, roundup_tracker)
    assert await names(third, "/users", "username") == [*known, newcomer]
    await third.cleanup()


async def test_the_pages_of_a_session_are_of_one_list_and_the_next_session_sees_another(
    hub: OpsHub, roundup_tracker: Tracker
) -> None:
    first = await opened(hub, roundup_tracker)
    shown = await names(first, "/issues", "title")
    title = f"issue {uuid4()}"
    await roundup_tracker.add("issue", title=title)

    assert await names(first, "/issues", "title") == shown
    assert await names(first, f"/issues?start={len(shown)}", "title") == []
    await first.cleanup()
    second = await opened(hub, roundup_tracker)
    assert await names(second, f"/issues?start={len(shown)}", "title") == [title]
    await second.cleanup()


async def test_a_page_that_begins_nowhere_is_a_400(hub: OpsHub, roundup_tracker: Tracker) -> None:
    session = await opened(hub, roundup_tracker)

    answers = [await session.get(f"/issues?start={start}") for start in ("", "-1", "x", "9" * 5000)]

    assert [(answer.status, answer.body["errors"]["code"]) for answer in answers] == [(400, "bad_request")] * 4
    await session.cleanup()


async def test_a_wrong_password_is_a_400_and_opens_nothing(hub: OpsHub, roundup_tracker: Tracker) -> None:
    before = roundup_tracker.logins()

    session = await hub.initialize({**roundup_tracker.settings, "password": "canary-2e6b"})

    assert session.opened.status == 400
    assert "canary-2e6b" not in json.dumps(session.opened.body)
    assert roundup_tracker.logins() == before


async def test_whoever_may_not_use_the_rest_interface_gets_a_400_and_stays_logged_out(
    hub: OpsHub, roundup_tracker: Tracker
) -> None:
    guest = f"guest-{uuid4()}"
    await roundup_tracker.add("user", username=guest, password=PASSWORD, roles="Anonymous", address=f"{guest}@example.org")

    session = await hub.initialize({**roundup_tracker.settings, "user": guest})

    error = session.opened.body["errors"]
    assert (session.opened.status, error["code"]) == (400, "http_403")
    assert error["message"].endswith("the login made until then is out, as far as the end system tells")
    assert roundup_tracker.logins(guest) == 0


async def test_a_login_that_the_tracker_ended_is_a_401_so_that_opshub_logs_in_again(
    hub: OpsHub, roundup_tracker: Tracker
) -> None:
    session = await opened(hub, roundup_tracker)
    roundup_tracker.end_all_logins()

    assert (await session.get("/projects")).status == 401
    again = await hub.initialize(roundup_tracker.settings, system_id="one", session_id=session.session_id)
    assert (await again.get("/projects")).status == 200
    assert (await again.cleanup()).status == 200


async def test_no_check_of_the_rehearsal_fails(folder: Path, roundup_tracker: Tracker, another_tracker: Tracker) -> None:
    trackers = (roundup_tracker, another_tracker)
    for tracker, file in zip(trackers, ("before.toml", "after.toml"), strict=True):
        await tracker.add("keyword", name=f"keyword-{uuid4()}")
        await tracker.add("issue", title=f"issue {uuid4()}")
        (folder / file).write_text((EXAMPLE / "system.toml").read_text().replace("http://localhost:8917/demo", tracker.url))
    with running(folder, [tracker.url for tracker in trackers]) as url:
        ended = await connector(
            *("rehearse", url, f"{url}/sdk-api/api/1.0", "--settings", "before.toml", "--changed-settings", "after.toml"),
            *("--call", "GET /projects", "--call", "GET /users", "--call", "GET /issues"),
            folder=folder,
            environ={"ROUNDUP_PASSWORD": PASSWORD},
        )

    assert ended.exit_code == 0, ended.out + ended.err
    verdict, *warnings = ended.out.splitlines()
    assert verdict.startswith("fail: 0, ")
    # Skipped are the checks that stand before the end system, which is not given here.
    assert {line.split("\t")[0] for line in warnings} <= {"warn", "skip"}


async def test_a_configuration_that_cannot_work_ends_the_example_with_78_and_a_line(folder: Path) -> None:
    (folder / "config.toml").write_text('[end_system]\nprofile = "roundup.toml"\nbase_url = "{setting.url}"\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "app.py"), cwd=folder, env=surroundings(), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(WITHIN):
        _, printed = await process.communicate()

    assert process.returncode == 78
    assert [line.partition(":")[0] for line in printed.decode().splitlines()] == ["end_system.allowed_urls"]
