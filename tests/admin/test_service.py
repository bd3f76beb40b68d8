"""The service behind every face of administration: over a running server's ledger, and over the file of one that is down."""

from pathlib import Path

import msgspec
import pytest

from connector.admin.audited import AuditBook
from connector.admin.readiness import Lifecycle, ReadinessCheck
from connector.admin.service import Admin, LedgerView
from connector.admin.shown import Choice, SilentLedger
from connector.cache.storage import Storage
from connector.cleanups.hooks import Hooks
from connector.config.settings import StorageDeadlines
from connector.ledger.sql.at_rest import LedgerAtRest
from connector.ledger.sqlite.reading import opened_read_only
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.audit import Actor
from connector.model.debts import LogoutState
from connector.model.errors import DebtHeldBack, NoSuchDebt
from connector.sessions.doubts import Doubts
from connector.sessions.live import LiveSessions
from connector.sessions.seat_lines import SeatLines
from connector.telemetry.last_day import LastDay
from tests.assembly import METRICS, caching, closing, draining, holding
from tests.doubles import LocatedEndSystem, ScriptedDriver
from tests.ledger.ledgers import KEYS, NAME, ORIGIN, close, ledger, opened, record, request

SOMEBODY = Actor("ada", "control socket")


def admin(
    of: SqliteLedger,
    end_system: LocatedEndSystem | None = None,
    nudged: list[str] | None = None,
    *,
    audit_book: AuditBook | None = None,
    storage: Storage | None = None,
    hooks: Hooks | None = None,
) -> Admin:
    storage = storage or Storage([ScriptedDriver("memory", ScriptedDriver.Settings())], StorageDeadlines())
    end_system, live = end_system or LocatedEndSystem(ORIGIN), LiveSessions(of)
    return Admin(
        ledger=of,
        audit_book=audit_book or AuditBook(of),
        readiness=ReadinessCheck(storage, of, live.unrecorded, Lifecycle(), needs_stores=False),
        holding=holding(of, end_system),
        closing=closing(of, live, end_system, storage),
        caching=caching(of, live, end_system, storage, hooks),
        draining=draining(of, live, end_system, storage),
        nudge=lambda: (nudged if nudged is not None else []).append("nudged"),
        metrics_url=None,
        doubts=Doubts(),
        seats=None,
        lines=SeatLines(lambda _: ()),
        reaped={},
        last_day=LastDay(METRICS),
        keys_of_all=lambda _: [],
    )


@pytest.mark.parametrize(
    ("choice", "ids"), [("open", [1, 2]), ("owed", [1]), ("waiting", [2]), ("closed", [3]), ("all", [1, 2, 3])]
)
async def test_a_running_server_and_its_file_list_the_same_rows(tmp_path: Path, choice: Choice, ids: list[int]) -> None:
    async with opened(tmp_path) as live:
        await record(live, 1)
        await live.settle(await record(live, 2), state=LogoutState.WAITING)
        await close(live, await record(live, 3))
        while_running = await admin(live).rows(choice)
    with opened_read_only(tmp_path / NAME, KEYS) as table:
        at_rest = await LedgerView(LedgerAtRest(table)).rows(choice)

    assert at_rest == while_running
    assert [row.id for row in at_rest] == ids


async def test_a_running_server_and_its_file_tell_the_same_totals(tmp_path: Path) -> None:
    async with opened(tmp_path) as live:
        await record(live, 1)
        await close(live, await record(live, 2))
        while_running = await admin(live).totals()
    with opened_read_only(tmp_path / NAME, KEYS) as table:
        at_rest = await LedgerView(LedgerAtRest(table)).totals()

    of_this_moment = {"bytes": 0, "next_try_at": 0}
    assert msgspec.to_builtins(at_rest) | of_this_moment == msgspec.to_builtins(while_running) | of_this_moment
    assert None not in (at_rest.next_try_at, while_running.next_try_at)
    assert (at_rest.owed, at_rest.evictions) == (1, 1)


async def test_a_row_that_is_not_there_is_refused_by_a_server_and_by_its_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as live:
        with pytest.raises(NoSuchDebt):
            await admin(live).row(9)
    with opened_read_only(tmp_path / NAME, KEYS) as table, pytest.raises(NoSuchDebt):
        await LedgerView(LedgerAtRest(table)).row(9)


async def test_a_logout_that_is_made_due_wakes_the_retries(tmp_path: Path) -> None:
    nudged: list[str] = []
    async with opened(tmp_path) as live:
        waiting = await live.settle(await live.record(request(1), origin=ORIGIN, drivers=()), state=LogoutState.WAITING)
        assert waiting is not None
        row = await admin(live, nudged=nudged).make_due(SOMEBODY, waiting.id)

    assert (row.id, row.state, nudged) == (waiting.id, "owed", ["nudged"])


async def test_what_would_be_held_back_again_is_not_made_due_and_wakes_nobody(tmp_path: Path) -> None:
    nudged: list[str] = []
    async with opened(tmp_path) as live:
        debt = await live.record(request(1), origin=ORIGIN, drivers=())
        with pytest.raises(DebtHeldBack):
            await admin(live, LocatedEndSystem("https://new.example.com"), nudged).make_due(SOMEBODY, debt.id)

    assert nudged == []


async def test_the_minutes_that_have_ended_and_the_present_one_are_shown(tmp_path: Path) -> None:
    service = admin(ledger(tmp_path))
    service.last_day.keep()
    shown = service.history()

    assert [point.at for point in shown.points] <= [shown.present.at]
    assert service.history(since=shown.points[-1].at).points == []


async def test_a_ledger_that_is_closed_is_told_in_the_status_and_the_rest_all_the_same(tmp_path: Path) -> None:
    found = await admin(ledger(tmp_path)).status()

    assert isinstance(found.ledger, SilentLedger)
    assert (found.status, found.drivers, found.metrics) == ("unavailable", {"memory": "up"}, None)
