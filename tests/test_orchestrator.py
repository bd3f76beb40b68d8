"""The orchestrator with real memory drivers and scripted parts."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from connector.api.answers import answer
from connector.cleanups.orchestrator import Orchestrator
from connector.endsystems.end_system import SessionLogin
from connector.ledger.port import Ledger
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.cleanup import CleanupReport, CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.errors import BrokenOff
from connector.model.outcomes import EvictResult, LogoutOutcome, LogoutResult
from drivers import DriverSettings, DriverUnavailable, SessionScope, SystemScope
from tests.assembly import a_ledger, orchestrator
from tests.doubles import ACKNOWLEDGED, ScriptedDriver, ScriptedEndSystem, hang

WITHIN = 30.0
TURNS = 100
"""Turns of the event loop: more than anything takes that waits for nobody outside."""
SESSION = "6f1c1d2e-0000-4000-8000-000000000001"


def request(
    token: str = "t", *, login: str = "", system: str | None = "A", everything: bool = False, session: str = SESSION
) -> CleanupRequest:
    return CleanupRequest(session, system, everything, Credential([("Authorization", token)]), login_id=login)


def driver(name: str) -> ScriptedDriver:
    return ScriptedDriver(name, ScriptedDriver.Settings())


class Build(Protocol):
    def __call__(
        self, end_system: ScriptedEndSystem, drivers: Sequence[ScriptedDriver], *, logout: float = 30, evict: float = 30
    ) -> Orchestrator: ...


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    async with a_ledger(tmp_path).opened() as ledger:
        yield ledger


@pytest.fixture
def build(ledger: Ledger) -> Build:
    return partial(orchestrator, ledger=ledger)


async def test_logout_and_every_eviction_are_under_way_at_the_same_time(build: Build) -> None:
    barrier = asyncio.Barrier(4)
    drivers = [driver(name) for name in ("near", "middle", "authority")]

    async def meet() -> None:
        await barrier.wait()

    async def logout(_: SessionLogin) -> LogoutOutcome:
        await barrier.wait()
        return ACKNOWLEDGED

    for each in drivers:
        each.before_evict = meet
    async with asyncio.timeout(10):
        report = await build(ScriptedEndSystem(logout), drivers).cleanup(request())
    assert answer(report).status == 200
    assert [*report.evictions] == ["near", "middle", "authority"]


async def test_a_thousand_concurrent_duplicates_share_one_logout_and_evict_each_for_itself(build: Build) -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    evictions = 0

    async def logout(_: SessionLogin) -> LogoutOutcome:
        begun.set()
        await go.wait()
        return ACKNOWLEDGED

    async def count() -> None:
        nonlocal evictions
        evictions += 1

    authority = driver("authority")
    authority.before_evict = count
    end_system = ScriptedEndSystem(logout)
    runs = build(end_system, [authority])
    duplicates = [asyncio.create_task(runs.cleanup(request())) for _ in range(1000)]
    await begun.wait()
    go.set()
    reports = await asyncio.gather(*duplicates)
    assert len(end_system.asked) == 1
    assert evictions == 1000
    assert {answer(report).status for report in reports} == {200}


async def test_a_duplicate_that_comes_while_another_still_evicts_joins_its_finished_logout(build: Build) -> None:
    held, evicting = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        evicting.set()
        await held.wait()

    authority = driver("authority")
    authority.before_evict = hold
    end_system = ScriptedEndSystem()
    runs = build(end_system, [authority])
    first = asyncio.create_task(runs.cleanup(request()))
    await evicting.wait()
    second = asyncio.create_task(runs.cleanup(request()))
    held.set()
    assert {(await each).logout.outcome for each in (first, second)} == {ACKNOWLEDGED}
    assert len(end_system.asked) == 1


@pytest.mark.parametrize(
    "other",
    [request("u"), request(login="l"), request(session=SESSION.replace("1", "2"))],
    ids=["credential", "login", "session"],
)
async def test_another_credential_login_or_session_has_a_logout_of_its_own(build: Build, other: CleanupRequest) -> None:
    both = asyncio.Barrier(2)

    async def logout(_: SessionLogin) -> LogoutOutcome:
        await both.wait()
        return ACKNOWLEDGED

    end_system = ScriptedEndSystem(logout)
    runs = build(end_system, [driver("authority")])
    async with asyncio.timeout(10):
        await asyncio.gather(runs.cleanup(request()), runs.cleanup(other))
    assert len(end_system.asked) == 2


async def test_a_logout_that_failed_is_tried_again_by_the_next_cleanup(build: Build) -> None:
    end_system = ScriptedEndSystem(LogoutOutcome(LogoutResult.PENDING, "timeout"))
    runs = build(end_system, [driver("authority")])
    assert (await runs.cleanup(request())).logout.outcome.result is LogoutResult.PENDING
    end_system.behaviour = ACKNOWLEDGED
    again = await runs.cleanup(request())
    assert (again.logout.outcome, again.attempts) == (ACKNOWLEDGED, 2)


async def test_a_duplicate_of_a_closed_session_is_told_how_it_ended_and_sends_nothing(build: Build) -> None:
    end_system = ScriptedEndSystem(LogoutOutcome(LogoutResult.VERIFIED))
    runs = build(end_system, [driver("authority")])
    first, second = await runs.cleanup(request()), await runs.cleanup(request())
    assert (first.logout.outcome, first.attempts) == (second.logout.outcome, second.attempts)
    assert len(end_system.asked) == 1


async def test_a_duplicate_recorded_in_one_commit_with_the_first_outcome_sends_nothing(
    build: Build, ledger: SqliteLedger
) -> None:
    asked, answering, busy = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop, held = asyncio.get_running_loop(), threading.Event()

    def hold_up(_: object) -> None:
        loop.call_soon_threadsafe(busy.set)
        assert held.wait(WITHIN)

    async def logout(_: SessionLogin) -> LogoutOutcome:
        asked.set()
        await answering.wait()
        return ACKNOWLEDGED

    end_system = ScriptedEndSystem(logout)
    runs = build(end_system, [driver("authority")])
    first = asyncio.create_task(runs.cleanup(request()))
    await asked.wait()
    ahead = asyncio.create_task(ledger.transact(hold_up))
    await busy.wait()
    others = [asyncio.create_task(runs.cleanup(request(session=SESSION.replace("1", "2"))))]
    await as_far_as_it_goes()
    answering.set()
    await as_far_as_it_goes()
    others.append(asyncio.create_task(runs.cleanup(request())))
    await as_far_as_it_goes()
    held.set()
    assert {(await each).logout.outcome for each in (first, *others)} == {ACKNOWLEDGED}
    await ahead
    assert len(end_system.asked) == 2


async def as_far_as_it_goes() -> None:
    """Let everybody go on until nobody can: they wait for the ledger, which is held up."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def test_what_is_owed_is_durable_before_anything_is_tried(build: Build, ledger: Ledger) -> None:
    seen: list[Debt] = []

    async def logout(session: SessionLogin) -> LogoutOutcome:
        seen.extend(await ledger.listing())
        return ACKNOWLEDGED

    await build(ScriptedEndSystem(logout), [driver("near"), driver("authority")]).cleanup(request(everything=True))
    scopes = (SessionScope(SESSION, "A"), SystemScope("A"))
    assert [(debt.session_id, debt.state, debt.evictions) for debt in seen] == [
        (SESSION, LogoutState.OWED, {"near": scopes, "authority": scopes})
    ]
    assert (await ledger.debt(seen[0].id)).owes_nothing


