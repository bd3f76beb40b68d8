"""An end system that counts its logins and the logouts that it is sent."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from connector.endsystems.end_system import EndSystem, EndSystemSettings, LoginOutcome, SessionLogin
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult

T = TypeVar("T")
Seconds = tuple[float, ...]
TOKEN = "x-token"
NO_ANSWER = LoginOutcome(LoginResult.UNAVAILABLE, code="unreachable", message="no answer", may_be_made=True)
REFUSED = LoginOutcome(LoginResult.REFUSED, code="refused", message="as the dice want it")
ACKNOWLEDGED, GONE = LogoutOutcome(LogoutResult.ACKNOWLEDGED), LogoutOutcome(LogoutResult.ALREADY_OUT)
PENDING = LogoutOutcome(LogoutResult.PENDING, "unreachable", "no answer")


@dataclass(slots=True, eq=False)
class Login:
    """One login, as the end system has it."""

    token: str
    session_id: str
    made_at: float
    is_alive: bool = True
    over_at: float = 0.0
    """When it ended."""
    is_known: bool = False
    """Whether whoever has asked for it got the answer."""
    logouts: int = 0
    under_way: int = 0
    """Logouts of it that somebody waits for now."""


@dataclass(eq=False)
class Desk:
    """The end system itself. Whatever reaches it takes effect, whoever has sent it."""

    dice: Random
    event: Callable[[str], int]
    travel: Seconds
    bad_days: float
    logins: dict[str, Login] = field(default_factory=dict)
    sent_twice: int = 0
    """Logouts that came while another one of the same login was under way."""
    faults: int = 0
    at_once: list[set[str]] = field(default_factory=list)
    """The logins that were alive when each of them was made, itself among them."""

    @property
    def alive(self) -> list[Login]:
        return [login for login in self.logins.values() if login.is_alive]

    def log_in(self, session_id: str) -> Login:
        login = Login(f"t{len(self.logins) + 1}", session_id, asyncio.get_running_loop().time())
        self.logins[login.token] = login
        self.at_once.append({each.token for each in self.alive})
        self.event(f"    the end system makes {login.token} for {session_id}")
        return login

    def log_out(self, token: str) -> LogoutOutcome:
        login = self.logins[token]
        login.logouts += 1
        was_alive, login.is_alive = login.is_alive, False
        login.over_at = asyncio.get_running_loop().time() if was_alive else login.over_at
        self.event(f"    the end system ends {token}{'' if was_alive else ', which was over'}")
        return ACKNOWLEDGED if was_alive else GONE

    def is_lost(self) -> bool:
        """Tell whether a message is lost; it counts as a fault then."""
        lost = self.dice.random() < self.bad_days
        self.faults += lost
        return lost

    async def on_its_way(self) -> None:
        await asyncio.sleep(self.dice.choice(self.travel))

    async def asked(self, request: Coroutine[Any, Any, T]) -> T:
        """Return the answer to a request. It reaches the end system even if its sender is no more."""
        task = asyncio.get_running_loop().create_task(request, context=Context())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)


class DeskClient(EndSystem):
    """What a replica knows of the end system."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(EndSystemSettings())
        self._desk = desk

    async def login(self, session_id: str, settings: object) -> LoginOutcome:
        made = await self._desk.asked(self._log_in(session_id))
        if made is None:
            return NO_ANSWER
        made.is_known = True
        return LoginOutcome(LoginResult.LOGGED_IN, Credential([(TOKEN, made.token)]))

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        login = self._desk.logins[session.credential[TOKEN]]
        self._desk.sent_twice += login.under_way > 0
        login.under_way += 1
        return await self._desk.asked(self._log_out(login))

    async def _log_in(self, session_id: str) -> Login | None:
        await self._desk.on_its_way()
        if self._desk.is_lost():
            return None
        made = self._desk.log_in(session_id)
        await self._desk.on_its_way()
        return None if self._desk.is_lost() else made

    async def _log_out(self, login: Login) -> LogoutOutcome:
        try:
            await self._desk.on_its_way()
            if self._desk.is_lost():
                return PENDING
            said = self._desk.log_out(login.token)
            await self._desk.on_its_way()
            return PENDING if self._desk.is_lost() else said
        finally:
            login.under_way -= 1
