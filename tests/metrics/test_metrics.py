"""What is counted and measured, and that Prometheus reads it as it is meant."""

import asyncio
import re
import time

from prometheus_client.parser import text_string_to_metric_families

from connector.model.debts import Totals
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import LoginResult
from connector.model.sessions import Reason
from connector.sessions.after_login import OPEN
from connector.sessions.opening_outcomes import NotOpened
from connector.telemetry.metrics import INITIALIZES, Metrics
from tests.metrics.exposition import samples, value
from tests.metrics.filled import CANARY, filled, totals


async def exposition() -> str:
    return (await filled()).exposition().decode()


async def test_names_units_and_help_follow_the_conventions_of_prometheus() -> None:
    families = [*text_string_to_metric_families(await exposition())]
    assert {"counter", "gauge", "histogram"} <= {family.type for family in families}
    for family in families:
        assert re.fullmatch(r"(connector|process)_[a-z_]+[a-z]", family.name), family.name
        assert family.documentation, f"{family.name} has no help"
        if family.type == "histogram" and "attempts" not in family.name:
            assert family.name.endswith("_seconds"), f"{family.name} has no unit"
        if family.type == "counter" and family.samples:
            assert all(sample.name.endswith(("_total", "_created")) for sample in family.samples)


async def test_the_buckets_of_a_histogram_add_up_to_its_count() -> None:
    found = samples(await exposition())
    counts = {key: count for key, count in found.items() if key[0].endswith("_count")}
    for (name, labels), count in counts.items():
        assert found[(name.replace("_count", "_bucket"), labels | {("le", "+Inf")})] == count
    assert len(counts) > 5


async def test_nothing_of_a_request_or_of_what_an_end_system_said_is_in_it() -> None:
    assert CANARY not in await exposition()


async def test_cleanups_are_counted_by_status_and_only_those_that_ran_are_timed() -> None:
    text = await exposition()
    assert value(text, "connector_cleanups_total", status="503") == 1
    assert value(text, "connector_cleanups_total", status="400") == 1
    assert value(text, "connector_cleanup_duration_seconds_count") == 1
    assert value(text, "connector_cleanup_duration_seconds_sum") == 0.04


async def test_evictions_are_counted_by_driver_and_outcome() -> None:
    text = await exposition()
    assert value(text, "connector_evictions_total", driver="memory", outcome="evicted") == 1
    assert value(text, "connector_evictions_total", driver="shared", outcome="unavailable") == 1
    assert value(text, "connector_eviction_duration_seconds_sum", driver="shared") == 2


async def test_sessions_that_nobody_has_cleaned_up_are_counted_by_the_reason_from_zero_on() -> None:
    text = await exposition()
    reasons = {reason: value(text, "connector_sessions_reaped_total", reason=reason) for reason in Reason}
    assert reasons == {Reason.IDLE: 1, Reason.LIFETIME: 0, Reason.SEAT: 0, Reason.UNANSWERED: 0}


async def test_logouts_are_counted_by_outcome_and_attempt_and_their_tries_when_done() -> None:
    text = await exposition()
    assert value(text, "connector_logouts_total", outcome="pending", attempt="first") == 1
    assert value(text, "connector_logouts_total", outcome="verified", attempt="retry") == 1
    assert value(text, "connector_logouts_total", outcome="refused", attempt="first") == 0
    assert value(text, "connector_logout_attempts_count") == 2
    assert value(text, "connector_logouts_unproved_total") == 1
    assert value(text, "connector_logout_attempts_sum") == 3


async def test_initializes_are_counted_by_what_became_of_them() -> None:
    text = await exposition()
    assert value(text, "connector_initializes_total", outcome="login_refused") == 1
    assert value(text, "connector_initializes_total", outcome="opened") == 0


def test_every_end_of_an_initialize_is_a_word_of_the_metrics() -> None:
    failed = [f"login_{result.value}" for result in LoginResult if result not in OPEN]

    assert {*INITIALIZES} == {"opened", "invalid", *failed, *(reason.value for reason in NotOpened)}


async def test_stores_are_told_of_by_driver_and_what_they_hold_only_while_they_serve() -> None:
    text = await exposition()
    assert [value(text, "connector_driver_up", driver=name) for name in ("memory", "shared")] == [1, 0]
    assert value(text, "connector_cache_hits_total", driver="memory") == 7
    assert value(text, "connector_cache_misses_total", driver="memory") == 2
    assert value(text, "connector_cache_entries", driver="memory") == 1
    assert (value(text, "connector_cache_bytes", driver="memory") or 0) > 0
    assert value(text, "connector_cache_entries", driver="shared") is None
    assert value(text, "connector_open_sessions") == 2


async def test_what_is_owed_is_what_the_ledger_said_last() -> None:
    text = await exposition()
    states = {"owed": 3, "waiting": 2, "closed": 5, "quarantined": 4}
    assert {state: value(text, "connector_ledger_rows", state=state) for state in states} == states
    assert value(text, "connector_ledger_unreadable_rows") == 6
    assert value(text, "connector_owed_evictions") == 1
    assert value(text, "connector_oldest_owed_age_seconds") == 90
    assert value(text, "connector_ledger_up") == 1


async def test_sessions_are_counted_by_how_far_their_logins_have_come() -> None:
    text = await exposition()
    states = {"open": 8, "opening": 7, "unknown": 9}
    assert {state: value(text, "connector_ledger_sessions", state=state) for state in states} == states


async def test_while_the_ledger_does_not_answer_no_old_figure_is_told() -> None:
    async def unavailable() -> Totals:
        raise LedgerUnavailable("the disk is broken")

    metrics = await filled()
    await metrics.ledger.ask(unavailable)
    text = metrics.exposition().decode()

    assert value(text, "connector_ledger_up") == 0
    assert "connector_ledger_rows" not in text
    await metrics.ledger.ask(totals)
    assert value(metrics.exposition().decode(), "connector_ledger_up") == 1


async def test_a_loop_that_was_held_up_shows() -> None:
    metrics = Metrics()
    watch = asyncio.create_task(metrics.watch_loop(every=0.001))
    async with asyncio.timeout(30):
        while value(text := metrics.exposition().decode(), "connector_event_loop_lag_seconds_count") == 0:
            await asyncio.sleep(0)
            time.sleep(0.05)  # noqa: ASYNC251 - holds the loop up
    watch.cancel()
    lag = value(text, "connector_event_loop_lag_seconds_sum")
    assert lag is not None
    assert lag >= 0.04


async def test_two_servers_in_one_process_do_not_share_their_figures() -> None:
    await filled()
    assert value(Metrics().exposition().decode(), "connector_requests_rejected_total", kind="InvalidHeader") is None
