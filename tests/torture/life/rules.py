"""What may not be. Each rule looks at a history, and at nothing of the server's own."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from math import inf

from tests.torture.life import licence
from tests.torture.life.calls import Call, Kind, Seen
from tests.torture.life.faults import Fault, Wrong
from tests.torture.life.history import ENDED, History, ends
from tests.torture.life.logins import Login
from tests.torture.life.unused import may_be_reaped

DONE = frozenset(["verified", "acknowledged", "already_out"])
"""Words for a logout after which nothing is sent any more."""
EXPECTED = {
    Kind.INITIALIZE: {200, 400, 403, 409, 503, None},
    Kind.USE: {200, 401, 503, None},
    Kind.CLEANUP: {200, 502, 503, None},
}
CLOSED = "unknown_session"
"""The code of the 401 for a session that is not open."""
UNSEALED = EXPECTED[Kind.CLEANUP] | {404}


def not_ended(history: History) -> Iterator[Fault]:
    for login in history.logins:
        if login.token in history.alive_when_settled - history.alive_in_the_end:
            call = history.initializes[login.ticket]
            later = (other for other in history.by_session[call.session] if ends(other) and not other.checked)
            for other in later:
                # A cleanup ends what was recorded before it came, and a login is recorded before it is asked for.
                if (login.asked if other.kind is Kind.CLEANUP else history.over(call)) < other.began:
                    yield Fault(Wrong.NOT_ENDED, f"the login of {login.ticket}, in spite of: {other}", call.session)
                    break


def dead_seals(history: History) -> Iterator[Fault]:
    for call, shown in history.served:
        for other in history.by_session[call.session]:
            opened = history.by_ticket[shown.ticket].asked if other.kind is Kind.CLEANUP else shown.left
            if ends(other) and opened < other.began and other.left < call.began:
                yield Fault(Wrong.DEAD_SEAL, f"{call}, after: {other}", call.session)
                break


def closed_seals(history: History) -> Iterator[Fault]:
    """Whoever has ended a session, be it the server by itself: it is closed before its login ends, and stays so.

    A 401 says so for good. A login that is asked to end may be one that a server without a ledger has ended: after a kill, its
    session is open again.
    """
    closed = dict[str, float]()
    for other in history.calls:
        if other.kind is Kind.USE and other.word == CLOSED and other.shown is not None:
            closed[other.shown] = min(other.left, closed.get(other.shown, inf))
    for call, shown in history.served:
        turned_away = closed.get(shown.ticket, inf)
        asked = min((asked.moment for asked in history.by_ticket[shown.ticket].asked_to_end), default=inf)
        is_known = not any(map(history.is_unaware, history.by_session[call.session])) and not history.may_not_have_heard(call)
        if min(turned_away, asked if is_known else inf) < call.began:
            yield Fault(Wrong.DEAD_SEAL, f"{call}, closed at {min(turned_away, asked):.3f}", call.session)


def stale(history: History) -> Iterator[Fault]:
    """Whoever reads after an answer that ended something sees nothing that was loaded before that was asked for."""
    systems = {system: Barrier(calls) for system, calls in _global_cleanups(history)}
    sessions = {session: Barrier(call for call in calls if ends(call)) for session, calls in history.by_session.items()}
    for call, shown in history.served:
        system = systems[call.system].newest(call.began) if call.system in systems else 0
        session = max(sessions[call.session].newest(call.began), system)
        if call.own is not None and (call.own.serial <= session or _is_of_an_earlier_life(history, call.own, shown)):
            yield Fault(Wrong.STALE, f"{call}: its own is not newer than {session}, or of an earlier login", call.session)
        if call.shared is not None and call.shared.serial <= (session if call.system is None else system):
            yield Fault(Wrong.STALE, f"{call}: what is shared is not newer than {system}", call.session)


def twice(history: History) -> Iterator[Fault]:
    for call in history.calls:
        login = None if call.shown is None else history.by_ticket.get(call.shown)
        is_done = call.kind is Kind.CLEANUP and call.status == 200 and call.word in DONE and history.was_settled(call)
        if is_done and login is not None and (late := [*_asked_again(history, login, call)]):
            yield Fault(Wrong.TWICE, f"asked to end at {late[0]:.3f}, after: {call}", call.session)


def turned_away(history: History) -> Iterator[Fault]:
    for call in history.calls:
        if call.kind is Kind.USE and call.status == 401 and call.shown is not None:
            shown, others = history.initializes[call.shown], history.by_session[call.session]
            may_be_ended = any(other.began < call.left and history.may_end(other, shown) for other in others)
            if not (may_be_ended or _may_have_expired(history, call) or may_be_reaped(history, shown, call.began)):
                yield Fault(Wrong.TURNED_AWAY, str(call), call.session)


def open_on_paper(history: History) -> Iterator[Fault]:
    """A cleanup that finds a ledger that cannot be written is done once all the same: after a kill, its session is open again."""
    open_tokens = history.alive_when_settled - history.alive_in_the_end
    really = {history.initializes[login.ticket].session for login in history.logins if login.token in open_tokens}
    cut_off = {history.initializes[login.ticket].session for login in history.logins if history.is_cut_off(login)}
    for session in (really ^ history.open_rows) - cut_off:
        if session in really or not any(history.is_unaware(call) for call in history.by_session[session]):
            yield Fault(Wrong.OPEN_ON_PAPER, f"a login: {session in really}, a row: {session in history.open_rows}", session)


def defects(history: History) -> Iterator[Fault]:
    for ticket, number in Counter(login.ticket for login in history.logins).items():
        if number > 1:
            yield Fault(Wrong.DEFECT, f"{number} logins for {ticket}", history.initializes[ticket].session)
    for login in history.logins:
        for moment, number in _spent_twice(history, login):
            what = f"credential {number} of {login.ticket} is spent once more at {moment:.3f}"
            yield Fault(Wrong.DEFECT, what, history.initializes[login.ticket].session)
    for call in history.calls:
        expected = UNSEALED if call.kind is Kind.CLEANUP and call.shown is None else EXPECTED[call.kind]
        is_another_limit = call.status == 403 and call.word != licence.NO_SEAT
        if is_another_limit or call.status not in ({200} if call.checked else expected):
            yield Fault(Wrong.DEFECT, str(call), call.session)


RULES = (not_ended, dead_seals, closed_seals, stale, twice, turned_away, open_on_paper, defects, *licence.RULES)


class Barrier:
    """Answers of calls that evict, and which values each has made unreadable."""

    def __init__(self, calls: Iterable[Call]) -> None:
        answered = sorted((call.left, call.serial) for call in calls)
        self._moments = [moment for moment, _ in answered]
        self._serials = [*accumulate((serial for _, serial in answered), max)]

    def newest(self, moment: float) -> int:
        """Return the number of the newest value that nobody may see who asks at this moment."""
        place = bisect_left(self._moments, moment)
        return self._serials[place - 1] if place else 0


def _asked_again(history: History, login: Login, done: Call) -> Iterator[float]:
    """Yield when a login was asked to end although a cleanup was done, by a server that must have known that.

    What the end system has told of a new credential since that cleanup began, it does not speak of.
    """
    unaware = [other for other in history.by_session[done.session] if history.is_unaware(other)]
    for asked in login.asked_to_end:
        may_be = any(other.began <= asked.moment <= history.unaware_until(other) for other in unaware)
        if asked.moment > done.left and login.known(asked.number) < done.began and not may_be:
            yield asked.moment


def _may_have_expired(history: History, call: Call) -> bool:
    """Tell whether the end system may have turned a call away: it has refused to renew the login, or nobody knows that by now."""
    login = history.by_ticket[call.shown or ""]
    is_refused = any(call.began <= moment <= call.left for moment in login.refused)
    return is_refused or (history.is_cut_off(login) and login.renewals[-1].asked < call.left)


def _spent_twice(history: History, login: Login) -> Iterator[tuple[float, int]]:
    """Yield the refreshes by a server that had spent the same credential before, unless it was not told of the new one."""
    for moment, number in login.spent_again:
        first = login.renewals[number]
        if not first.untold and history.life_at(first.asked) is history.life_at(moment):
            yield moment, number


def _global_cleanups(history: History) -> Iterator[tuple[str, Iterable[Call]]]:
    systems = defaultdict[str, list[Call]](list)
    for call in history.calls:
        if call.whole_system and call.status in ENDED and call.system is not None:
            systems[call.system].append(call)
    yield from systems.items()


def _is_of_an_earlier_life(history: History, seen: Seen, shown: Call) -> bool:
    """Tell whether a value was loaded by a login that was over before the present one was asked for, or for another session."""
    loaded_by = history.initializes[seen.ticket]
    return loaded_by.session != shown.session or history.over(loaded_by) < shown.began
