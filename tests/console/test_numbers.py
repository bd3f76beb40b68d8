"""The numbers that the charts draw, and the words that say them; and the audit log."""

import os

from connector.console.chart_pages import charts
from connector.runtime.users import user_name
from connector.telemetry.last_day import Point, Took
from tests.console.visitor import Visitor, visitor_of
from tests.control.administered import Administered


def point(at: float, *, cleanups: dict[str, int], took: Took | None) -> Point:
    return Point(at=at, seconds=60.0, initializes={}, cleanups=cleanups, logouts={}, cleanup_took=took, logout_took=None)


def test_each_line_of_a_chart_has_a_number_for_each_minute() -> None:
    drawn = charts([point(60.0, cleanups={"200": 3}, took=Took(0.01, 0.2)), point(120.0, cleanups={"503": 1}, took=None)])

    named = {chart["name"]: chart for chart in drawn}
    assert [*named] == ["initializes", "cleanups", "logouts", "seconds"]
    assert named["cleanups"] == {"name": "cleanups", "at": [60.0, 120.0], "lines": {"200": [3, 0], "503": [0, 1]}}
    assert named["seconds"]["lines"]["cleanup, 99 of 100"] == [0.2, None]
    assert named["seconds"]["lines"]["logout, half of them"] == [None, None]


async def test_the_charts_numbers_are_behind_the_login(server: Administered, visitor: Visitor) -> None:
    async with visitor_of(server, enters=False) as outside:
        assert (await outside.ask("GET", f"{visitor.base}/charts/numbers")).path == "/"
    assert (await visitor.get("/charts/numbers")).status == 200


async def test_each_action_of_the_console_is_in_the_audit_log(server: Administered, visitor: Visitor) -> None:
    opened, debt = await server.open(1), await server.refused(2)
    for path in (f"/owed/{debt.id}/retry", f"/owed/{debt.id}/dismiss", f"/sessions/{opened.session_id}/close?login=login+1"):
        fields = (await visitor.get(path)).form(path.partition("?")[0])
        fields = {name: value or "by hand" for name, value in fields.items() if name != "here"}
        assert (await visitor.post(path.partition("?")[0], fields)).status == 200

    lines = [*reversed(await server.ask(lambda client: client.get("/audit")))]

    assert [line["action"] for line in lines] == ["console login", "retry", "dismiss", "close"]
    assert {line["where"] for line in lines} == {"console 127.0.0.1"}
    assert {line["who"] for line in lines} == {user_name(os.geteuid())}
    assert (await visitor.get("/audit")).text.count("<tr>") == 5
