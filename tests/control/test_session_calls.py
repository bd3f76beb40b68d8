"""The calls about sessions on the control socket, made through it as the commands make them."""

import json
from typing import Any

import aiohttp
import pytest

from connector.cli.control_client import ControlClient, Refused
from connector.config.settings import LogsSection
from connector.model.outcomes import LogoutOutcome, LogoutResult
from tests.api.log import logged
from tests.control.administered import TOKEN, Administered


async def test_an_open_session_is_told_with_all_but_its_credential(server: Administered) -> None:
    opened = await server.open(1)

    (session,) = await server.ask(lambda client: client.get("/sessions"))

    assert session.pop("place") > 0
    assert session == {
        "session": opened.session_id,
        "system": "A",
        "origin": "https://desk.example.com",
        "login": "login 1",
        "state": "open",
        "reason": None,
        "usable": True,
        "opened_at": opened.opened_at,
        "used_at": opened.used_at,
        "idle": 0.0,
        "calls": 0,
        "sharers": 0,
    }


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, [3, 4, 1, 2]),
        ({"state": "open"}, [1, 2]),
        ({"state": "opening"}, [3]),
        ({"state": "unknown"}, [4]),
        ({"system": "B"}, [2]),
        ({"system": "%"}, []),
        ({"origin": "https://desk.example.com", "state": "open"}, [1, 2]),
        ({"idle": 60}, [1]),
        ({"idle": 61.5}, []),
        ({"limit": 3}, [3, 4, 1]),
    ],
    ids=str,
)
async def test_sessions_are_listed_by_state_system_origin_and_idle_time(
    server: Administered, query: dict[str, Any], wanted: list[int]
) -> None:
    await server.open(1)
    await server.ledger.tick()
    await server.ledger.tick()
    await server.open(2, system_id="B")
    await server.begin(3)
    await server.begin(4, unanswered=True)

    rows = await server.ask(lambda client: client.get("/sessions", query))

    assert [int(row["session"][-12:]) for row in rows] == wanted


async def test_pages_follow_each_other_by_their_places(server: Administered) -> None:
    for number in (1, 2, 3):
        await server.open(number)
    await server.begin(4)

    def all_pages(client: ControlClient) -> list[Any]:
        seen: list[Any] = []
        while page := client.get("/sessions", {"limit": 2, "after": seen[-1]["place"] if seen else 0}):
            seen += page
        return seen

    assert [int(row["session"][-12:]) for row in await server.ask(all_pages)] == [4, 1, 2, 3]


async def test_one_session_is_shown_with_each_of_its_logins_in_any_spelling_of_its_id(server: Administered) -> None:
    opened = await server.open(1)
    await server.begin(1, login_id="the next one")

    rows = await server.ask(lambda client: client.get(f"/sessions/{opened.session_id.upper()}"))

    assert [(row["login"], row["state"]) for row in rows] == [("the next one", "opening"), ("login 1", "open")]


async def test_a_session_that_is_closed_is_gone_and_what_became_of_its_logout_is_told(server: Administered) -> None:
    opened = await server.open(1)
    path = f"/sessions/{opened.session_id}/close"

    told = await server.ask(lambda client: client.post(path, {"login": "login 1"}))

    assert told == {
        "session": opened.session_id,
        "login": "login 1",
        "recorded": True,
        "state": "closed",
        "logout": {"outcome": "acknowledged", "code": None, "message": None, "proved": None},
        "evictions": {"memory": "evicted"},
        "hooks": {},
    }
    with pytest.raises(Refused, match="not open") as refused:
        await server.ask(lambda client: client.post(path, {"login": "login 1"}))
    assert not refused.value.passing


async def test_another_login_than_the_one_that_was_shown_is_not_closed(server: Administered) -> None:
    opened = await server.open(1)

    with pytest.raises(Refused, match="another login"):
        await server.ask(lambda client: client.post(f"/sessions/{opened.session_id}/close", {"login": "login 0"}))

    assert server.live.login_of(opened.session_id) == "login 1"
    assert server.end_system.asked == []


async def test_an_unknown_login_is_dismissed_and_one_under_way_is_not(server: Administered) -> None:
    unknown, under_way = await server.begin(1, unanswered=True), await server.begin(2)

    await server.ask(lambda client: client.post(f"/sessions/{unknown.session_id}/dismiss", {"login": "login 1"}))
    with pytest.raises(Refused, match="this login is under way"):
        await server.ask(lambda client: client.post(f"/sessions/{under_way.session_id}/dismiss", {"login": "login 2"}))

    assert [row["login"] for row in await server.ask(lambda client: client.get("/sessions"))] == ["login 2"]


@pytest.mark.parametrize(
    "query",
    [{"state": "owed"}, {"limit": 0}, {"limit": 1001}, {"after": "x"}, {"idle": -1}, {"idle": "nan"}, {"idle": "inf"}, {"x": 1}],
    ids=str,
)
async def test_a_question_that_is_not_understood_is_refused(server: Administered, query: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"^(Expected|Invalid|Object)"):
        await server.ask(lambda client: client.get("/sessions", query))


@pytest.mark.parametrize("body", ["", "[]", "{", "{}", '{"login": ""}', '{"login": 1}', '{"login": "%s"}' % ("x" * 201)])
async def test_a_close_that_names_no_login_changes_nothing(server: Administered, body: str) -> None:
    opened = await server.open(1)

    socket = aiohttp.UnixConnector(str(server.folder / "control.sock"))
    async with (
        aiohttp.ClientSession(connector=socket) as http,
        http.post(f"http://x/sessions/{opened.session_id}/close", data=body) as answer,
    ):
        assert answer.status == 400
    assert server.live.login_of(opened.session_id) == "login 1"


@pytest.mark.parametrize("id_", ["x", "1", "6f1c1d2e", "%00"])
async def test_an_id_that_is_no_uuid_is_the_askers_fault(server: Administered, id_: str) -> None:
    with pytest.raises(Refused, match="no UUID"):
        await server.ask(lambda client: client.get(f"/sessions/{id_}"))


async def test_a_ledger_that_cannot_be_read_is_told_and_nothing_is_closed(server: Administered) -> None:
    opened = await server.open(1)
    await server.ledger.aclose()

    def close(client: ControlClient) -> Any:
        return client.post(f"/sessions/{opened.session_id}/close", {"login": "login 1"})

    for question in (lambda client: client.get("/sessions"), close):
        with pytest.raises(Refused) as refused:
            await server.ask(question)
        assert refused.value.passing
    assert server.live.login_of(opened.session_id) == "login 1"


async def test_what_an_administrator_closes_and_dismisses_is_in_the_log_without_secrets(server: Administered) -> None:
    opened, unknown = await server.open(1), await server.begin(2, unanswered=True)
    server.end_system.behaviour = LogoutOutcome(LogoutResult.PENDING, "503")
    with logged(LogsSection(format="json")) as log:
        told = await server.ask(lambda client: client.post(f"/sessions/{opened.session_id}/close", {"login": "login 1"}))
        await server.ask(lambda client: client.post(f"/sessions/{unknown.session_id}/dismiss", {"login": "login 2"}))

    closing, closed, dismissed = [line for line in log.lines if "administrator" in line["event"]]
    assert (closing["level"], closed["logout"], closed["session"]) == ("info", "pending", closing["session"])
    assert (dismissed["level"], dismissed["end_system"]) == ("warning", "https://desk.example.com")
    assert TOKEN not in log.text + json.dumps(told)
    assert opened.session_id not in log.text
