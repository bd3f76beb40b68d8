"""Logins of another end system than today's: they wait, nothing is sent, and they are ended once the configuration is back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from connector.sessions.seal import HEADER, Seals
from tests.ledger.ledgers import raw, until
from tests.sessions.desk import PROFILE, Desk, settings
from tests.sessions.records import KEYRING
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM, opened
from tests.sessions.test_in_use import DEAD, ROUTES

NONE = '[end_system]\nprofile = "none"\n'
STATIC = """
description = "A static credential, which the administrator has set"
steps = []

[settings.password]
required = true
secret = true

[credential]
Authorization = "Bearer {setting.password}"

[http]
headers = { Authorization = "{credential.Authorization}" }
"""


def rows(folder: Path) -> list[tuple[str, Any, bool]]:
    """State, last answer's code, and whether the credential is still there, of each debt."""
    with raw(folder) as file:
        columns = "state, json_extract(outcome, '$.code'), credential IS NOT NULL"
        return [(state, code, bool(kept)) for state, code, kept in file.execute(f"SELECT {columns} FROM debts ORDER BY id")]


async def are(folder: Path, *expected: tuple[str, Any, bool]) -> None:
    async def they_are() -> bool:
        return rows(folder) == [*expected]

    await until(they_are)


async def owing(desk: Desk, session: str, folder: Path) -> dict[str, str]:
    """Leave a ledger that owes a logout to the desk, which was away; return the session's headers."""
    async with served(folder, desk.section) as server:
        headers = await opened(server, session)
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        assert (await server.opshub.cleanup(session, headers, SYSTEM)).body["logout"]["outcome"] == "pending"
        desk.status = HTTPStatus.OK
    return headers


async def about(server: Served, headers: Mapping[str, str]) -> int:
    return (await server.opshub.call("/about", headers)).status


