"""The audit log through the control socket: the system tells whose process has connected."""

import socket

import pytest

from connector.cli.control_client import Refused
from connector.runtime.users import user_name
from tests.control.administered import Administered

needs_linux = pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="only Linux tells who has connected")


@needs_linux
async def test_a_line_names_the_user_of_the_process_that_has_asked(server: Administered) -> None:
    debt = await server.refused(1)

    await server.ask(lambda client: client.post(f"/owed/{debt.id}/dismiss", {"reason": "gone"}))

    (line,) = await server.ask(lambda client: client.get("/audit"))
    assert line.pop("at") >= debt.recorded_at
    assert line == {
        "id": 1,
        "who": user_name(server.folder.stat().st_uid),
        "where": "control socket",
        "action": "dismiss",
        "target": f"owed {debt.id}",
        "outcome": "dismissed: gone",
    }


async def test_lines_come_in_pages_from_the_newest_on(server: Administered) -> None:
    debts = [await server.refused(number) for number in range(3)]
    await server.ask(lambda client: [client.post(f"/owed/{debt.id}/retry") for debt in debts])

    first = await server.ask(lambda client: client.get("/audit", {"limit": 2}))
    rest = await server.ask(lambda client: client.get("/audit", {"limit": 2, "before": first[-1]["id"]}))

    assert [line["target"] for line in (*first, *rest)] == [f"owed {debt.id}" for debt in reversed(debts)]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"before": 0}, {"before": 2**63}, {"after": 1}], ids=str)
async def test_a_page_that_cannot_be_is_refused_and_says_why(server: Administered, query: dict[str, int]) -> None:
    with pytest.raises(Refused):
        await server.ask(lambda client: client.get("/audit", query))
