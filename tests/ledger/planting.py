"""Mutants: plausible mistakes in who tries a logout, or renews a login. A plugin of pytest makes one of them: `--plant NAME`."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from msgspec.structs import replace

from connector.ledger.postgres import held_claims, owners, standstill, transactions
from connector.ledger.postgres.claim_changes import ClaimChanges
from connector.ledger.postgres.in_hand import InHand
from connector.ledger.postgres.replica import Replica
from connector.ledger.postgres.tables import TAKE_LOCK
from connector.ledger.postgres.transactions import FleetTransactions
from connector.ledger.sql import opening_rows, refresh_rows, selection
from connector.ledger.sql.operations import Operations
from connector.model import settling
from connector.model.begun import refresh_of
from tests.sessions.planting import Mutant, nothing

TRIES, CANCELLED, STANDSTILL = "claims_alone.py", "test_cancelled_tries.py", "test_standstill.py"
ALONE, FAULTS = "test_postgres_one_at_a_time.py", "test_postgres_faults.py"
CANCELLED_WAIT = "test_a_commit_whose_wait_for_a_standby_was_cancelled_is_unknown"
LATE = "test_a_record_whose_caller_has_gone_ends_no_session_that_was_opened_since"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plant", choices=[*MUTANTS])


def pytest_configure(config: pytest.Config) -> None:
    MUTANTS[config.getoption("--plant")].plant()


def of_any_owner(real: Callable[..., Any]) -> Callable[..., Any]:
    def of_others(table: Any, ids: Any) -> Any:
        return real(table, ids) and set()

    return of_others


def as_in_time(real: Callable[..., Any]) -> Callable[..., Any]:
    def settled(debt: Any, settlement: Any) -> Any:
        return real(debt, replace(settlement, is_late=False))

    return settled


def by_its_id_alone(real: Callable[..., Any]) -> Callable[..., Any]:
    def back(in_hand: InHand, debt: Any) -> bool:
        return real(in_hand, debt) or in_hand._holds.pop(debt.id, None) is not None

    return back


def of_any_refresh(real: Callable[..., Any]) -> Callable[..., Any]:
    def over(table: Any, session_id: str, login_id: str, *, unanswered: bool) -> None:
        real(table, session_id, login_id, unanswered=unanswered)
        if not unanswered:
            opening_rows.remove(table, session_id, refresh_of(login_id))

    return over


def as_a_first_try(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda ledger, debt, **_: real(ledger, debt, retried=False)


def with_room_taken(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda changes, id_: changes.retried([id_])


MUTANTS = {
    "a cleanup claims nothing": Mutant(ClaimChanges, "tried", nothing, TRIES),
    "a settlement leaves its claim": Mutant(ClaimChanges, "ended", nothing, TRIES),
    "a first try takes the room of a retry": Mutant(ClaimChanges, "tried", with_room_taken, TRIES),
    "nobody is told that another one tries": Mutant(held_claims, "_of_others", of_any_owner, TRIES),
    "a late settlement counts as any other": Mutant(settling, "_logout_settled", as_in_time, TRIES),
    "an owner always relies on its claims": Mutant(
        FleetTransactions, "certainly_there", lambda _: property(lambda fleet: fleet._acknowledged[0]), TRIES
    ),
    "a look before sending sees the claim alone": Mutant(
        selection, "still_owed", lambda _: lambda _, debts: [True] * len(debts), TRIES
    ),
    "what is tried at once is claimed by nobody": Mutant(held_claims, "claim", lambda _: lambda *_, **__: True, TRIES),
    "a retry relies on its claim": Mutant(Replica, "may_send", as_a_first_try, TRIES),
    "a release ends the claims of all tries": Mutant(InHand, "back", by_its_id_alone, TRIES),
    "who was cancelled has its debts in hand": Mutant(InHand, "over", nothing, CANCELLED),
    "a login that failed half-way is claimed by nobody": Mutant(Replica, "end_login", lambda _: Operations.end_login, TRIES),
    "nobody counts what may be sent twice": Mutant(FleetTransactions, "_tell_of", nothing, TRIES),
    "the end of a refresh leaves it in hand": Mutant(
        InHand, "ending_refresh", lambda _: lambda *_: nullcontext(lambda: None), TRIES
    ),
    "a cleanup sends what another owner refreshes": Mutant(
        held_claims, "REFRESHED", lambda real: real + " WHERE owner IS NULL", TRIES
    ),
    "retries send what is being refreshed": Mutant(held_claims, "UNCLAIMED", lambda real: real.partition(" AND ")[0], TRIES),
    "a refresh leaves no row": Mutant(refresh_rows, "begin", nothing, TRIES),
    "the seat of a login that may be alive is given away": Mutant(refresh_rows, "leave", nothing, TRIES),
    "a refresh is in doubt although a later one has worked": Mutant(refresh_rows, "renewed", nothing, TRIES),
    "a refresh that came to nothing ends the doubt about the one before": Mutant(refresh_rows, "over", of_any_refresh, TRIES),
    "a COMMIT whose wait was cancelled has taken effect": Mutant(
        FleetTransactions, "_end", lambda _: lambda _, commit: commit(), f"{FAULTS}::{CANCELLED_WAIT}"
    ),
    "what nobody waits for any more is done": Mutant(
        transactions, "_awaited", lambda _: lambda batch: batch, f"{FAULTS}::{LATE}"
    ),
    "transactions take no lock": Mutant(owners, "BEGIN", lambda real: real.replace(TAKE_LOCK, "SELECT"), ALONE),
    "time within transactions is nobody's": Mutant(standstill, "SHORT", lambda _: -1.0, STANDSTILL),
    "a database that stands still is somebody's death": Mutant(standstill, "SHORT", lambda _: math.inf, STANDSTILL),
}
