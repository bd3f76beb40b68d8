"""What is cached, through the control socket."""

from typing import Any

import pytest

from connector.cli.control_client import Refused
from tests.control.administered import Administered


async def test_what_is_cached_is_told_for_each_system_of_which_a_session_is_open(server: Administered) -> None:
    await server.open(1)

    found = await server.ask(lambda client: client.get("/caches"))

    (store,) = found["drivers"]
    assert {name: store[name] for name in ("driver", "state", "entries", "hits")} == {
        "driver": "memory",
        "state": "up",
        "entries": 0,
        "hits": 0,
    }
    assert found["systems"] == [{"system": "A", "held": {"memory": {"entries": 0, "bytes": 0, "complete": True}}}]
    assert found["more"] is False


async def test_a_system_is_evicted_and_the_audit_log_says_who_asked(server: Administered) -> None:
    opened = await server.open(1)

    evicted = await server.ask(lambda client: client.post("/caches/evict", {"system": "Jira & Co"}))

    assert evicted == {"system": "Jira & Co", "recorded": True, "evictions": {"memory": "evicted"}, "owed": [], "hooks": {}}
    (line,) = await server.ask(lambda client: client.get("/audit"))
    assert (line["action"], line["target"], line["outcome"]) == ("evict", "system Jira & Co", "memory: evicted")
    assert (await server.ledger.known_sessions()).logins == {opened.session_id: opened.login_id}


@pytest.mark.parametrize("body", [{}, {"system": ""}, {"system": "x" * 201}, {"system": "a\nb"}, {"system": 1}, []], ids=str)
async def test_an_eviction_of_what_is_no_system_is_refused_and_leaves_no_line(server: Administered, body: Any) -> None:
    with pytest.raises(Refused):
        await server.ask(lambda client: client.post("/caches/evict", body))
    assert await server.ask(lambda client: client.get("/audit")) == []


@pytest.mark.parametrize("system", ["", "x" * 201, "a\nb"], ids=repr)
async def test_a_question_for_what_is_no_system_is_refused(server: Administered, system: str) -> None:
    with pytest.raises(Refused):
        await server.ask(lambda client: client.get("/caches", {"system": system}))
