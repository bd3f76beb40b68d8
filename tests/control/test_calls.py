"""The calls on the control socket, made through it as the commands make them."""

import json
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connector.admin.shown import shown_debt
from connector.cli.control_client import ControlClient, Refused, ServerDown
from connector.config.settings import LogsSection
from connector.model.debts import LogoutState
from connector.model.outcomes import OTHER_END_SYSTEM
from tests.api.log import logged
from tests.control.administered import METRICS_URL, REAPED, TOKEN, Administered


async def test_the_status_tells_who_serves_what_works_and_how_much_is_owed(server: Administered) -> None:
    await server.owe(1)
    refused = await server.refused(2)
    await server.closed(3)

    facts = await server.ask(lambda client: client.get("/status"))

    ledger = facts.pop("ledger")
    assert facts.pop("uptime") >= 0
    assert facts == {
        "status": "ready",
        "drivers": {"memory": "up"},
        "degraded": {},
        "replicas": [],
        "pid": os.getpid(),
        "version": "0.1.0",
        "metrics": METRICS_URL,
        "unproved": 0,
        "doubted": {},
        "pools": [],
        "reaped": REAPED,
    }
    assert {name: ledger[name] for name in ("owed", "waiting", "closed", "evictions")} == {
        "owed": 1,
        "waiting": 1,
        "closed": 1,
        "evictions": 0,
    }
    assert ledger["held_back"] == {}
    assert ledger["oldest"] < refused.recorded_at < ledger["next_try_at"]
    assert ledger["bytes"] > 0


async def test_a_request_of_a_command_is_in_the_log_only_for_whoever_looks_for_faults(server: Administered) -> None:
    with logged(LogsSection(format="json", level="debug")) as log:
        await server.ask(lambda client: client.get("/status"))

    [line] = [line for line in log.lines if line["event"] == "request"]
    assert (line["route"], line["level"]) == ("/status", "debug")


async def test_a_server_that_is_shutting_down_says_so(server: Administered) -> None:
    server.lifecycle.drain()

    assert (await server.ask(lambda client: client.get("/status")))["status"] == "draining"


async def test_a_ledger_that_cannot_be_read_is_told_and_keeps_the_status_from_nothing_else(server: Administered) -> None:
    await server.ledger.aclose()

    facts = await server.ask(lambda client: client.get("/status"))

    assert (facts["status"], [*facts["ledger"]]) == ("unavailable", ["unavailable"])
    with pytest.raises(Refused) as refused:
        await server.ask(lambda client: client.get("/owed"))
    assert refused.value.passing


async def test_a_row_tells_why_it_waits_and_what_the_end_system_said_last(server: Administered) -> None:
    debt = await server.refused(1)

    assert await server.ask(lambda client: client.get(f"/owed/{debt.id}")) == {
        "id": debt.id,
        "session": debt.session_id,
        "system": "A",
        "origin": "https://desk.example.com",
        "moved_to": None,
        "state": "waiting",
        "reason": "refused",
        "usable": True,
        "attempts": 1,
        "last_answer": {"outcome": "refused", "code": "400", "message": "no such site", "proved": None},
        "owed_evictions": {},
        "recorded_at": debt.recorded_at,
        "next_try_at": None,
        "closed_at": None,
    }


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, [1, 2, 4, 5]),
        ({"state": "owed"}, [1, 4]),
        ({"state": "waiting"}, [2]),
        ({"state": "closed"}, [3, 5]),
        ({"state": "all"}, [1, 2, 3, 4, 5]),
        ({"system": "B"}, [2]),
        ({"system": "%"}, []),
        ({"after": 2}, [4, 5]),
        ({"state": "all", "after": 1, "limit": 2}, [2, 3]),
    ],
    ids=str,
)
async def test_rows_are_listed_by_state_and_system_in_pages_owed_evictions_included(
    server: Administered, query: dict[str, Any], wanted: list[int]
) -> None:
    await server.owe(1)
    await server.refused(2, system="B")
    await server.closed(3)
    await server.owe(4, system=None)
    await server.closed(5, evicted=False)

    rows = await server.ask(lambda client: client.get("/owed", query))

    assert [row["id"] for row in rows] == wanted


