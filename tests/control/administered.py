"""A control socket over a real ledger in a folder, as the running server has it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from connector.admin.audited import AuditBook
from connector.admin.readiness import Lifecycle, ReadinessCheck
from connector.admin.service import Admin
from connector.api.control import control_app
from connector.api.doors import opened_doors
from connector.api.probes import Probes
from connector.api.sites import control_served
from connector.cache.storage import Storage
from connector.cli.control_client import ControlClient
from connector.config.settings import (
    ConsoleSection,
    ControlSection,
    LedgerSection,
    MetricsSection,
    ServerSection,
    Settings,
    StorageDeadlines,
)
from connector.console.serving import console_served
from connector.ledger.fingerprints import of_keys
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.sessions import OpenSession
from connector.preflight.keyfile import load_keyring
from connector.sessions.doubts import Doubts
from connector.sessions.live import LiveSessions
from connector.sessions.seat_lines import SeatLines
from connector.telemetry.last_day import LastDay
from connector.telemetry.metrics import Metrics
from drivers import Driver
from tests.assembly import caching, closing, draining, holding
from tests.doubles import LocatedEndSystem, ScriptedDriver
from tests.ledger.ledgers import ORIGIN, opening

T = TypeVar("T")
WITHIN = 30.0
"""Seconds that a test waits at most for something that is certain to come."""
TOKEN = "t0ken-canary"
METRICS_URL = "http://127.0.0.1:9464/metrics"
REAPED = {"idle": 3}
CONSOLE_TOKEN = "f" * 40
NO_CONSOLE = ConsoleSection()
LOCAL = ServerSection()
CONFIG = """
[control]
socket = "control.sock"
[ledger]
path = "ledger.sqlite3"
key_file = "ledger.keys"
"""

REFUSED = LogoutOutcome(LogoutResult.REFUSED, "400", "no such site")
PENDING = LogoutOutcome(LogoutResult.PENDING, "503", "the end system is away")
VERIFIED = LogoutOutcome(LogoutResult.VERIFIED)


def opened_session(number: int) -> OpenSession:
    """Return a session that is to be opened."""
    now = time.time()
    credential = Credential([("Authorization", TOKEN)])
    id_ = f"6f1c1d2e-0000-4000-8000-{number:012}"
    return OpenSession(id_, "A", ORIGIN, f"login {number}", now, now, credential)


@dataclass(frozen=True, slots=True)
class Administered:
    """What stands behind the socket."""

    folder: Path
    ledger: SqliteLedger
    lifecycle: Lifecycle
    live: LiveSessions
    end_system: LocatedEndSystem = field(default_factory=lambda: LocatedEndSystem(ORIGIN))
    nudged: asyncio.Event = field(default_factory=asyncio.Event)

    async def owe(
        self,
        number: int,
        outcome: LogoutOutcome = PENDING,
        state: LogoutState = LogoutState.OWED,
        *,
        system: str | None = "A",
        evicted: bool = True,
    ) -> Debt:
        """Have the logout of a session tried once, with this outcome."""
        session = f"6f1c1d2e-0000-4000-8000-{number:012}"
        request = CleanupRequest(session, system, global_cache=False, credential=Credential([("Authorization", TOKEN)]))
        debt = await self.ledger.record(request, origin=ORIGIN, drivers=("memory",))
        settled = await self.ledger.settle(
            debt, outcome=outcome, state=state, due_at=debt.recorded_at + 3_000, evicted=("memory",) if evicted else ()
        )
        assert settled is not None
        return settled

    async def refused(self, number: int, outcome: LogoutOutcome = REFUSED, *, system: str | None = "A") -> Debt:
        """Have a logout refused: it waits for a human."""
        return await self.owe(number, outcome, LogoutState.WAITING, system=system)

    async def closed(self, number: int, *, evicted: bool = True) -> Debt:
        """Have a logout done."""
        return await self.owe(number, VERIFIED, LogoutState.CLOSED, evicted=evicted)

    async def begin(self, number: int, *, unanswered: bool = False, **changes: Any) -> OpenSession:
        """Begin a login of a session, as changed; if it stays `unanswered`, nobody knows what it has made."""
        session = replace(opened_session(number), **changes)
        begun = opening(session)
        await self.ledger.begin_opening(begun)
        if unanswered:
            await self.ledger.opening_unanswered(begun)
        return session

    async def open(self, number: int, **changes: Any) -> OpenSession:
        """Open a session, as changed, with a login that is a secret."""
        session = await self.begin(number, **changes)
        await self.ledger.open_session(session, None, drivers=())
        await self.live.load()
        return session

    async def ask(self, question: Callable[[ControlClient], T]) -> T:
        """Ask as the commands do, which know nothing of the loop that the server runs in."""

        def ask() -> T:
            with ControlClient(self.folder / "control.sock") as client:
                return question(client)

        async with asyncio.timeout(WITHIN):
            return await asyncio.to_thread(ask)


@asynccontextmanager
async def administered(
    folder: Path,
    console: ConsoleSection = NO_CONSOLE,
    server: ServerSection = LOCAL,
    *,
    last_day: LastDay | None = None,
    drivers: Sequence[Driver] = (),
) -> AsyncIterator[Administered]:
    """Serve the control socket in `folder`, which gets a `config.toml` that says where it is; and the console, if it is on.

    By default nothing was done in the last day, and one store holds what is cached.
    """
    (folder / "config.toml").write_text(CONFIG)
    settings = Settings(
        control=ControlSection(socket=folder / "control.sock"),
        ledger=LedgerSection(path=folder / "ledger.sqlite3", key_file=folder / "ledger.keys"),
        metrics=MetricsSection(enabled=False),
        console=console,
        server=server,
    )
    keyring = load_keyring(settings.ledger.key_file, {}, ledger=settings.ledger.path)
    ledger = SqliteLedger(settings.ledger.path, keyring, grace=WITHIN)
    storage = Storage(drivers or [ScriptedDriver("memory", ScriptedDriver.Settings())], StorageDeadlines())
    async with ledger.opened():
        running = Administered(folder, ledger, Lifecycle(), LiveSessions(ledger))
        admin = Admin(
            ledger=ledger,
            audit_book=AuditBook(ledger),
            readiness=ReadinessCheck(storage, ledger, running.live.unrecorded, running.lifecycle, needs_stores=False),
            holding=holding(ledger, running.end_system),
            closing=closing(ledger, running.live, running.end_system, storage),
            caching=caching(ledger, running.live, running.end_system, storage),
            draining=draining(
                ledger, running.live, running.end_system, storage, lifecycle=running.lifecycle, nudge=running.nudged.set
            ),
            nudge=running.nudged.set,
            metrics_url=METRICS_URL,
            doubts=Doubts(),
            seats=None,
            lines=SeatLines(lambda _: ()),
            reaped=REAPED,
            last_day=last_day or LastDay(Metrics()),
            keys_of_all=lambda _: [("here:1", of_keys(keyring))],
        )
        with opened_doors(settings, for_calls=False) as doors:
            async with (
                console_served(admin, Metrics(), settings, doors, {"CONSOLE_TOKEN": CONSOLE_TOKEN}) as link,
                control_served(control_app(admin, Metrics(), Probes(), link), settings, doors),
            ):
                yield running
