"""A campaign as it was seen from outside, and what can be concluded from that."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

from tests.torture.life.calls import Call, Kind, Life
from tests.torture.life.logins import Beyond, Login, Renewal, Way

ENDED = frozenset([200, 502])
"""What a cleanup is answered that is recorded and has evicted: from then on its session is dead."""
UNAWARE = "ledger_unavailable"
"""The code of an answer that a server gives when its ledger takes nothing."""
LATE = "timeout"
"""The code of an initialize whose login the server goes on with after the answer."""
CATCHES_UP = 3.0
"""Seconds of running in which a server notices that there is room again and records what it could not, on a busy machine."""

WRITES = 0.5
"""Seconds in which a server has written down what it was told, on a busy machine."""


@dataclass(frozen=True)
class History:
    """All that the clients and the end system saw, and when servers lived."""

    calls: Sequence[Call]
    lives: Sequence[Life]
    logins: Sequence[Login]
    alive_when_settled: frozenset[str] = frozenset()
    """The tokens that were alive when the server owed nothing any more."""
    alive_in_the_end: frozenset[str] = frozenset()
    """Those that were alive after all sessions had been cleaned up."""
    crowded: Sequence[tuple[float, float]] = ()
    """From when until when the disk was full."""
    open_rows: frozenset[str] = frozenset()
    """The sessions that the ledger's file had as open when nothing was owed."""
    unknown: Sequence[str] = ()
    """The sessions of logins and refreshes of which the ledger said in the end that nobody knows what they have made."""
    beyond: Sequence[Beyond] = ()
    """Logins that the end system has refused because of its licence."""
    broken_off: Collection[str] = ()
    """The tickets of logins to whose request the end system has reset its connection."""
    closed: Sequence[float] = ()
    """When the end system went away, and reset the connections that it had not looked at yet."""

    @cached_property
    def initializes(self) -> Mapping[str, Call]:
        """By ticket."""
        return {call.ticket: call for call in self.calls if call.kind is Kind.INITIALIZE}

    @cached_property
    def by_session(self) -> Mapping[str, Sequence[Call]]:
        sessions = defaultdict[str, list[Call]](list)
        for call in self.calls:
            sessions[call.session].append(call)
        return sessions

    @cached_property
    def _starts(self) -> Sequence[float]:
        return [life.started for life in self.lives]

    @cached_property
    def _opened(self) -> Mapping[float, Sequence[Call]]:
        """By the start of each server: the initializes that it has answered 200."""
        opened = defaultdict[float, list[Call]](list)
        for call in self.initializes.values():
            life = self._life_before(call.left)
            if call.status == 200 and call.left < life.died:
                opened[life.started].append(call)
        return opened

    @property
    def served(self) -> Iterator[tuple[Call, Call]]:
        """Yield the uses of sessions that were answered, each with the initialize whose seal it has shown."""
        for call in self.calls:
            if call.kind is Kind.USE and call.status == 200 and call.shown is not None:
                yield call, self.initializes[call.shown]

    def over(self, call: Call) -> float:
        """Return the moment from which on the server does nothing more for a call.

        An initialize that failed, and a call whose client has gone, may be under way until their server has died.
        """
        if call.status == 200 or (call.kind is Kind.CLEANUP and call.status is not None):
            return call.left
        return self._life_before(call.left).died

    def may_end(self, call: Call, opened: Call) -> bool:
        """Tell whether a call, whatever it was answered, may have ended the login of an initialize that was answered 200."""
        return call.kind is not Kind.USE and call is not opened and self.over(call) > opened.began

    def left_open(self) -> Iterator[Call]:
        """Yield the initializes whose sessions have to be open and usable by now, for nothing can have ended them."""
        for calls in self.by_session.values():
            opened = [call for call in calls if call.kind is Kind.INITIALIZE and call.status == 200]
            last = max(opened, key=lambda call: call.began, default=None)
            if last is None or any(self.may_end(call, last) for call in calls):
                continue
            if not self.is_cut_off(self.by_ticket[last.ticket]):
                yield last

    def is_unaware(self, call: Call) -> bool:
        """Tell whether a server may have worked on a cleanup without a ledger that can be written.

        Then it cannot know what it has done, and does everything once, whether it was done or not.
        """
        if call.kind is not Kind.CLEANUP:
            return False
        return call.word == UNAWARE or (call.status in {None, 503} and self._was_crowded(call.began, self.over(call)))

    @cached_property
    def by_ticket(self) -> Mapping[str, Login]:
        """The login of each initialize that the end system has seen."""
        return {login.ticket: login for login in self.logins}

    def unaware_until(self, call: Call) -> float:
        """Return until when a server may ask the end system on behalf of a cleanup that it is unaware of.

        What it can neither record nor end it goes on trying, until it has noticed that there is room.
        """
        over = self.over(call)
        room = self._room_after(call.began, over) or over
        return min(max(over, room + CATCHES_UP), self._life_before(call.left).died)

    def was_settled(self, call: Call) -> bool:
        """Tell whether a cleanup that was answered could record what became of it."""
        return not self._was_crowded(call.began, call.left)

    def life_at(self, moment: float) -> Life:
        """Return the server that has sent what came at this moment."""
        return self.lives[bisect_right(self._starts, moment) - 1]

    def is_under_way(self, login: Login) -> bool:
        """Tell whether a kill has met a login before its server can have recorded it.

        Where the disk was full before that, the server has recorded or ended it some seconds after there was room again.
        """
        call = self.initializes[login.ticket]
        if call.status == 200:
            return False
        return self._is_met_by_a_kill(login.asked, max(call.left, login.told), self._recorded(login, call))

    def is_known_to_be_dead(self, login: Login, moment: float) -> bool:
        """Tell whether a server must have recorded by then that a login is dead, so that it holds no seat."""
        proved = login.proved_dead
        has_had_time = proved + WRITES < min(moment, self.life_at(min(proved, moment)).died)
        return has_had_time and not self._was_crowded(proved, proved + WRITES)

    def may_not_have_heard(self, call: Call) -> bool:
        """Tell whether a call may be let in because another server has ended its session and could not tell that yet."""
        return False

    def withholds_seats(self, call: Call) -> bool:
        """Tell whether there was another reason than the licence to give an initialize no seat."""
        return False

    def is_met_by_a_kill(self, call: Call) -> bool:
        """Tell whether a kill has met an initialize before its server can have recorded what came of it."""
        login = self.by_ticket.get(call.ticket)
        asked, told = (call.began, call.left) if login is None else (login.asked, max(call.left, login.told))
        recorded = call.left if call.status is not None and call.word != LATE else self._opened_after(told, asked)
        return self._is_met_by_a_kill(asked, told, recorded)

    def is_forgotten(self, renewal: Renewal) -> bool:
        """Tell whether a kill has met a renewal, so that its server may not have recorded the new credential, and nobody has it.

        Nothing is used before it is recorded, and nothing that is recorded later is recorded before it. Only a cleanup that
        cannot be recorded carries what is not.
        """
        died = self.life_at(renewal.asked).died
        if renewal.carried == inf:
            is_needed = renewal.is_refresh  # or the older ones are as good
        else:
            is_needed = renewal.carried < died <= renewal.used and self._was_crowded(renewal.asked, renewal.carried)
        return is_needed and self.is_cut_off_in(renewal)

    def is_cut_off(self, login: Login) -> bool:
        """Tell whether a kill, or the end system itself, came between a login and its newest credential: nobody has that."""
        return self.is_in_doubt(login) or any(map(self.is_forgotten, needed(login)))

    def is_in_doubt(self, login: Login) -> bool:
        """Tell whether that was so of what a refresh has made, which the ledger had a row of before it was sent."""
        is_untold = any(newest.is_refresh and newest.untold for newest in login.renewals[-1:])
        return is_untold or any(renewal.is_refresh and self.is_forgotten(renewal) for renewal in needed(login))

    def may_be_in_doubt(self, login: Login) -> bool:
        """Tell whether the ledger may list a refresh of a login: a kill has met it, or there was no answer that is known of."""
        calls = self.by_session[self.initializes[login.ticket].session]
        has_failed = any(call.kind is Kind.USE and call.shown == login.ticket and call.status in {None, 503} for call in calls)
        return login.way is Way.REFRESH and (
            has_failed or any(each.untold or self.is_cut_off_in(each) for each in login.refreshes)
        )

    def is_cut_off_in(self, renewal: Renewal) -> bool:
        """Tell whether a kill has met a renewal before its server can have recorded it."""
        return self._is_met_by_a_kill(renewal.asked, renewal.told, self._opened_after(renewal.told, renewal.asked))

    def _is_met_by_a_kill(self, asked: float, answered: float, recorded: float) -> bool:
        life = self.life_at(asked)
        if not life.killed:
            return False
        room = self._room_after(asked, min(recorded, life.died))
        if room is None:
            return recorded == inf
        return life.ran(max(room, answered)) < CATCHES_UP

    def _recorded(self, login: Login, call: Call) -> float:
        """Return when a login must have been recorded by a server that has room on its disk; never, if it was killed before.

        It is recorded before its initialize is answered. Where the answer came first, because the login was late, or where the
        client has gone, the server has it no later than a whole initialize that begins after the end system has answered.
        """
        if call.status is not None and call.word != LATE:
            return call.left
        return self._opened_after(max(call.left, login.told), login.asked)

    def _opened_after(self, moment: float, asked: float) -> float:
        """Return when an initialize was answered 200 that has begun after a moment, by the server that has `asked`."""
        opened = self._opened[self.life_at(asked).started]
        return min((call.left for call in opened if call.began > moment), default=inf)

    def _life_before(self, moment: float) -> Life:
        """Return the last server that was started before."""
        return self.lives[bisect_left(self._starts, moment) - 1]

    def _was_crowded(self, since: float, until: float) -> bool:
        """Tell whether a server may not have known by then that there is room on its disk."""
        return self._room_after(since - CATCHES_UP, until) is not None

    def _room_after(self, since: float, until: float) -> float | None:
        """Return when there was room again on a disk that was full at some time between these moments; None if it was not."""
        return max((end for start, end in self.crowded if start <= until and since <= end), default=None)


def needed(login: Login) -> Sequence[Renewal]:
    """Return the renewals that somebody has to know of who ends a login: the newest, and the one that has ended older ones."""
    last = login.good_from
    return [*login.renewals[-1:], *(login.renewals[last - 1 : last] if last else [])]


def ends(call: Call) -> bool:
    """Tell whether a call has ended, as its answer says, what its session was before it was asked for."""
    return (call.kind is Kind.CLEANUP and call.status in ENDED) or (call.kind is Kind.INITIALIZE and call.status == 200)
