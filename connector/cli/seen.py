"""What an administrator sees: of the running server or, when it is down, of its ledger. Both answer in the same words."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import typer
from msgspec.structs import asdict

from connector.admin.draining import ShownDrain
from connector.admin.service import LedgerView
from connector.admin.shown import (
    Choice,
    RunningServer,
    ServerState,
    ShownDebt,
    ShownKeyring,
    ShownLedger,
    ShownLink,
    SilentLedger,
    StoppedServer,
)
from connector.admin.shown_audit import ShownAction
from connector.admin.shown_caches import EvictedSystem, ShownCaches
from connector.admin.shown_probes import Arrival
from connector.admin.shown_sessions import ClosedSession, SessionFilter, ShownSession
from connector.cli.control_client import ControlClient, ServerDown
from connector.cli.ledger_at_rest import ledger_at_rest
from connector.cli.options import chosen
from connector.model.audit import AuditEntry
from connector.preflight.loading import read

T = TypeVar("T")
Row = TypeVar("Row", ShownDebt, ShownSession)

PAGE = 500
"""Rows that the server is asked for at a time."""


class Seen(Protocol):
    """What can be asked, whether the server runs or not."""

    def status(self) -> RunningServer | StoppedServer:
        """Tell how the server is, and how much is owed."""

    def rows(self, choice: Choice, system: str | None = None) -> list[ShownDebt]:
        """List rows in the order of their ids; without a system, those of any."""

    def row(self, id_: int) -> ShownDebt:
        """Show one row. Raises `Refused` or `NoSuchDebt` if there is none."""

    def sessions(self, chosen: SessionFilter, most: int | None = None) -> list[ShownSession]:
        """List sessions in the order of their places, all of them or the first so many."""

    def session(self, id_: str) -> list[ShownSession]:
        """Show the logins of one session. Raises `Refused` or `NoSuchSession` if there is none."""

    def keys(self) -> ShownKeyring:
        """Tell which keys are needed, and which replica has which."""

    def audit(self, most: int) -> list[ShownAction]:
        """Show the newest so many lines of the audit log, the newest first."""


@dataclass(frozen=True, slots=True)
class ServerSeen(Seen):
    """The running server, which can also be told to act. Every method raises `Refused` and `ServerDown`."""

    client: ControlClient

    def status(self) -> RunningServer:
        """Tell how the server is."""
        answer = self.client.get("/status")
        found = answer["ledger"]
        ledger = _shown(found, SilentLedger) if "unavailable" in found else _shown(found, ShownLedger)
        return RunningServer(**asdict(_shown(answer, ServerState)), ledger=ledger)

    def rows(self, choice: Choice, system: str | None = None) -> list[ShownDebt]:
        """List rows, page by page."""
        return [*self._pages("/owed", list[ShownDebt], lambda row: row.id, {"state": choice, "system": system})]

    def row(self, id_: int) -> ShownDebt:
        """Show one row."""
        return _shown(self.client.get(f"/owed/{id_}"), ShownDebt)

    def sessions(self, chosen: SessionFilter, most: int | None = None) -> list[ShownSession]:
        """List sessions, page by page."""
        limit = PAGE if most is None else min(PAGE, most)
        return [*islice(self._pages("/sessions", list[ShownSession], lambda row: row.place, asdict(chosen), limit), most)]

    def session(self, id_: str) -> list[ShownSession]:
        """Show one session."""
        return _shown(self.client.get(f"/sessions/{id_}"), list[ShownSession])

    def keys(self) -> ShownKeyring:
        """Tell which keys are needed, and which replica has which."""
        return _shown(self.client.get("/keys"), ShownKeyring)

    def audit(self, most: int) -> list[ShownAction]:
        """Show lines of the audit log, page by page."""
        return [*islice(self._lines(min(PAGE, most)), most)]

    def close(self, session: ShownSession) -> ClosedSession:
        """Clean a session up, if it is still open by this login."""
        return _shown(self.client.post(f"/sessions/{session.session}/close", {"login": session.login}), ClosedSession)

    def dismiss_login(self, session: ShownSession) -> None:
        """Give a login up of which nobody knows what it has made."""
        self.client.post(f"/sessions/{session.session}/dismiss", {"login": session.login})

    def console_link(self) -> ShownLink:
        """Return a link into the console."""
        return _shown(self.client.post("/console"), ShownLink)

    def caches(self, system: str | None) -> ShownCaches:
        """Tell what is cached, by driver and by system; without a system, of those of which sessions are open."""
        return _shown(self.client.get("/caches", {"system": system}), ShownCaches)

    def evict(self, system: str) -> EvictedSystem:
        """Evict all that is cached of a system."""
        return _shown(self.client.post("/caches/evict", {"system": system}), EvictedSystem)

    def note(self, entry: AuditEntry) -> None:
        """Have a line of the audit log written for a change of the key file, or its outcome."""
        about = {"action": entry.action, "target": entry.target, "outcome": entry.outcome}
        self.client.post("/keys/changes", {"word": entry.word.hex(), **about})

    def drain(self, *, close_sessions: bool) -> ShownDrain:
        """Empty the server, and tell what is left."""
        return _shown(self.client.post("/drain", {"close_sessions": close_sessions}), ShownDrain)

    def make_due(self, id_: int, *, here: bool) -> None:
        """Make a logout due now; `here` sends it to today's end system, though its login was made at another one."""
        self.client.post(f"/owed/{id_}/retry", {"here": here})

    def dismiss(self, id_: int, reason: str) -> None:
        """Give a logout up."""
        self.client.post(f"/owed/{id_}/dismiss", {"reason": reason})

    def expect_probe(self, *, breaks: bool) -> str:
        """Expect a probe of the public address, and return its token."""
        return str(self.client.post("/probes", {"breaks": breaks})["token"])

    def arrivals(self, token: str) -> list[Arrival]:
        """Tell what has arrived of a probe."""
        return _shown(self.client.get(f"/probes/{token}"), list[Arrival])

    def _lines(self, limit: int) -> Iterator[ShownAction]:
        before = None
        while page := _shown(self.client.get("/audit", {"before": before, "limit": limit}), list[ShownAction]):
            yield from page
            before = page[-1].id

    def _pages(
        self, path: str, kind: type[list[Row]], place: Callable[[Row], int], query: Mapping[str, Any], limit: int = PAGE
    ) -> Iterator[Row]:
        after = 0
        while page := _shown(self.client.get(path, {**query, "after": after, "limit": limit}), kind):
            yield from page
            after = place(page[-1])