async def test_what_a_cleanup_could_not_do_stays_owed(build: Build, ledger: Ledger) -> None:
    async def away() -> None:
        raise DriverUnavailable("down")

    near, authority = driver("near"), driver("authority")
    near.before_evict = away
    await build(ScriptedEndSystem(LogoutOutcome(LogoutResult.REFUSED, "X1")), [near, authority]).cleanup(request())
    (debt,) = await ledger.listing()
    assert (debt.state, [*debt.evictions]) == (LogoutState.WAITING, ["near"])


async def test_a_ledger_that_cannot_record_is_a_503_and_everything_is_tried_once(build: Build, ledger: SqliteLedger) -> None:
    await ledger.aclose()
    end_system, authority = ScriptedEndSystem(), driver("authority")
    before = await authority.stamp(SessionScope(SESSION, "A"))
    given = answer(await build(end_system, [authority]).cleanup(request()))
    assert given.error is not None
    assert (given.error.status, given.error.code) == (503, "ledger_unavailable")
    assert len(end_system.asked) == 1
    assert await authority.stamp(SessionScope(SESSION, "A")) != before


async def test_the_client_that_goes_away_changes_nothing(build: Build) -> None:
    begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def logout(_: SessionLogin) -> LogoutOutcome:
        begun.set()
        await go.wait()
        done.set()
        return ACKNOWLEDGED

    runs = build(ScriptedEndSystem(logout), [driver("authority")])
    client = asyncio.create_task(runs.cleanup(request()))
    await begun.wait()
    client.cancel()
    with suppress(asyncio.CancelledError):
        await client
    go.set()
    assert await runs.drain(10) == 0
    assert done.is_set()


