"""The ledger under test: how the suite gets it, and the few ways in which it is used."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import ClassVar, Protocol
from uuid import UUID

import pytest

from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.model.begun import Opening
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.sessions import OpenSession, Replaced

KEYS = Keyring({"old": b"o" * 32})
ROTATED = Keyring({"new": b"n" * 32, "old": b"o" * 32})
ONLY_NEW = Keyring({"new": b"n" * 32})

GRACE = 30.0
"""Seconds that a cleanup has for its own try."""
HOUR = 3600.0
START = 1_900_000_000.0
DRIVERS = ("memory", "sqlite")
ORIGIN = "https://desk.example.com"

VERIFIED = LogoutOutcome(LogoutResult.VERIFIED)
PENDING = LogoutOutcome(LogoutResult.PENDING, "503", "the end system is away", 7.5)
REFUSED = LogoutOutcome(LogoutResult.REFUSED, "400", "no such site")


class SetClock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class MakeLedger(Protocol):
    """Makes ledgers of one store with these keys, the fixture `clock` and a grace of `GRACE` seconds; they are not yet opened."""

    def __call__(self, keyring: Keyring) -> Ledger: ...


Spoil = Callable[[Debt], None]
"""Makes the row of a debt unreadable, as a damaged disk or an enemy would, while its ledger is open."""


class LedgerSubject:
    """What a derived class says of its ledger."""

    shared: ClassVar[bool] = False
    """Whether a store may have several owners at a time. If not, it refuses a second one with a `ConfigurationError`."""
    gone_after: ClassVar[float] = 60.0
    """Seconds without a call of `claim_due`, `claim_refresh` or `tick` after which an owner of a shared store counts as gone.

    They may begin when another owner has made a call since the last one, and so could have noticed it.
    """

    @property
    def grace(self) -> float:
        """Seconds after which a debt is due that nobody tries."""
        return 0.0 if self.shared else GRACE

    sealed: ClassVar[bool] = True
    """Whether rows are sealed with keys, so that a row is of no use while its key is missing."""

    @pytest.fixture
    def clock(self) -> SetClock:
        return SetClock()

    @pytest.fixture
    def make_ledger(self, clock: SetClock) -> MakeLedger:
        """Override: return what makes a ledger of the test's own store."""
        raise NotImplementedError

    @pytest.fixture
    def spoil(self) -> Spoil:
        """Override: return what spoils a row."""
        raise NotImplementedError

    @pytest.fixture
    async def owners(self, make_ledger: MakeLedger) -> AsyncIterator[Sequence[Ledger]]:
        """Open as many ledgers on one store as it can have."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(opened(make_ledger(KEYS))) for _ in range(3 if self.shared else 1)]

    @pytest.fixture
    async def ledger(self, make_ledger: MakeLedger) -> AsyncIterator[Ledger]:
        async with opened(make_ledger(KEYS)) as ledger:
            yield ledger


@asynccontextmanager
async def opened(ledger: Ledger) -> AsyncIterator[Ledger]:
    async with ledger.opened():
        yield ledger


def request(
    number: int, token: str = "t", *, login: str = "", system: str | None = "A", everything: bool = False
) -> CleanupRequest:
    credential = Credential([("Authorization", f"Bearer {token}")])
    return CleanupRequest(str(UUID(int=number)), system, everything, credential, login_id=login)


def session(number: int, token: str | None = "t", login: str = "l") -> OpenSession:
    asked = request(number, token or "")
    return OpenSession(asked.session_id, "A", ORIGIN, login, START, START, None if token is None else asked.credential)


async def record(
    ledger: Ledger,
    number: int,
    token: str = "t",
    *,
    login: str = "",
    origin: str = ORIGIN,
    drivers: tuple[str, ...] = DRIVERS,
) -> Debt:
    """Record a cleanup of a session, as `untried` does."""
    return await untried(ledger, request(number, token, login=login), origin=origin, drivers=drivers)


async def untried(
    ledger: Ledger, asked: CleanupRequest, *, origin: str, drivers: Sequence[str], logins: Sequence[str] | None = None
) -> Debt:
    """Record a cleanup that does not try its logout: it leaves that to the retries."""
    debt = await ledger.record(asked, origin=origin, drivers=drivers, logins=logins)
    await ledger.release(debt)
    return debt


async def close(ledger: Ledger, debt: Debt) -> Debt | None:
    return await ledger.settle(debt, state=LogoutState.CLOSED, outcome=VERIFIED, evicted=DRIVERS)


def opening(session: OpenSession, pool: str | None = None) -> Opening:
    """Return the opening that comes before a session."""
    return Opening(session.session_id, session.system_id, session.origin, session.login_id, session.opened_at, pool)


async def open_(ledger: Ledger, session: OpenSession, replaced: OpenSession | None = None) -> Debt | None:
    """Open a session by a login of its own, show the seal of what it replaces, and return the eviction that is owed."""
    await ledger.begin_opening(opening(session))
    recorded = await ledger.open_session(session, Replaced(replaced) if replaced else None, drivers=DRIVERS)
    assert recorded.is_open
    return recorded.owed


async def all_due(ledger: Ledger, now: float = START + GRACE) -> list[Debt]:
    """Return what is due, and leave it to be claimed."""
    found = await ledger.claim_due(now, per_origin=1_000_000, limit=1_000_000)
    for debt in found:
        await ledger.release(debt)
    return found


async def every_row(ledger: Ledger) -> list[Debt]:
    """Return all debts, also those that owe nothing any more."""
    return await ledger.listing(states=[*LogoutState], limit=1_000_000)


async def logins(ledger: Ledger) -> dict[str, str]:
    """Return which sessions are open, by which login."""
    return dict((await ledger.known_sessions()).logins)


async def owed(ledger: Ledger) -> list[Debt]:
    """Return the logouts that are due, with their credentials."""
    return [debt for debt in await all_due(ledger) if debt.credential is not None]
