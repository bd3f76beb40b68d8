"""The verdict on a campaign: every login that was ever made is dead, was open, or is accounted for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.torture.life.faults import Fault, Wrong
from tests.torture.life.history import History, needed
from tests.torture.life.licence import NO_SEAT, is_excused, may_be_unknown
from tests.torture.life.logins import Login, Renewal
from tests.torture.life.rules import RULES


@dataclass(slots=True)
class Verdict:
    """What it all came to."""

    logins: int = 0
    dead: int = 0
    """Logins that were dead when nothing was owed any more."""
    open: int = 0
    """Logins that were alive then, and that a cleanup of their session has ended."""
    reaped: int = 0
    """Those of the dead whose sessions the server has ended by itself."""
    no_seat: int = 0
    """Initializes that found no seat."""
    excused: int = 0
    """Logins beyond the licence, because nobody had the newest credential of others that were alive."""
    unknown: int = 0
    """Logins of which the ledger said in the end that nobody knows what they have made."""
    met_by_a_kill: int = 0
    """Initializes that a kill has met."""
    no_answer: int = 0
    """Others whose login the end system has reset the connection of."""
    under_way: int = 0
    """Logins that were under way at a kill."""
    lost_unanswered: int = 0
    """Those of them that are lost, and that the end system had not answered before the kill."""
    lost_unrecorded: int = 0
    """Those of them that are lost, and that it had."""
    longest: float = 0.0
    """The most seconds that a server was still running after the answer to a login that it took to its grave."""
    cookies: int = 0
    """New cookies that answers have set."""
    refreshes: int = 0
    """Credentials that were spent for new ones."""
    forgotten: int = 0
    """Renewals that were under way at a kill, and after which nobody had the new credential."""
    lost_renewed: int = 0
    """Logins that are lost because of one of them."""
    longest_renewed: float = 0.0
    """The most seconds that a server was still running after the end system had renewed a login that is lost by that."""
    untold: int = 0
    """Logins whose answer the end system itself has broken off, so that nobody could ever end them, and that are alive."""
    faults: list[Fault] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.faults


def judged(history: History) -> Verdict:
    """Judge all of it."""
    verdict = Verdict(logins=len(history.logins), unknown=len(history.unknown))
    verdict.no_seat = sum(call.word == NO_SEAT for call in history.calls)
    causes = [call for call in history.calls if may_be_unknown(history, call)]
    verdict.met_by_a_kill = sum(map(history.is_met_by_a_kill, causes))
    verdict.no_answer = len(causes) - verdict.met_by_a_kill
    verdict.excused = sum(is_excused(history, refused) for refused in history.beyond)
    for login in history.logins:
        _count(history, login, verdict)
    for rule in RULES:
        verdict.faults.extend(rule(history))
    return verdict


def _count(history: History, login: Login, verdict: Verdict) -> None:
    under_way = history.is_under_way(login)
    verdict.under_way += under_way
    verdict.refreshes += len(login.refreshes)
    verdict.cookies += login.newest - len(login.refreshes)
    verdict.forgotten += sum(map(history.is_forgotten, login.renewals))
    if login.token not in history.alive_when_settled:
        verdict.dead += 1
        verdict.reaped += _is_reaped(history, login)
    elif login.token not in history.alive_in_the_end:
        verdict.open += 1
    elif login.untold:
        verdict.untold += 1
    elif under_way:
        _count_lost(history, login, verdict)
    elif forgotten := [*filter(history.is_forgotten, needed(login))]:
        _count_lost_renewed(history, forgotten[0], verdict)
    else:
        verdict.faults.append(Fault(Wrong.LOST, f"the login of {login.ticket}", history.initializes[login.ticket].session))


def _is_reaped(history: History, login: Login) -> bool:
    """Tell whether a login has ended although no client has done anything that ends it."""
    opened = history.initializes[login.ticket]
    return opened.status == 200 and not any(history.may_end(call, opened) for call in history.by_session[opened.session])


def _count_lost(history: History, login: Login, verdict: Verdict) -> None:
    """Count a login that is lost in the documented window."""
    life = history.life_at(login.asked)
    if 0 < login.told < life.died:
        verdict.lost_unrecorded += 1
        verdict.longest = max(verdict.longest, life.ran(login.told))
    else:
        verdict.lost_unanswered += 1


def _count_lost_renewed(history: History, renewal: Renewal, verdict: Verdict) -> None:
    """Count a login that is lost in the window of a renewal."""
    verdict.lost_renewed += 1
    verdict.longest_renewed = max(verdict.longest_renewed, history.life_at(renewal.asked).ran(renewal.told))


def by_kind(verdict: Verdict) -> Mapping[Wrong, int]:
    """Return how many faults there are of each kind."""
    return {wrong: sum(fault.wrong is wrong for fault in verdict.faults) for wrong in Wrong}
