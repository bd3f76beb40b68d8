"""Which `already_out` is to be believed. A gateway that answers 401 to everything, or a wrong credential, brings it as well."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from math import inf

import structlog
from msgspec.structs import replace

from connector.endsystems.end_system import SessionLogin
from connector.model.credential import Credential
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.telemetry.logs import session_digest

log = structlog.get_logger(__name__)

WINDOW = 300.0
"""Seconds for which a logout counts, and for which a login that was seen alive contradicts its `already_out`."""
LONGEST = 3600.0
"""Seconds for which a logout counts if there are few."""
FEW = 20
"""Logouts of an end system that count although they are older than `WINDOW`: not every system has some each minute."""
FEWEST = 5
"""Logouts of an end system before they tell anything."""
MOST = 1_000
"""Logouts of an end system that are looked at, and end systems that are known."""
REMEMBERED = 50_000
"""Logins that are remembered as alive."""
UNPROVED = (
    "a logout found its session gone, and nothing shows that its credential ever worked: the logout counts as done; "
    "a probe in the profile (`[verify]`) would show it"
)
MOSTLY = (
    "MOST LOGOUTS OF AN END SYSTEM FIND NO SESSION, although nothing shows that these had ended: a gateway may answer for it, "
    "or the profile sends a wrong credential; look into the end system whether the sessions are still open"
)
NEVER = (-inf, None)
TELLING = frozenset([LogoutResult.VERIFIED, LogoutResult.ACKNOWLEDGED, LogoutResult.ALREADY_OUT])


class _Recent:
    """The recent logouts of one end system."""

    def __init__(self) -> None:
        self.logouts: deque[tuple[float, bool]] = deque()
        self.doubtful = 0
        self.is_told = False

    def note(self, now: float, *, doubtful: bool) -> None:
        self.logouts.append((now, doubtful))
        self.doubtful += doubtful
        self.forget(now)

    def forget(self, now: float) -> None:
        while self.logouts and self._is_past(now - self.logouts[0][0]):
            self.doubtful -= self.logouts.popleft()[1]

    def _is_past(self, age: float) -> bool:
        number = len(self.logouts)
        return age > LONGEST or number > MOST or (age > WINDOW and number > FEW)

    @property
    def are_mostly_doubtful(self) -> bool:
        return len(self.logouts) >= FEWEST and 2 * self.doubtful > len(self.logouts)


class Doubts:
    """Remembers which logins were seen alive here, and notices an end system most of whose logouts are doubtful."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._alive: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        """When, and with which credential: the hash of it, because a secret need not be kept."""
        self._recent: OrderedDict[str, _Recent] = OrderedDict()
        self.unproved = 0
        """How many logouts ended with an `already_out` that nothing proves, since the start."""

    def seen_alive(self, session_id: str, login_id: str, credential: Credential | None = None) -> None:
        """Note that the end system has just accepted a login, by this credential unless the credential itself says so."""
        key = (session_id, login_id)
        self._alive[key] = (self._clock(), hash(credential))
        self._alive.move_to_end(key)
        if len(self._alive) > REMEMBERED:
            self._alive.popitem(last=False)

    def was_alive(self, session_id: str, login_id: str, credential: Credential) -> bool:
        """Tell whether the end system has accepted this credential of a login, as far as this process remembers."""
        _, accepted = self._alive.get((session_id, login_id), NEVER)
        return accepted == hash(credential)

    def judged(self, outcome: LogoutOutcome, login: SessionLogin, login_id: str, origin: str, *, is_first: bool) -> LogoutOutcome:
        """Return the outcome of a try, and whether its `already_out` is proved. `is_first` tells that no try came before.

        A later try may find what an earlier one has ended, although that was never answered.
        """
        if outcome.result not in TELLING:
            return outcome
        now, (seen, accepted) = self._clock(), self._alive.pop((login.session_id, login_id), NEVER)
        is_gone = outcome.result is LogoutResult.ALREADY_OUT
        if is_gone and outcome.proved is None:
            outcome = replace(outcome, proved=login.credential.proved or accepted == hash(login.credential))
        is_unproved = is_gone and not outcome.proved
        if is_unproved:
            self._tell_unproved(login)
        contradicted = is_gone and now - seen < WINDOW
        self._note(origin, now, doubtful=is_first and (is_unproved or contradicted))
        return outcome

    def doubted(self) -> Mapping[str, int]:
        """Return where most recent logouts are doubtful, and how many are."""
        for recent in self._recent.values():
            recent.forget(self._clock())
        return {origin: recent.doubtful for origin, recent in self._recent.items() if recent.are_mostly_doubtful}

    def _tell_unproved(self, login: SessionLogin) -> None:
        self.unproved += 1
        log.warning(UNPROVED, session=session_digest(login.session_id))

    def _note(self, origin: str, now: float, *, doubtful: bool) -> None:
        recent = self._recent.setdefault(origin, _Recent())
        if len(self._recent) > MOST:
            self._recent.popitem(last=False)
        recent.note(now, doubtful=doubtful)
        if recent.are_mostly_doubtful and not recent.is_told:
            log.warning(MOSTLY, origin=origin, logouts=len(recent.logouts), doubtful=recent.doubtful)
        recent.is_told = recent.are_mostly_doubtful
