"""Initialize: settings in, a login in the end system, headers out."""

import asyncio
import json
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from connector.config.settings import LogsSection
from tests.api.log import logged
from tests.ledger.ledgers import raw, until
from tests.metrics.exposition import value
from tests.sessions.desk import MARK, PASSWORD, Desk, settings
from tests.sessions.served import served

SYSTEM = {"systemId": "A"}
MBSE = "/mbse/api/1.0"


async def test_initialize_returns_the_seal_and_the_profiles_headers_but_no_token(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        answer = await server.opshub.initialize(session, settings(), query=SYSTEM)

    assert answer.status == 200
    seal, node = answer.body
    assert (seal["key"], seal["sensitive"]) == ("X-Connector-Session", True)
    assert node == {"key": "X-Desk-Node", "value": "n1", "sensitive": False}
    assert MARK not in answer.text
    assert len(desk.alive) == 1


async def test_the_mbse_variant_opens_sessions_too_and_has_its_errors_as_a_list(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        opened = await server.opshub.initialize(session, settings(), query=SYSTEM, base=MBSE)
        refused = await server.opshub.initialize(session, settings("wrong"), query=SYSTEM, base=MBSE)

    assert opened.status == 200
    assert (refused.status, refused.body["errors"][0]["code"]) == (400, "E-17")


async def test_all_problems_of_the_settings_are_told_at_once_without_their_values(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        answer = await server.opshub.initialize(session, [{"key": "password", "value": ""}, {"key": "other", "value": MARK}])

    assert (answer.status, answer.body["errors"]["code"]) == (400, "invalid_settings")
    problems = answer.body["errors"]["detail"]["problems"]
    assert [problem.partition(":")[0] for problem in sorted(problems)] == ["password", "user"]
    assert MARK not in answer.text
    assert desk.logins == 0


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ("{", ["the body is not JSON"]),
        ("[" * 100_000, ["the body is not JSON"]),
        ('[{"key": "caf\udce9", "value": "x"}]', ["the body is not JSON"]),
        ('{"key": "a"}', ["the body is not valid"]),
        ("[1, null, []]", ["[0]", "[1]", "[2]"]),
        ('[{"key": ""}, {"key": "a", "value": 1}, {"key": "b", "sensitive": "x"}]', ["[0].key", "[1].value", "[2].sensitive"]),
        ('[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]', ["[1].key"]),
        ('[{"key": "a\\nb"}, {"key": "%s"}]' % ("k" * 201), ["[0].key", "[1].key"]),
    ],
)
async def test_a_body_that_is_no_list_of_settings_is_400_with_every_problem(
    desk: Desk, session: str, tmp_path: Path, body: str, problems: list[str]
) -> None:
    async with served(tmp_path, desk.section) as server:
        answer = await server.opshub.send("POST", f"/initialize/{session}", body)

    assert answer.status == 400
    assert [problem.partition(":")[0] for problem in answer.body["errors"]["detail"]["problems"]] == problems


async def test_a_body_over_a_mebibyte_is_413_and_one_below_is_read(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        fits = await server.opshub.send("POST", f"/initialize/{session}", json.dumps(settings()).ljust(2**20))
        too_large = await server.opshub.send("POST", f"/initialize/{session}", json.dumps(settings()).ljust(2**20 + 1))

    assert (fits.status, too_large.status) == (200, 413)


@pytest.mark.parametrize("path", ["/initialize/nonsense", "/initialize/%2e%2e%2fx", "/initialize/{id}?systemId=a&systemId=b"])
async def test_a_bad_id_or_a_repeated_system_is_400_before_anything_is_sent(
    desk: Desk, session: str, tmp_path: Path, path: str
) -> None:
    async with served(tmp_path, desk.section) as server:
        answer = await server.opshub.send("POST", path.format(id=session), json.dumps(settings()))

    assert (answer.status, desk.logins) == (400, 0)


async def test_a_login_that_is_refused_is_400_with_the_end_systems_code_and_never_401(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        answer = await server.opshub.initialize(session, settings("wrong"))

    assert (answer.status, answer.body["errors"]["code"]) == (400, "E-17")


@pytest.mark.parametrize("status", [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS])
async def test_an_end_system_that_is_away_is_503_with_retry_after(
    desk: Desk, session: str, tmp_path: Path, status: HTTPStatus
) -> None:
    desk.status = status
    async with served(tmp_path, desk.section) as server:
        answer = await server.opshub.initialize(session, settings())

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0


async def test_an_end_system_that_does_not_answer_in_time_is_503(desk: Desk, session: str, tmp_path: Path) -> None:
    desk.answering.clear()
    async with served(tmp_path, f"{desk.section}deadlines = {{ total = 0.3 }}\n") as server:
        assert (await server.opshub.initialize(session, settings())).status == 503


@pytest.mark.parametrize(
    ("password", "status", "reason", "code"),
    [
        ("wrong", HTTPStatus.OK, "login_refused", "E-17"),
        (PASSWORD, HTTPStatus.SERVICE_UNAVAILABLE, "login_unavailable", "http_503"),
        ("", HTTPStatus.OK, "invalid_settings", None),
    ],
)
async def test_the_log_says_in_one_line_why_an_initialize_was_refused_and_with_which_code(
    desk: Desk, session: str, tmp_path: Path, *, password: str, status: HTTPStatus, reason: str, code: str | None
) -> None:
    desk.status = status
    with logged(LogsSection(format="json")) as log:
        async with served(tmp_path, desk.section) as server:
            await server.opshub.initialize(session, settings(password))
            told = server.metrics.exposition().decode()

    [line] = [line for line in log.lines if line["event"] == "request"]
    assert (line["reason"], line.get("code")) == (reason, code)
    assert (line.get("message", "").startswith("login[0]: answered ")) is (code is not None)
    assert value(told, "connector_initializes_total", outcome=reason.replace("_settings", "")) == 1


async def test_what_a_class_repeats_of_the_settings_is_struck_out_of_the_log(session: str, tmp_path: Path) -> None:
    with logged(LogsSection(format="json")) as log:
        async with served(tmp_path, '[end_system]\nprofile = "tests.sessions.mumbling.Telltale"\n') as server:
            await server.opshub.initialize(session, settings(PASSWORD, user="jo"))

    [line] = [line for line in log.lines if line["event"] == "request"]
    assert line["code"] == "not-***"
    assert line["message"] == "no *** at https://desk.test/?p=*** for jo"


async def test_the_log_says_why_a_defect_of_the_end_systems_class_is_a_500(desk: Desk, session: str, tmp_path: Path) -> None:
    desk.node = "n\tn"
    with logged(LogsSection(format="json")) as log:
        async with served(tmp_path, desk.section) as server:
            assert (await server.opshub.initialize(session, settings())).status == 500
            await desk.ended.get()

    assert [line["reason"] for line in log.lines if line["event"] == "request"] == ["defect"]


async def test_half_a_character_in_the_words_of_an_authors_class_is_replaced(session: str, tmp_path: Path) -> None:
    async with served(tmp_path, '[end_system]\nprofile = "tests.sessions.mumbling.Mumbling"\n') as server:
        answer = await server.opshub.initialize(session, [])

    assert (answer.status, answer.body["errors"]["code"]) == (400, "E-?")
    assert answer.body["errors"]["message"] == "The login was refused: half a ?"


async def test_headers_over_6_kib_in_all_are_a_warning_in_the_log(desk: Desk, session: str, tmp_path: Path) -> None:
    desk.node = "n" * 7000
    with capture_logs() as logs:
        async with served(tmp_path, desk.section) as server:
            assert (await server.opshub.initialize(session, settings())).status == 200

    assert [line["advised"] for line in logs if line["event"].startswith("a session's headers are large")] == [6144]


@pytest.mark.parametrize("node", ["\xa0", "n\tn"])
async def test_a_returned_header_that_cannot_be_one_is_a_500_and_its_login_is_ended(
    desk: Desk, session: str, tmp_path: Path, node: str
) -> None:
    desk.node = node
    async with served(tmp_path, desk.section) as server:
        answer = await server.opshub.initialize(session, settings())
        await desk.ended.get()

    assert (answer.status, answer.body["errors"]["code"]) == (500, "internal_error")
    assert node not in answer.text
    assert not desk.alive


async def test_a_profile_that_makes_no_logins_opens_sessions_all_the_same(session: str, tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        opened = await server.opshub.initialize(session, [], query=SYSTEM)
        ended = await server.opshub.cleanup(session, opened.session_headers, SYSTEM)
        again = await server.opshub.cleanup(session, opened.session_headers, SYSTEM)

    assert (opened.status, [*opened.session_headers]) == (200, ["X-Connector-Session"])
    assert [answer.body["logout"]["outcome"] for answer in (ended, again)] == ["not_applicable", "not_applicable"]


async def test_many_sessions_are_opened_at_the_same_time(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server, asyncio.TaskGroup() as calls:
        opened: list[asyncio.Task[Any]] = [
            calls.create_task(server.opshub.initialize(str(uuid4()), settings(), query=SYSTEM)) for _ in range(50)
        ]

    assert {task.result().status for task in opened} == {200}
    assert len({task.result().session_headers["X-Connector-Session"] for task in opened}) == len(desk.alive) == 50
    assert PASSWORD not in "".join(task.result().text for task in opened)


async def test_a_login_whose_token_fits_nowhere_is_owed_and_needs_a_human(desk: Desk, session: str, tmp_path: Path) -> None:
    desk.only_token = "two words"
    async with served(tmp_path, desk.section) as server:
        answer = await server.opshub.initialize(session, settings())
        await until(partial(needs_a_human, tmp_path, session))

    assert (answer.status, answer.body["errors"]["code"]) == (400, "credential_malformed")
    assert "could not be ended" in answer.body["errors"]["message"]
    assert (desk.alive, desk.logouts.total()) == ({"two words"}, 0)


async def needs_a_human(folder: Path, session: str) -> bool:
    with raw(folder) as file:
        return file.execute("SELECT state FROM debts WHERE session_id = ?", (session,)).fetchall() == [("waiting",)]
