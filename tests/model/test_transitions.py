"""What becomes of a debt, told by the rules alone: no store takes part."""

from msgspec.structs import replace

from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import IN_USE_AGAIN, NO_LOGIN, OTHER_END_SYSTEM, LogoutOutcome, LogoutResult
from connector.model.settling import Settlement, leaves_nothing, settled
from connector.model.transitions import Asked, asked_again, dismissed, due_at_once, held_or_let_go, new, revived
from drivers import SessionScope, SystemScope

REQUEST = CleanupRequest("a", "system", global_cache=False, credential=Credential([("X-Token", "secret")]), login_id="l")
ASKED = Asked(REQUEST, "https://a.example", ["near", "authority"], now=100, due_at=160)
SESSION = (SessionScope("a", "system"),)
DONE = LogoutOutcome(LogoutResult.ACKNOWLEDGED)
LATER = LogoutOutcome(LogoutResult.PENDING)


def settlement(debt: Debt, state: LogoutState | None, outcome: LogoutOutcome | None, *evicted: str) -> Settlement:
    return Settlement(debt, state, outcome, due_at=200, waited=5, evicted=frozenset(evicted), now=110)


def test_a_first_cleanup_owes_its_logout_and_an_eviction_from_each_driver() -> None:
    debt = new(ASKED, b"print")

    assert (debt.state, debt.due_at, debt.credential) == (LogoutState.OWED, 160, REQUEST.credential)
    assert debt.evictions == {"near": SESSION, "authority": SESSION}


def test_a_logout_whose_outcome_is_known_at_once_is_closed_and_has_no_credential() -> None:
    debt = new(replace(ASKED, request=replace(REQUEST, foregone=NO_LOGIN), drivers=[]), b"print")

    assert (debt.state, debt.outcome, debt.credential, debt.closed_at) == (LogoutState.CLOSED, NO_LOGIN, None, 100)


def test_evictions_of_two_cleanups_of_one_login_add_up() -> None:
    wider = replace(ASKED, request=replace(REQUEST, global_cache=True), drivers=["authority"])
    debt = asked_again(new(ASKED, b"print"), wider, b"print")

    assert debt.revision == 2
    assert debt.evictions == {"near": SESSION, "authority": (*SESSION, SystemScope("system"))}


def test_a_logout_that_waits_for_a_human_is_owed_again_once_it_is_asked_for_again() -> None:
    waiting = replace(new(ASKED, b"print"), state=LogoutState.WAITING, outcome=LATER, waited=50.0)
    debt = asked_again(waiting, replace(ASKED, due_at=300), b"print")

    assert (debt.state, debt.outcome, debt.due_at, debt.waited) == (LogoutState.OWED, None, 300, 0.0)


def test_a_closed_logout_stays_closed_when_it_is_asked_for_again() -> None:
    first = new(ASKED, b"print")
    closed = settled(first, settlement(first, LogoutState.CLOSED, DONE, "near", "authority"))
    debt = asked_again(closed, ASKED, b"print")

    assert (closed.closed_at, closed.credential) == (110, None)
    assert (debt.state, debt.outcome, debt.closed_at, {*debt.evictions}) == (LogoutState.CLOSED, DONE, None, {*ASKED.drivers})


def test_a_try_puts_its_logout_off_and_the_evictions_it_did_are_owed_no_more() -> None:
    first = new(ASKED, b"print")
    debt = settled(first, settlement(first, LogoutState.OWED, LATER, "near"))

    assert (debt.state, debt.due_at, debt.waited, debt.attempts, {*debt.evictions}) == (
        LogoutState.OWED,
        200,
        5,
        1,
        {"authority"},
    )


def test_a_try_that_was_overtaken_closes_the_logout_but_its_evictions_stay_owed() -> None:
    first = new(ASKED, b"print")
    overtaken = asked_again(first, ASKED, b"print")
    put_off = settled(overtaken, settlement(first, LogoutState.WAITING, LATER, "near"))
    closed = settled(overtaken, settlement(first, LogoutState.CLOSED, DONE, "near"))

    assert (put_off.state, put_off.due_at, put_off.evictions) == (LogoutState.OWED, 160, overtaken.evictions)
    assert (closed.state, closed.credential, closed.evictions) == (LogoutState.CLOSED, None, overtaken.evictions)


def test_a_late_failure_does_not_reopen_a_closed_logout_nor_change_its_outcome() -> None:
    first = new(ASKED, b"print")
    closed = settled(first, settlement(first, LogoutState.CLOSED, DONE))
    debt = settled(closed, settlement(first, LogoutState.OWED, LATER))

    assert (debt.state, debt.outcome, debt.attempts) == (LogoutState.CLOSED, DONE, 1)


def test_a_settlement_without_a_state_leaves_the_logout_as_it_is() -> None:
    first = new(ASKED, b"print")

    assert settled(first, settlement(first, None, None, "near")) == replace(first, evictions={"authority": SESSION})


def test_nothing_is_left_only_of_a_cleanup_that_had_no_login_and_no_seal() -> None:
    without = new(replace(ASKED, request=replace(REQUEST, foregone=NO_LOGIN, login_id="")), b"print")

    assert leaves_nothing(settlement(without, None, None, "near", "authority"))
    assert not leaves_nothing(settlement(without, None, None, "near"))
    assert not leaves_nothing(settlement(replace(without, login_id="l"), None, None, "near", "authority"))


def test_a_dismissed_logout_still_owes_its_evictions() -> None:
    debt = dismissed(new(ASKED, b"print"), "gone", 120)

    assert (debt.state, debt.dismissed, debt.credential, debt.closed_at) == (LogoutState.CLOSED, "gone", None, None)
    assert {*debt.evictions} == {*ASKED.drivers}


def test_a_revived_login_is_closed_as_in_use_again() -> None:
    debt = revived(new(replace(ASKED, drivers=[]), b"print"), 120)

    assert (debt.state, debt.outcome, debt.credential, debt.closed_at) == (LogoutState.CLOSED, IN_USE_AGAIN, None, 120)


def test_a_debt_that_is_let_go_is_due_now_and_a_retry_by_hand_may_move_it() -> None:
    held = held_or_let_go(new(ASKED, b"print"), OTHER_END_SYSTEM, 120)
    moved = due_at_once(held, 130, here="https://b.example")

    assert (held.state, held.outcome, held.due_at) == (LogoutState.WAITING, OTHER_END_SYSTEM, 160)
    assert held_or_let_go(held, None, 130) == replace(held, state=LogoutState.OWED, outcome=None, due_at=130)
    assert (moved.state, moved.due_at, moved.places) == (LogoutState.OWED, 130, ("https://a.example", "https://b.example"))
