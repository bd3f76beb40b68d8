"""Mutants: plausible mistakes in what is written again after a fail-over. Each has a test that has to find it.

As a plugin of pytest it makes one of them in the process of the tests: `-p tests.ledger.planting_rewritten --plant NAME`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connector.ledger.postgres import certainty, epochs, held_claims, history, rewriting, unheard
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.history import History
from connector.ledger.postgres.journal import Journal, KnownUpTo
from connector.ledger.postgres.known_facts import KnownFacts
from connector.ledger.sql import housekeeping, initializing, session_rows
from tests.sessions.planting import Mutant, always, nothing

REWRITING, SEATS, FAILOVER = "test_rewriting.py", "test_rewritten_seats.py", "test_postgres_failover.py"
DEBTS, EPOCHS = "test_rewritten_debts.py", "test_rewritten_epochs.py"
TOGETHER = "test_what_was_lost_and_what_another_replica_did_meanwhile_come_together"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plant", choices=[*MUTANTS])


def pytest_configure(config: pytest.Config) -> None:
    MUTANTS[config.getoption("--plant")].plant()


def never(_: Any) -> Any:
    return lambda *_, **__: False


def by_the_number_alone(_: Callable[..., bool]) -> Callable[..., bool]:
    def is_rewound(memory: History, seen: Any) -> bool:
        last = memory._last
        return last is not None and seen.own is not None and seen.own.sequence < last.sequence

    return is_rewound


def with_no_earlier_epoch(real: Callable[..., None]) -> Callable[..., None]:
    def entered(journal: Journal, done: KnownUpTo) -> None:
        for entry in journal._entries:
            entry.numbers.clear()
        real(journal, done)

    return entered


def only_with_a_timeline(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda memory, table, seen, is_rewound: real(memory, table, seen, is_rewound=False)


def without_a_claim(real: Callable[..., bool]) -> Callable[..., bool]:
    return lambda table, epoch, seen: real(table, epoch, replace(seen, is_silent=True))


def for_a_claim_alone(real: Callable[..., bool]) -> Callable[..., bool]:
    def is_settled(table: Any, epoch: Any, seen: Any) -> bool:
        owners = {word: row._replace(epoch=epoch.word) for word, row in seen.owners.items()}
        return real(table, epoch, replace(seen, owners=owners))

    return is_settled


def whatever_is_there(_: Callable[..., None]) -> Callable[..., None]:
    return lambda table, session, now: session_rows.insert(table, session)


def in_any_place(real: Callable[..., None]) -> Callable[..., None]:
    def write_session(table: Any, session: Any, now: float) -> None:
        session_rows.taken(table, session.session_id)
        real(table, session, now)

    return write_session


def what_is_known_counts(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda found, known, now: known


def as_if_nobody_were_there(real: Callable[..., int]) -> Callable[..., int]:
    return lambda table, facts, there, now, is_late: real(table, facts, there=(), now=now, is_late=is_late)


def each_for_itself(_: Callable[..., None]) -> Callable[..., None]:
    def open_by(known: KnownFacts, session: Any) -> None:
        login = known.logins[session.session_id, session.login_id]
        login.session, login.is_over = session, False

    return open_by


def if_its_row_is_there(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda memory, table, seen, is_rewound: real(memory, table, seen, is_rewound=is_rewound and seen.own is not None)


def if_it_is_there(real: Callable[..., None]) -> Callable[..., None]:
    def await_(memory: History, others: Any, there: Any, epoch: Any) -> None:
        real(memory, others, there, epoch)
        memory._awaited &= {*others}

    return await_


def whoever_it_is(real: Callable[[History], None]) -> Callable[[History], None]:
    def acknowledged(memory: History) -> None:
        real(memory)
        memory._knows_others = True

    return acknowledged


def whatever_rows_hold(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda table, known: [each for each in real(table, known) if each is None]


def of_all_that_is_lost(_: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def regain_track(table: Any, losses: Any) -> bool:
        table.write("DELETE FROM lost_track")
        return False

    return regain_track


def as_if_all_had_written(real: Callable[..., Any]) -> Callable[..., Any]:
    def claim_refresh(table: Any, *asked: Any, now: float) -> Any:
        table.term = replace(table.term, is_complete=True)
        return real(table, *asked, now=now)

    return claim_refresh


def by_what_is_lost_alone(_: Callable[..., KnownFacts]) -> Callable[..., KnownFacts]:
    return lambda facts: KnownFacts.of(fact for fact, is_lost in facts if is_lost)


MUTANTS = {
    "what the database knows tells of no login that was replaced": Mutant(
        KnownFacts,
        "of_lost",
        by_what_is_lost_alone,
        f"{REWRITING}::test_of_three_logins_by_two_replicas_the_last_is_open_in_any_order",
    ),
    "an earlier login is open as well": Mutant(
        KnownFacts, "_open_by", each_for_itself, f"{REWRITING}::test_of_two_logins_of_one_replica_the_later_is_open"
    ),
    "nobody notices": Mutant(History, "_is_rewound", never, f"{REWRITING}::test_a_session_whose_opening_was_lost_is_open_again"),
    "the number alone tells": Mutant(
        History,
        "_is_rewound",
        by_the_number_alone,
        f"{FAILOVER}::test_a_former_primary_that_knows_more_of_a_replica_has_lost_something_as_well",
    ),
    "an epoch begins with a timeline only": Mutant(
        History, "_begun", only_with_a_timeline, f"{SEATS}::test_no_seat_is_given_whose_holder_has_not_written_it_again_yet"
    ),
    "seats are given at once": Mutant(
        history, "_is_settled", always, f"{SEATS}::test_no_seat_is_given_whose_holder_has_not_written_it_again_yet"
    ),
    "nobody waits for a claim": Mutant(
        history,
        "_is_settled",
        without_a_claim,
        f"{SEATS}::test_a_replica_of_which_the_database_knows_nothing_any_more_is_waited_for",
    ),
    "nobody waits for owners": Mutant(
        history, "_is_settled", for_a_claim_alone, f"{SEATS}::test_a_replica_that_is_there_and_writes_nothing_again_is_waited_for"
    ),
    "what is not there leaves nothing cached": Mutant(
        initializing,
        "Replaced",
        nothing,
        f"{EPOCHS}::test_until_all_have_written_any_initialize_owes_an_eviction",
    ),
    "what is not there was never opened": Mutant(
        certainty,
        "FoundOpen",
        lambda real: lambda session, is_certain: real(session, is_certain or session is None),
        f"{FAILOVER}::test_no_session_counts_as_closed_before_all_have_written_what_was_lost",
    ),
    "what is there was not ended": Mutant(
        certainty,
        "FoundOpen",
        lambda real: lambda session, is_certain: real(session, is_certain or session is not None),
        f"{FAILOVER}::test_no_session_is_open_before_all_have_written_which_ends_were_lost",
    ),
    "no fact is kept": Mutant(FleetTable, "note", nothing, f"{REWRITING}::test_a_session_whose_opening_was_lost_is_open_again"),
    "nobody else is told to invalidate": Mutant(
        FleetTable, "lose_track", nothing, f"{REWRITING}::test_a_session_whose_opening_was_lost_is_open_again"
    ),
    "open beats ended": Mutant(rewriting, "_write_session", whatever_is_there, f"{REWRITING}::{TOGETHER}"),
    "an opening takes any place": Mutant(rewriting, "_write_session", in_any_place, f"{REWRITING}::{TOGETHER}"),
    "what is remembered counts more than what was closed": Mutant(
        rewriting, "_joined", what_is_known_counts, f"{REWRITING}::{TOGETHER}"
    ),
    "an end without a debt leaves nothing": Mutant(
        rewriting,
        "end_anyhow",
        nothing,
        f"{REWRITING}::test_a_login_without_credential_that_was_replaced_is_dead_for_good",
    ),
    "a cleanup brings back what has failed": Mutant(
        history,
        "write_again",
        as_if_nobody_were_there,
        f"{REWRITING}::test_a_cleanup_that_is_written_again_brings_no_login_back_that_has_failed",
    ),
    "debts get new ids": Mutant(
        unheard,
        "TAKEN",
        lambda _: "SELECT id FROM (VALUES (1), (2), (3)) AS taken (id) WHERE {ids} + {ids} > 0",
        f"{DEBTS}::test_a_try_that_was_under_way_settles_the_debt_that_was_lost_and_no_other",
    ),
    "ids go on where they were": Mutant(
        epochs, "SPARE_IDS", lambda _: 0, f"{FAILOVER}::test_no_id_of_a_debt_that_was_lost_is_given_to_another_one"
    ),
    "all epochs take the same ids": Mutant(
        epochs, "RANGES", lambda _: 1, f"{DEBTS}::test_two_histories_of_one_database_give_no_id_to_two_debts"
    ),
    "a replica whose row was lost is forgotten": Mutant(
        History, "_await", nothing, f"{EPOCHS}::test_a_replica_whose_row_was_lost_with_its_login_is_waited_for"
    ),
    "an owner that is taken for gone is awaited no more": Mutant(
        History,
        "_await",
        if_it_is_there,
        f"{EPOCHS}::test_a_replica_that_is_taken_for_gone_before_it_has_written_is_waited_for",
    ),
    "who was taken for gone opens again what others were told is closed": Mutant(
        History, "_is_late", never, f"{FAILOVER}::test_what_a_replica_opened_that_was_taken_for_gone_meanwhile_is_owed"
    ),
    "who was taken for gone closes what others know as open": Mutant(
        rewriting,
        "_without_row",
        lambda _: lambda table, known: [(session.session_id, session.login_id) for session in known.open],
        f"{FAILOVER}::test_what_a_replica_opened_that_was_taken_for_gone_meanwhile_is_owed",
    ),
    "who has lost nothing lets others have written what is over": Mutant(
        history,
        "remove_again",
        nothing,
        f"{REWRITING}::test_a_login_that_has_failed_does_not_come_back_by_who_was_taken_for_gone",
    ),
    "a former primary that comes back knows nothing of what was done there": Mutant(
        Journal,
        "entered",
        with_no_earlier_epoch,
        f"{REWRITING}::test_a_login_that_has_failed_does_not_come_back_after_its_replica_has_ended",
    ),
    "a debt keeps the credential that it was recorded with": Mutant(
        rewriting,
        "renewed",
        lambda _: lambda debt, *_, **__: debt,
        f"{DEBTS}::test_a_login_ended_without_its_credential_is_owed_by_the_one_that_was_lost",
    ),
    "an epoch from before a replica is one that has begun since": Mutant(
        History,
        "_begun",
        if_its_row_is_there,
        f"{EPOCHS}::test_a_former_primary_that_comes_back_is_not_believed_by_whom_it_does_not_know",
    ),
    "a newcomer knows by the next fail-over who was there": Mutant(
        History,
        "acknowledged",
        whoever_it_is,
        f"{EPOCHS}::test_a_newcomer_does_not_know_who_was_there_after_the_next_fail_over_either",
    ),
    "a replica that has regained track has lost nothing meanwhile": Mutant(
        housekeeping,
        "regain_track",
        of_all_that_is_lost,
        f"{EPOCHS}::test_what_is_lost_while_track_is_regained_is_lost",
    ),
    "a row that was ended goes with its credential": Mutant(
        rewriting,
        "_ended",
        whatever_rows_hold,
        f"{DEBTS}::test_a_debt_takes_the_credential_of_the_row_which_it_ends",
    ),
    "what nobody has written again yet is not renewed": Mutant(
        certainty,
        "FoundCurrent",
        lambda real: lambda current, is_certain: real(current, is_certain or current is None),
        f"{DEBTS}::test_a_renewal_of_a_login_that_is_not_there_yet_is_not_dropped",
    ),
    "what nobody has written again yet is over": Mutant(
        certainty,
        "changed_logins",
        lambda _: session_rows.changed_logins,
        f"{EPOCHS}::test_a_login_that_is_not_there_yet_is_not_over_unless_it_was_ended",
    ),
    "a credential that was perhaps spent is spent again": Mutant(
        held_claims,
        "claim_refresh",
        as_if_all_had_written,
        f"{DEBTS}::test_a_refresh_waits_for_who_may_have_spent_the_credential",
    ),
    "a debt that was recorded without its seat holds none": Mutant(
        rewriting,
        "_seated",
        lambda _: lambda debt, seat: debt,
        f"{SEATS}::test_a_cleanup_that_is_recorded_late_keeps_the_seat_that_was_lost",
    ),
}
