"""OpsHub and its users: they open sessions, call by their seals, and clean up, wherever the load balancer leads them."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from connector.api.answers import answer
from connector.endsystems.end_system import LoginOutcome
from connector.model.errors import BrokenOff, LedgerUnavailable, UnknownSession
from connector.model.headers import SEAL
from connector.model.outcomes import LoginResult
from connector.sessions.opening_outcomes import NotOpened, Opened, OpeningRequest, Result
from connector.sessions.seal import Seals
from connector.sessions.session import Session
from tests.assembly import KEYRING
from tests.simulation.fleet.desk import TOKEN
from tests.simulation.fleet.oracle import Life
from tests.simulation.fleet.replica import Replica
from tests.simulation.oracle import Loaded, named

T = TypeVar("T")
SYSTEM = "A"
PATIENCE = 120.0
"""Seconds after which a caller waits no longer."""
NO_ANSWER, DEAD, NO_SEAT, AWAY, NO_SUCH = 0, 401, 403, 503, 404
STATUSES = {
    NotOpened.OVERTAKEN: 409,
    NotOpened.NOT_RECORDED: 503,
    NotOpened.DEFECT: 500,
    NotOpened.NOT_ENDED: 503,
    NotOpened.NO_SEAT: NO_SEAT,
    NotOpened.STORE_AWAY: 503,
    NotOpened.STOPPING: 503,
}
SEALS = Seals(KEYRING)


@dataclass(slots=True, eq=False)
class Asked:
    """A request that may change which login a session has."""

    session_id: str
    replica: Replica
    began: float
    others: bool
    """Whether another one of the session was under way meanwhile."""
    task: "asyncio.Task[Any] | None" = None
    is_answered: bool = False
    answered_at: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing can come of it any more. One that nobody waits for may still go on."""
        has_ended = self.task is not None and self.task.done()
        return has_ended or self.replica.is_dead or (self.task is None and self.is_answered)


@dataclass(slots=True)
class OpsHub:
    """Sends calls to replicas, as the HTTP edge hands them on."""

    patience: float = PATIENCE
    asked: list[Asked] = field(default_factory=list)

    def begins(self, session_id: str, replica: Replica) -> Asked:
        """Note that a session is about to be changed."""
        self.asked = [each for each in self.asked if not each.is_over]
        others = [each for each in self.asked if each.session_id == session_id]
        for each in others:
            each.others = True
        asked = Asked(session_id, replica, asyncio.get_running_loop().time(), others=bool(others))
        self.asked.append(asked)
        return asked

    async def initialize(self, asked: Asked, shown: Life | None) -> tuple[int, str]:
        """Open a session. Return the status, and its seal."""
        work = self._initialize(asked, shown)
        return await self._answered(asked.replica, work, asked) or (NO_ANSWER, "")

    async def cleanup(self, asked: Asked, seal: str | None, *, everything: bool) -> int:
        """Clean a session up, and return the status."""
        work = self._cleanup(asked.replica, asked.session_id, seal, everything)
        return await self._answered(asked.replica, work, asked) or NO_ANSWER

    async def _initialize(self, asked: Asked, shown: Life | None) -> tuple[int, str]:
        sealed = None if shown is None else SEALS.opened([shown.seal])
        request = OpeningRequest(asked.session_id, SYSTEM, {}, sealed)
        openings = asked.replica.parts.served.openings
        result = await openings.open(request, lambda: not asked.is_answered)
        if isinstance(result, Opened):
            result.answered()
            return 200, result.headers[SEAL]
        return _status(result), ""

    async def _cleanup(self, replica: Replica, session_id: str, seal: str | None, everything: bool) -> int:
        served = replica.parts.served
        seals = [] if seal is None else [seal]
        try:
            sealed = served.admission.of(session_id, SYSTEM, seals, whole_system=everything)
            if sealed is None:
                await served.admission.without_seal(session_id)
            request = served.planner.plan(session_id, SYSTEM, sealed, global_cache=everything, headers=())
            return answer(await served.orchestrator.cleanup(request)).status
        except UnknownSession:
            return NO_SUCH
        except (LedgerUnavailable, BrokenOff):
            return AWAY

    async def call(self, replica: Replica, life: Life, handler: "Handler") -> int:
        """Call a handler by a seal, and return the status."""
        return await self._answered(replica, self._call(replica, life, handler)) or NO_ANSWER

    async def _call(self, replica: Replica, life: Life, handler: "Handler") -> int:
        try:
            async with replica.parts.served.in_use.of([life.seal]) as session:
                await handler(session)
        except UnknownSession:
            return DEAD
        except LedgerUnavailable:
            return AWAY
        return 200

    async def _answered(self, replica: Replica, work: Coroutine[Any, Any, T], asked: Asked | None = None) -> T | None:
        """Return the answer; None if the caller gets none."""
        if not replica.serves.is_set() or replica.is_over:
            work.close()
            answered = None
        else:
            task = replica.begin(work)
            if asked is not None:
                asked.task = task
            await asyncio.wait([task], timeout=self.patience)
            answered = None if not task.done() or task.cancelled() else task.result()
        if asked is not None:
            asked.is_answered, asked.answered_at = True, asyncio.get_running_loop().time()
        return answered


class Handler(Protocol):
    """What an author does in a call."""

    async def __call__(self, session: Session) -> None: ...


def token_of(seal: str) -> str:
    """Return which login a seal holds."""
    credential = SEALS.opened([seal]).credential
    assert credential is not None
    return credential[TOKEN]


def loaded(scope: Any, key: str, began: int) -> Loaded:
    """Return a value as the end system gave it."""
    return Loaded(named(scope), key, began)


def _status(result: Result) -> int:
    if isinstance(result, NotOpened):
        return STATUSES[result]
    assert isinstance(result, LoginOutcome)
    return 503 if result.result is LoginResult.UNAVAILABLE else 401