async def test_a_start_with_profile_none_keeps_what_is_owed_until_the_profile_is_back(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    await owing(desk, session, tmp_path)
    sent = desk.logouts.total()
    for _ in range(2):
        async with served(tmp_path, NONE):
            await are(tmp_path, ("waiting", "no_logout", True))
    assert desk.logouts.total() == sent
    async with served(tmp_path, desk.section):
        await desk.ended.get()
        await are(tmp_path, ("closed", None, False))

    assert not desk.alive


async def test_a_cleanup_by_seal_under_profile_none_is_owed_and_says_that_it_is_held(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session)
    async with served(tmp_path, NONE) as server:
        answers = [await server.opshub.cleanup(session, headers, SYSTEM) for _ in range(2)]
        await are(tmp_path, ("waiting", "no_logout", True))
    async with served(tmp_path, desk.section):
        await desk.ended.get()

    told = [(answer.status, answer.body["logout"]["outcome"], answer.body["logout"]["attempts"]) for answer in answers]
    assert told == [(200, "held", 0)] * 2
    assert not desk.alive


async def test_the_start_says_how_many_logouts_are_held_back_and_where_they_were_made(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    await owing(desk, session, tmp_path)
    for _ in range(2):  # both when they are held back, and when they still are
        with capture_logs() as logs:
            async with served(tmp_path, NONE):
                await until(partial(is_told, logs))
        told = [(line["log_level"], line["logouts"], line["made_for"]) for line in logs if "logouts" in line]
        assert told == [("warning", 1, {desk.url: 1})]


async def is_told(logs: Sequence[Mapping[str, Any]]) -> bool:
    return any("logouts" in line for line in logs)


async def test_after_a_change_of_address_the_new_end_system_is_sent_nothing_of_the_old_one(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    await owing(desk, session, tmp_path)
    async with Desk() as other:
        async with served(tmp_path, other.section):
            await are(tmp_path, ("waiting", "other_end_system", True))
        assert not other.logouts
    async with served(tmp_path, desk.section):
        await desk.ended.get()

    assert not desk.alive


async def test_an_open_session_is_neither_used_nor_ended_at_another_address_than_its_own(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session)
    async with Desk() as other, served(tmp_path, other.section, routes=ROUTES) as server:
        call = await server.opshub.call("/me", headers)
        answer = await server.opshub.cleanup(session, headers, SYSTEM)
        assert not other.asked
    async with served(tmp_path, desk.section):
        await desk.ended.get()

    assert (call.status, call.body) == (401, DEAD)
    assert (answer.status, answer.body["logout"]["code"]) == (200, "other_end_system")
    assert not desk.alive


async def test_a_session_of_another_replica_is_of_the_end_system_that_its_seal_names(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path / "a", desk.section) as server:
        headers = await opened(server, session)
    async with Desk() as other, served(tmp_path / "b", other.section, routes=ROUTES) as replica:
        status = await about(replica, headers)
        answer = await replica.opshub.cleanup(session, headers, SYSTEM)
        assert not other.asked

    assert (status, answer.body["logout"]["code"]) == (401, "other_end_system")
    assert rows(tmp_path / "b") == [("waiting", "other_end_system", True)]


async def test_a_session_whose_seal_names_no_end_system_is_of_the_one_that_its_row_names(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session)
    headers[HEADER] = as_an_older_version_made_it(headers[HEADER])
    async with Desk() as other, served(tmp_path, other.section, routes=ROUTES) as server:
        status = await about(server, headers)
        answer = await server.opshub.cleanup(session, headers, SYSTEM)
        assert not other.asked

    assert (status, answer.body["logout"]["code"]) == (401, "other_end_system")


def as_an_older_version_made_it(seal: str) -> str:
    seals = Seals(KEYRING)
    return seals.make(replace(seals.opened([seal]), origin=None))


async def test_a_seal_that_names_no_end_system_serves_its_session_if_nothing_has_changed(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        headers[HEADER] = as_an_older_version_made_it(headers[HEADER])
        status = await about(server, headers)
        answer = await server.opshub.cleanup(session, headers, SYSTEM)

    assert (status, answer.body["logout"]["outcome"]) == (200, "acknowledged")


async def test_a_login_that_is_replaced_at_a_new_address_waits_for_the_old_one(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session)
    async with Desk() as other, served(tmp_path, other.section, routes=ROUTES) as server:
        again = await server.opshub.initialize(session, settings(), headers, SYSTEM)
        assert await about(server, again.session_headers) == 200
        await are(tmp_path, ("waiting", "other_end_system", True), ("closed", None, False))
        assert not other.logouts
    async with served(tmp_path, desk.section):
        await desk.ended.get()


async def test_a_login_is_not_in_use_again_because_another_end_system_has_the_same_token(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    desk.only_token = "t"
    await owing(desk, session, tmp_path)
    async with Desk() as other, served(tmp_path, other.section) as server:
        other.only_token = "t"
        await are(tmp_path, ("waiting", "other_end_system", True))
        await opened(server, session)
        assert ("waiting", "other_end_system", True) in rows(tmp_path)
    async with served(tmp_path, desk.section):
        await desk.ended.get()


async def test_a_repeated_cleanup_without_seal_is_of_the_end_system_of_the_first_one(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    headers = {"Authorization": "Bearer elsewhere"}
    desk.status = HTTPStatus.SERVICE_UNAVAILABLE
    async with served(tmp_path, desk.section) as server:
        assert (await server.opshub.cleanup(session, headers, SYSTEM)).body["logout"]["outcome"] == "pending"
    async with Desk() as other, served(tmp_path, other.section) as server:
        answer = await server.opshub.cleanup(session, headers, SYSTEM)
        assert not other.asked

    assert answer.body["logout"]["code"] == "other_end_system"
    assert rows(tmp_path) == [("waiting", "other_end_system", True)]


async def test_a_static_credential_has_nothing_to_be_ended_whatever_profile_comes_later(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    (tmp_path / "static.toml").write_text(STATIC)
    static = desk.section.replace(str(PROFILE), str(tmp_path / "static.toml"))
    async with served(tmp_path, static, routes=ROUTES) as server:
        answer = await server.opshub.initialize(session, settings("word")[1:], query=SYSTEM)
        headers = answer.session_headers
        await server.opshub.call("/me", headers)
    async with served(tmp_path, desk.section) as server:
        later = await server.opshub.cleanup(session, headers, SYSTEM)
    async with served(tmp_path / "other", static) as server:
        elsewhere = await server.opshub.cleanup(session, headers, SYSTEM)

    assert [each.body["logout"]["outcome"] for each in (later, elsewhere)] == ["not_applicable"] * 2
    assert desk.asked == ["GET /me"]