async def test_a_retry_makes_the_logout_due_and_wakes_the_worker(server: Administered) -> None:
    debt = await server.refused(1)

    row = await server.ask(lambda client: client.post(f"/owed/{debt.id}/retry"))

    assert (row["state"], server.nudged.is_set()) == ("owed", True)
    assert (await server.ledger.debt(debt.id)).due_at < debt.due_at


async def test_what_is_held_back_is_retried_here_only_if_that_is_asked_for(server: Administered) -> None:
    debt = await server.refused(1, OTHER_END_SYSTEM)
    assert shown_debt(debt).reason == "held back: made for https://desk.example.com"
    server.end_system.place = "https://new.example.com"

    with pytest.raises(Refused, match=r"https://desk\.example\.com.*https://new\.example\.com.*--here") as refused:
        await server.ask(lambda client: client.post(f"/owed/{debt.id}/retry"))
    row = await server.ask(lambda client: client.post(f"/owed/{debt.id}/retry", {"here": True}))

    assert not refused.value.passing
    assert (row["state"], row["origin"], row["moved_to"]) == ("owed", "https://desk.example.com", "https://new.example.com")


async def test_a_dismissal_closes_the_row_for_the_reason_that_was_given(server: Administered) -> None:
    debt = await server.refused(1)

    await server.ask(lambda client: client.post(f"/owed/{debt.id}/dismiss", {"reason": "licence was freed by hand"}))

    closed = await server.ledger.debt(debt.id)
    assert (closed.state, closed.dismissed) == (LogoutState.CLOSED, "licence was freed by hand")
    row = await server.ask(lambda client: client.get(f"/owed/{debt.id}"))
    assert row["reason"] == "dismissed: licence was freed by hand"


@pytest.mark.parametrize(("method", "path"), [("GET", "/owed/9"), ("POST", "/owed/9/retry"), ("POST", "/owed/9/dismiss")])
async def test_what_is_not_there_is_refused_for_good(server: Administered, method: str, path: str) -> None:
    body = {"reason": "gone"} if path.endswith("dismiss") else {}
    with pytest.raises(Refused, match="has the id 9") as refused:
        await server.ask(lambda client: client.get(path) if method == "GET" else client.post(path, body))
    assert not refused.value.passing


@pytest.mark.parametrize("query", [{"state": "lost"}, {"limit": 0}, {"limit": 1001}, {"after": "x"}, {"stat": "owed"}], ids=str)
async def test_a_question_that_is_not_understood_is_refused(server: Administered, query: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"^(Expected|Invalid|Object)"):
        await server.ask(lambda client: client.get("/owed", query))


@pytest.mark.parametrize("body", ["", "[]", "{", "{}", '{"reason": ""}', '{"reason": 1}', '{"reason": "%s"}' % ("x" * 501)])
async def test_a_dismissal_without_a_sound_reason_changes_nothing(server: Administered, body: str) -> None:
    debt = await server.refused(1)

    socket = aiohttp.UnixConnector(str(server.folder / "control.sock"))
    async with (
        aiohttp.ClientSession(connector=socket) as http,
        http.post(f"http://x/owed/{debt.id}/dismiss", data=body) as answer,
    ):
        assert answer.status == 400
    assert (await server.ledger.debt(debt.id)).state is LogoutState.WAITING


async def test_no_answer_holds_a_credential(server: Administered) -> None:
    debt = await server.refused(1)
    await server.owe(2)

    answers = [
        await server.ask(lambda client, path=path: client.get(path))  # type: ignore[misc]
        for path in ("/status", "/owed", f"/owed/{debt.id}")
    ]

    assert TOKEN not in json.dumps(answers)


async def test_a_client_without_a_server_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ServerDown, match="no server listens at"), ControlClient(tmp_path / "control.sock"):
        pass


async def test_what_an_administrator_has_retried_and_dismissed_is_one_line_each_in_the_log(server: Administered) -> None:
    one, another = await server.refused(1), await server.refused(2)
    with logged(LogsSection(format="json")) as log:
        await server.ask(lambda client: client.post(f"/owed/{one.id}/retry"))
        await server.ask(lambda client: client.post(f"/owed/{another.id}/dismiss", {"reason": TOKEN}))

    assert [(line["event"].partition(":")[0], line["debt"], line["level"]) for line in log.lines] == [
        ("an administrator has a logout tried again", one.id, "info"),
        ("an administrator has dismissed a logout", another.id, "warning"),
    ]
    assert TOKEN not in log.text
