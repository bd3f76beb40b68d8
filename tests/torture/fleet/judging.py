"""The verdict on a run: what may not be, and what the troubles account for."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.torture.fleet.clients import AT_ONCE, CALLS_EACH, GONE
from tests.torture.fleet.history import FleetHistory
from tests.torture.fleet.troubles import Trouble
from tests.torture.life import licence, rules
from tests.torture.life.calls import Call, Kind
from tests.torture.life.faults import Fault, Wrong
from tests.torture.life.history import LATE, ends
from tests.torture.life.logins import Login


@dataclass(slots=True)
class Verdict:
    """What it all came to."""

    logins: int = 0
    open: int = 0
    """Logins that were alive when nothing was owed any more, and that the cleanup of their session has ended."""
    unknown: int = 0
    """Logins of which the ledger said in the end that nobody knows what they have made."""
    alive: int = 0
    """Logins that are alive in the end, after the cleanup of all sessions."""
    cookies: int = 0
    """New cookies that answers have set."""
    refreshes: int = 0
    """Credentials that were spent for new ones."""
    reaped: int = 0
    """Logins that have ended although no client has done anything that ends them."""
    sent_twice: int = 0
    """Logins that were asked to end after a 200 had said that they had ended."""
    no_seat: int = 0
    late: int = 0
    """Calls that failed although nothing was done, because the machine was busy with something else."""
    failed: Mapping[str, int] = field(default_factory=dict)
    """By what was done: calls that were answered 503 or not at all because of it."""
    noticed: Mapping[str, float] = field(default_factory=dict)
    """By what was done: seconds from when it was mended until the last such call was answered, at most."""
    faults: list[Fault] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.faults

    def count(self, wrong: Wrong) -> int:
        """Return how many faults of a kind there are."""
        return sum(fault.wrong is wrong for fault in self.faults)


def judged(history: FleetHistory) -> Verdict:
    """Judge all of it."""
    blamed = [(call, trouble) for call in filter(_failed, history.calls) if (trouble := _blamed(history, call))]
    noticed = dict[str, float]()
    for call, trouble in blamed:
        noticed[trouble.what] = max(noticed.get(trouble.what, 0.0), call.left - trouble.ended)
    found = [fault for rule in RULES for fault in rule(history)]
    return Verdict(
        logins=len(history.logins),
        open=len(history.alive_when_settled - history.alive_in_the_end),
        unknown=len(history.unknown),
        alive=len(history.alive_in_the_end),
        cookies=sum(login.newest - len(login.refreshes) for login in history.logins),
        refreshes=sum(len(login.refreshes) for login in history.logins),
        reaped=sum(1 for login in history.logins if _is_reaped(history, login)),
        sent_twice=len({login.token for login, _, _ in _asked_again(history)}),
        no_seat=sum(call.word == licence.NO_SEAT for call in history.calls),
        late=sum(_is_faulty(history, call) and history.is_the_machines(call) for call in history.calls),
        failed=Counter(trouble.what for _, trouble in blamed),
        noticed=noticed,
        faults=found,
    )


def lost(history: FleetHistory) -> Iterator[Fault]:
    """Every login that is alive in the end is one of an initialize that trouble has met."""
    for login in history.logins:
        is_accounted_for = history.is_under_way(login) or history.is_cut_off(login)
        if login.token in history.alive_in_the_end and not is_accounted_for:
            yield Fault(Wrong.LOST, f"the login of {login.ticket}", history.initializes[login.ticket].session)


def failed(history: FleetHistory) -> Iterator[Fault]:
    """No call fails unless something was done to the fleet."""
    for call in history.calls:
        if _is_faulty(history, call) and not history.is_the_machines(call):
            yield Fault(Wrong.DEFECT, f"nothing was wrong: {call}", call.session)


def twice(history: FleetHistory) -> Iterator[Fault]:
    """Nothing is sent again that is known to be done, unless something was done to the fleet, or another call was under way."""
    for login, moment, done in _asked_again(history):
        others = (other for other in history.by_session[done.session] if other is not done and other.kind is not Kind.USE)
        is_under_way = any(other.began <= done.left and moment <= history.over(other) for other in others)
        if not (is_under_way or history.troubles.excuse(done.began, moment)):
            yield Fault(Wrong.TWICE, f"{login.ticket} is asked to end at {moment:.3f}, after: {done}", done.session)


def _is_faulty(history: FleetHistory, call: Call) -> bool:
    return _failed(call) and not history.troubles.excuse(call.began, call.left)


def _blamed(history: FleetHistory, call: Call) -> Trouble | None:
    return history.troubles.last_excuse(call.began, call.left)


def ended_under_a_call(history: FleetHistory) -> Iterator[Fault]:
    """No login ends by itself while a call of its session runs, unless something was done to the fleet."""
    for call in history.calls:
        if call.kind is Kind.USE and call.word == "login_dead" and not history.troubles.excuse(call.began, call.left):
            opened = history.initializes[call.shown or ""]
            others = (other for other in history.by_session[call.session] if other.began < call.left)
            is_cut_off = history.is_cut_off(history.by_ticket[opened.ticket])
            if not (is_cut_off or any(history.may_end(other, opened) for other in others)):
                yield Fault(Wrong.TURNED_AWAY, f"its login ended under it: {call}", call.session)


def bounded(history: FleetHistory) -> Iterator[Fault]:
    """Nothing that is done makes more logins unknown, or logouts be sent again, than calls can be under way at once."""
    most = AT_ONCE * CALLS_EACH * len(history.troubles.all)
    again = len({login.token for login, _, _ in _asked_again(history)})
    for what, number in {"unknown": len(history.unknown), "asked to end again": again}.items():
        if number > most:
            yield Fault(Wrong.DEFECT, f"{number} logins are {what}, and at most {most} may be")


def _is_reaped(history: FleetHistory, login: Login) -> bool:
    opened = history.initializes[login.ticket]
    if opened.checked:
        return False  # it was opened to see what is left, and is ended by that
    is_over = opened.status == 200 and login.token not in history.alive_when_settled
    return is_over and not any(history.may_end(call, opened) for call in history.by_session[opened.session] if not call.checked)


def _failed(call: Call) -> bool:
    """Tell whether the fleet has failed a call. The end system shares this machine, and is late if that is busy."""
    return call.status in {None, 503} and call.word not in {GONE, LATE, "end_system"}


def _asked_again(history: FleetHistory) -> Iterator[tuple[Login, float, Call]]:
    """Yield the logins that were asked to end after a 200 had said that they had, when, and what had been answered so."""
    for call in history.calls:
        login = history.by_ticket.get(call.shown or "")
        is_done = call.kind is Kind.CLEANUP and ends(call) and call.word in rules.DONE
        if is_done and login is not None:
            for asked in login.asked_to_end:
                if asked.moment > call.left and login.known(asked.number) < call.began:
                    yield login, asked.moment, call


RULES = (
    rules.not_ended,
    rules.dead_seals,
    rules.closed_seals,
    rules.stale,
    rules.turned_away,
    rules.open_on_paper,
    rules.defects,
    *licence.RULES,
    lost,
    failed,
    twice,
    ended_under_a_call,
    bounded,
)
