"""What may not be of logins that hold seats, and of those of which nobody knows what they have made."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.torture.life.calls import Call, Kind
from tests.torture.life.end_system import SEATS
from tests.torture.life.faults import Fault, Wrong
from tests.torture.life.history import LATE, History
from tests.torture.life.logins import Beyond, Login

LATE_BY = 5.0
"""Seconds that a login may go on after its client was answered that it is late, or has gone."""
NO_SEAT = "no_seat"


def beyond(history: History) -> Iterator[Fault]:
    """The server counts what it has sent, and what it cannot know to be over: no kill makes it send one too many.

    It cannot count a login whose newest cookie nobody has: its logout is told that there is no such login. What a refresh may
    have made counts as long as that is in doubt.
    """
    for refused in history.beyond:
        if not is_excused(history, refused):
            what = f"the login of {refused.ticket} at {refused.moment:.3f}, beside {sorted(refused.alive)}"
            yield Fault(Wrong.BEYOND, what, history.initializes[refused.ticket].session)


def is_excused(history: History, refused: Beyond) -> bool:
    """Tell whether a login is beyond the licence only because of others whose newest cookie nobody has."""
    logins = [login for login in history.logins if login.token in refused.alive]
    return sum(not _has_lost_a_cookie(history, login) for login in logins) < SEATS


def stalled(history: History) -> Iterator[Fault]:
    """Nobody is told to wait for a seat if fewer logins than that may hold one."""
    pools = defaultdict[str, list[Call]](list)
    for call in history.initializes.values():
        pools[call.pool].append(call)
    for call in history.initializes.values():
        if call.word == NO_SEAT and not history.withholds_seats(call):
            holders = [other.ticket for other in pools[call.pool] if other is not call and _may_hold_a_seat(history, other, call)]
            if len(holders) < SEATS:
                yield Fault(Wrong.STALLED, f"{call}, beside {holders}", call.session)


def _may_hold_a_seat(history: History, other: Call, call: Call) -> bool:
    """Tell whether the login of another initialize may hold a seat while one is told that there is none."""
    if other.began > call.left or other.word == NO_SEAT:
        return other.began < call.left and other.left > call.began
    if other.left > call.began or may_be_unknown(history, other):
        return True
    login = history.by_ticket.get(other.ticket)
    return login is not None and (history.may_be_in_doubt(login) or not history.is_known_to_be_dead(login, call.began))


def no_trace(history: History) -> Iterator[Fault]:
    """A login that nobody has the credential of was recorded before it was sent, and its row is there."""
    alive = Counter(history.initializes[login.ticket].session for login in history.logins if _is_unknown(history, login))
    for session, number in (alive - Counter(history.unknown)).items():
        yield Fault(Wrong.NO_TRACE, f"{number} logins more than rows of unknown ones", session)


def without_a_cause(history: History) -> Iterator[Fault]:
    rows = Counter(history.unknown)
    causes = Counter(call.session for call in history.calls if may_be_unknown(history, call))
    causes += Counter(history.initializes[login.ticket].session for login in history.logins if history.may_be_in_doubt(login))
    for session, number in (rows - causes).items():
        yield Fault(Wrong.NO_CAUSE, f"{number} rows of unknown logins too many", session)


def may_be_unknown(history: History, call: Call) -> bool:
    """Tell whether a call was an initialize that a kill has met, or whose login got no answer."""
    if call.kind is not Kind.INITIALIZE or call.status == 200 or call.word == NO_SEAT:
        return False
    return history.is_met_by_a_kill(call) or has_no_answer(history, call)


def has_no_answer(history: History, call: Call) -> bool:
    """Tell whether the end system broke off its answer to the login of an initialize, or has perhaps closed its connection."""
    over = call.left + LATE_BY if call.status is None or call.word == LATE else call.left
    return call.ticket in history.broken_off or any(call.began <= closed <= over for closed in history.closed)


def _is_unknown(history: History, login: Login) -> bool:
    is_left = login.token in history.alive_in_the_end and not _has_lost_a_cookie(history, login)
    return is_left and (login.untold or history.is_under_way(login) or history.is_in_doubt(login))


def _has_lost_a_cookie(history: History, login: Login) -> bool:
    return history.is_cut_off(login) and not history.is_in_doubt(login)


RULES = (beyond, stalled, no_trace, without_a_cause)
