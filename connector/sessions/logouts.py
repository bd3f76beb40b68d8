"""Logging out of the end system: one try at a time for each login, shared by all who ask."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from connector.endsystems.authored import place_of, place_to_come
from connector.endsystems.end_system import EndSystem, SessionLogin
from connector.endsystems.escaped import logged_out
from connector.model.cleanup import Timed
from connector.model.credential import Credential
from connector.model.debts import Debt
from connector.model.outcomes import IN_HAND_ELSEWHERE, NO_LOGOUT, OTHER_END_SYSTEM, LogoutOutcome, LogoutResult, late_answer
from connector.runtime.steps import attempt, step
from connector.runtime.supervision import OwnedTasks
from connector.sessions.background import Background
from connector.sessions.doubts import Doubts
from connector.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

MaySend = Callable[[], Awaitable[bool]]


@dataclass(slots=True)
class SharedLogout:
    """One try of a logout, and how many callers share it."""

    task: asyncio.Future[Timed[LogoutOutcome]]
    users: int = 0
    is_known: bool = False
    """Whether its outcome was known, so that nobody asks the end system."""
    settled: bool = False
    """Whether its outcome is in the ledger: only one of those who share it records it."""

    def to_be_recorded(self) -> LogoutOutcome | None:
        """Return the outcome to the first who asks, once it is there; None to the others, because it is recorded once."""
        outcome = None if self.settled or self._is_elsewhere else self.task.result().outcome
        self.settled = True
        return outcome

    @property
    def tries(self) -> int:
        """How often the end system was asked, once the outcome is there."""
        return 0 if self.is_known or self._is_elsewhere else 1

    @property
    def _is_elsewhere(self) -> bool:
        return self.task.result().outcome is IN_HAND_ELSEWHERE

    @property
    def failed(self) -> bool:
        """Whether it has ended and left something to do."""
        return self.task.done() and (self.task.cancelled() or not self.task.result().outcome.closes)


def login_of(debt: Debt) -> SessionLogin:
    """Return the login of a debt that was read with its credential."""
    return SessionLogin(debt.session_id, debt.system_id, debt.credential or Credential())


def outcome_of_closed(debt: Debt) -> LogoutOutcome:
    """Return the outcome of a logout that is closed in the ledger."""
    if debt.dismissed is not None or debt.outcome is None:
        return LogoutOutcome(LogoutResult.NOT_APPLICABLE, "dismissed", "an administrator has dismissed this logout")
    return debt.outcome


def known(outcome: LogoutOutcome, *, settled: bool = True) -> AbstractAsyncContextManager[SharedLogout]:
    """Give a try whose outcome is known, so that nothing is sent; `settled` as in `SharedLogout`."""
    task: asyncio.Future[Timed[LogoutOutcome]] = asyncio.get_running_loop().create_future()
    task.set_result(Timed(outcome, 0))
    return nullcontext(SharedLogout(task, is_known=True, settled=settled))


class Logouts:
    """Joins the cleanups and retries of one login, which its session, its id and its credential identify.

    Every logout goes through `sharing`, which sends nothing to an end system that the login does not belong to.
    """

    def __init__(
        self,
        end_system: EndSystem,
        tasks: OwnedTasks,
        metrics: Metrics,
        *,
        deadline: float,
        background: Background | None = None,
    ) -> None:
        """Make it. `background` is what ends before a login does; None if there is never any."""
        self.end_system = end_system
        self.doubts = Doubts()
        self._tasks = tasks
        self._metrics = metrics
        self._deadline = deadline
        self._background = background
        self._shared: dict[tuple[str, str, Credential], SharedLogout] = {}

    def origin(self, login: SessionLogin) -> str:
        """Return the place where today's end system would end this login; empty if an author's class raises an exception."""
        return attempt("origin of a login", lambda: place_of(self.end_system, login), "")

    def origin_to_come(self, session_id: str, system_id: str | None, settings: Mapping[str, str]) -> str:
        """Return the place where today's end system makes a login; empty if only its credential tells."""
        login = SessionLogin(session_id, system_id, Credential())
        return attempt("origin of a login to come", lambda: place_to_come(self.end_system, login, settings), "")

    def held(self, debt: Debt) -> LogoutOutcome | None:
        """Return why a debt, read with its credential, cannot be done today; None if it can."""
        return self._held(login_of(debt), debt.places)

    def _held(self, login: SessionLogin, places: Collection[str | None]) -> LogoutOutcome | None:
        if not self.end_system.ends_sessions:
            return NO_LOGOUT
        return None if self.origin(login) in places else OTHER_END_SYSTEM

    def sharing(
        self,
        login: SessionLogin,
        login_id: str = "",
        *,
        places: Collection[str | None],
        attempts: int,
        may_send: MaySend | None = None,
    ) -> AbstractAsyncContextManager[SharedLogout]:
        """Join a running try or begin one, unless the login is held back.

        Args:
            login: the login to end.
            login_id: tells it from another login with the same credential.
            places: where it was made, and where else it may be ended.
            attempts: the number of earlier tries.
            may_send: tells just before whether the end system may be asked. If not, the outcome is `IN_HAND_ELSEWHERE`.
        """
        # Checked here, on the only way to an end system: a credential sent elsewhere is given away.
        held = self._held(login, places)
        if held is None:
            return self._sharing(login, login_id, attempts, may_send)
        log.warning(
            "a logout is held back; `connector owed list` shows it", reason=held.message, made_for=[*filter(None, places)]
        )
        return known(held, settled=False)

    @asynccontextmanager
    async def _sharing(
        self, login: SessionLogin, login_id: str, attempts: int, may_send: MaySend | None
    ) -> AsyncIterator[SharedLogout]:
        """Join or begin a try.

        It is shared by the same credential of the same seal, because an end system may hand out one credential twice. It stays
        shared until the last caller has ended: a duplicate that comes while another one still evicts sends nothing. If it
        failed, a duplicate is the next try.
        """
        # All three: one credential may belong to two logins, and without a seal it alone tells logins apart.
        key = (login.session_id, login_id, login.credential)
        shared = self._shared.get(key)
        if shared is None or shared.failed:
            shared = self._shared[key] = SharedLogout(self._tasks.start(self._try(login, login_id, attempts, may_send)))
        shared.users += 1
        try:
            yield shared
        finally:
            # The last one removes it; a failed try may have been replaced by the next one already.
            shared.users -= 1
            if not shared.users and self._shared.get(key) is shared:
                del self._shared[key]

    async def _try(self, login: SessionLogin, login_id: str, attempts: int, may_send: MaySend | None) -> Timed[LogoutOutcome]:
        if self._background is not None and (login.session_id, login_id) in self._background:
            await self._background.over(login.session_id, login_id)
        if may_send is not None and not await may_send():
            return Timed(IN_HAND_ELSEWHERE, 0)
        done = await step(
            "logout",
            lambda: logged_out(self.end_system.logout(login)),
            deadline=self._deadline,
            late=LogoutOutcome(LogoutResult.PENDING, "timeout", late_answer(self._deadline)),
            failed=LogoutOutcome(LogoutResult.FAILED, "internal_error", "a defect; the log has its traceback"),
        )
        outcome = self.doubts.judged(done.outcome, login, login_id, self.origin(login), is_first=not attempts)
        done = done if outcome is done.outcome else replace(done, outcome=outcome)
        # Counted once for each try, not once for each caller that shares it.
        self._metrics.observe_logout(done.outcome, done.milliseconds / 1000, attempts=attempts + 1)
        return done