async def test_shutdown_breaks_off_what_outlasts_its_deadline_and_says_how_much(build: Build) -> None:
    begun = asyncio.Event()

    async def logout(_: SessionLogin) -> LogoutOutcome:
        begun.set()
        await hang()
        return ACKNOWLEDGED

    runs = build(ScriptedEndSystem(logout), [driver("authority")])
    client = asyncio.create_task(runs.cleanup(request()))
    await begun.wait()
    assert await runs.drain(0.01) == 2
    with pytest.raises(BrokenOff):
        await client


async def test_no_step_ends_another_and_each_failure_is_an_outcome(build: Build) -> None:
    async def broken_logout(_: SessionLogin) -> LogoutOutcome:
        raise ZeroDivisionError

    async def away() -> None:
        raise DriverUnavailable("the server at 127.0.0.1:1 refuses connections")

    down, slow, fine = driver("down"), driver("slow"), driver("fine")
    down.before_evict, slow.before_evict = away, hang
    report = await build(ScriptedEndSystem(broken_logout), [down, slow, fine], evict=0.01).cleanup(request())
    assert report.logout.outcome.result is LogoutResult.FAILED
    assert [step.outcome.result for step in report.evictions.values()] == [
        EvictResult.UNAVAILABLE,
        EvictResult.UNAVAILABLE,
        EvictResult.EVICTED,
    ]
    assert answer(report).status == 500


async def test_a_logout_that_outlasts_its_deadline_is_pending(build: Build) -> None:
    async def logout(_: SessionLogin) -> LogoutOutcome:
        await hang()
        return ACKNOWLEDGED

    report = await build(ScriptedEndSystem(logout), [driver("authority")], logout=0.01).cleanup(request())
    assert (report.logout.outcome.result, report.logout.outcome.code) == (LogoutResult.PENDING, "timeout")


@pytest.mark.parametrize(("everything", "system_survives"), [(False, True), (True, False)])
async def test_the_global_flag_decides_whether_the_system_goes(build: Build, everything: bool, system_survives: bool) -> None:
    authority = driver("authority")
    session, other, system = SessionScope(SESSION, "A"), SessionScope("other", "A"), SystemScope("A")
    before = {scope: await authority.stamp(scope) for scope in (session, other, system)}
    await build(ScriptedEndSystem(), [authority]).cleanup(request(everything=everything))
    assert await authority.stamp(session) != before[session]
    assert (await authority.stamp(system) == before[system]) is system_survives
    assert (await authority.stamp(other) == before[other]) is system_survives


async def _report(build: Build, logout: LogoutResult, failing: str | None = None, *, bug: bool = False) -> CleanupReport:
    async def fail() -> None:
        raise ZeroDivisionError if bug else DriverUnavailable("down")

    drivers = [driver("near"), driver("authority")]
    for each in drivers:
        each.before_evict = fail if each.name == failing else None
    return await build(ScriptedEndSystem(LogoutOutcome(logout, "X1")), drivers).cleanup(request())