@dataclass(frozen=True, slots=True)
class _SeenAtRest(Seen):
    """The ledger of a server that is down."""

    view: LedgerView

    def status(self) -> StoppedServer:
        return StoppedServer(ledger=asyncio.run(self.view.totals()))

    def rows(self, choice: Choice, system: str | None = None) -> list[ShownDebt]:
        return asyncio.run(self.view.rows(choice, system=system))

    def row(self, id_: int) -> ShownDebt:
        return asyncio.run(self.view.row(id_))

    def sessions(self, chosen: SessionFilter, most: int | None = None) -> list[ShownSession]:
        return asyncio.run(self.view.sessions(chosen, limit=sys.maxsize if most is None else most))

    def session(self, id_: str) -> list[ShownSession]:
        return asyncio.run(self.view.session(id_))

    def keys(self) -> ShownKeyring:
        return asyncio.run(self.view.keys())

    def audit(self, most: int) -> list[ShownAction]:
        return asyncio.run(self.view.audit(limit=most))


def on_standard_error(line: str) -> None:
    """Print a line beside the answer of a command."""
    typer.echo(line, err=True)


def seen(config: Path | None, question: Callable[[Seen], T], tell: Callable[[str], None] = on_standard_error) -> T:
    """Ask the running server, or read its ledger and tell so, by default on standard error.

    Raises:
        Refused: the server does not do what was asked.
        NoSuchDebt, NoSuchSession: the ledger has no such row.
        NothingHere: there is neither a server nor a ledger, or no key to read it with.
        ConfigurationError: the configuration cannot work, or the ledger cannot be read.
    """
    settings = read(chosen(config), os.environ).settings
    try:
        with ControlClient(settings.control.socket) as client:
            return question(ServerSeen(client))
    except ServerDown as down:
        with ledger_at_rest(settings.ledger, down, tell) as ledger:
            return question(_SeenAtRest(LedgerView(ledger)))


@contextmanager
def running_server(config: Path | None) -> Iterator[ServerSeen]:
    """Connect to the running server. Raises `ServerDown` if there is none."""
    with ControlClient(read(chosen(config), os.environ).settings.control.socket) as client:
        yield ServerSeen(client)


def _shown(answer: Any, kind: type[T]) -> T:
    return msgspec.convert(answer, kind)