@pytest.mark.parametrize(
    ("logout", "failing", "bug", "status"),
    [
        (LogoutResult.VERIFIED, None, False, 200),
        (LogoutResult.ALREADY_OUT, None, False, 200),
        (LogoutResult.NOT_APPLICABLE, None, False, 200),
        (LogoutResult.ACKNOWLEDGED, "near", False, 200),
        (LogoutResult.REFUSED, None, False, 502),
        (LogoutResult.PENDING, "near", False, 200),
        (LogoutResult.REFUSED, "authority", False, 503),
        (LogoutResult.ACKNOWLEDGED, "authority", False, 503),
        (LogoutResult.FAILED, "authority", False, 500),
        (LogoutResult.ACKNOWLEDGED, "near", True, 500),
    ],
)
async def test_the_worst_that_happened_decides_the_status(
    build: Build, logout: LogoutResult, failing: str | None, bug: bool, status: int
) -> None:
    given = answer(await _report(build, logout, failing, bug=bug))
    assert given.status == status
    assert (given.error is not None and "Retry-After" in given.error.headers) is (status == 503)
    assert given.report["logout"]["outcome"] == logout.value
    if status == 502:
        assert given.error is not None
        assert given.error.code == "X1"


def test_a_credential_is_silent_when_printed() -> None:
    canary = "s3cret-canary"
    assert canary not in repr(Credential([("Authorization", canary)]))
    assert canary not in repr(request(canary))


def test_a_credential_keeps_what_is_needed_whatever_the_case() -> None:
    headers = [("Host", "h"), ("AUTHORIZATION", "a"), ("Cookie", "c"), ("X-Other", "x")]
    assert dict(Credential(headers, needed=["Authorization"])) == {"authorization": "a"}
    assert dict(Credential(headers)) == {"authorization": "a", "cookie": "c", "x-other": "x"}
    assert Credential(headers)["Cookie"] == "c"


def test_settings_of_a_driver_are_checked() -> None:
    with pytest.raises(ValueError, match="extra"):
        DriverSettings.model_validate({"no_such_key": 1})


async def test_a_credential_that_is_no_text_is_recorded_and_retried_as_it_came(build: Build, ledger: Ledger) -> None:
    odd = "t\udcff\udc80"
    await build(ScriptedEndSystem(LogoutOutcome(LogoutResult.PENDING)), [driver("authority")]).cleanup(request(odd))
    (owed,) = await ledger.claim_due(time.time() + 120, per_origin=1, limit=1)
    assert owed.credential == Credential([("Authorization", odd)])


async def test_a_cancellation_that_nobody_sent_is_a_defect_of_its_step_and_of_no_other(build: Build) -> None:
    async def logout(_: SessionLogin) -> LogoutOutcome:
        mine = asyncio.create_task(hang())
        mine.cancel()
        await mine
        return ACKNOWLEDGED

    report = await build(ScriptedEndSystem(logout), [driver("authority")]).cleanup(request())
    assert report.logout.outcome.result is LogoutResult.FAILED
    assert [step.outcome.result for step in report.evictions.values()] == [EvictResult.EVICTED]


async def test_an_end_system_that_breaks_on_its_origin_is_logged_out_of_all_the_same(build: Build) -> None:
    class Nowhere(ScriptedEndSystem):
        def origin(self, session: SessionLogin) -> str:
            raise ZeroDivisionError

    assert answer(await build(Nowhere(), [driver("authority")]).cleanup(request())).status == 200


async def test_an_eviction_that_is_made_good_leaves_a_retry_that_a_human_asked_for(build: Build, ledger: Ledger) -> None:
    async def away() -> None:
        raise DriverUnavailable("down")

    authority = driver("authority")
    authority.before_evict = away
    await build(ScriptedEndSystem(LogoutOutcome(LogoutResult.REFUSED)), [authority]).cleanup(request())
    (seen,) = await ledger.owed_evictions("authority")
    await ledger.make_due(seen.id)
    await ledger.settle(seen, state=None, evicted=["authority"])
    settled = await ledger.debt(seen.id)
    assert (seen.state, settled.state, settled.evictions) == (LogoutState.WAITING, LogoutState.OWED, {})
