"""What an administrator sees: of the running server or, when it is down, of its ledger's file. Both answer in the same words."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import typer
from msgspec.structs import asdict

from connector.admin.service import LedgerView
from connector.admin.shown import Choice, RunningServer, ServerState, ShownDebt, ShownLedger, SilentLedger, StoppedServer
from connector.cli.control_client import ControlClient, NothingHere, ServerDown
from connector.cli.options import chosen
from connector.config.settings import LedgerSection
from connector.config.variables import KEYS_VARIABLE
from connector.ledger.keyring import Keyring
from connector.ledger.sqlite.reading import LedgerAtRest, opened_read_only
from connector.preflight.keyfile import load_keyring
from connector.preflight.loading import read
from connector.runtime.file_access import is_there

T = TypeVar("T")

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
        return [*self._pages({"state": choice, "system": system, "limit": PAGE})]

    def row(self, id_: int) -> ShownDebt:
        """Show one row."""
        return _shown(self.client.get(f"/owed/{id_}"), ShownDebt)

    def make_due(self, id_: int, *, here: bool) -> None:
        """Make a logout due now; `here` sends it to today's end system, though its login was made at another one."""
        self.client.post(f"/owed/{id_}/retry", {"here": here})

    def dismiss(self, id_: int, reason: str) -> None:
        """Give a logout up."""
        self.client.post(f"/owed/{id_}/dismiss", {"reason": reason})

    def _pages(self, query: Mapping[str, Any]) -> Iterator[ShownDebt]:
        after = 0
        while page := _shown(self.client.get("/owed", {**query, "after": after}), list[ShownDebt]):
            yield from page
            after = page[-1].id


@dataclass(frozen=True, slots=True)
class _FileSeen(Seen):
    """The ledger's file of a server that is down."""

    view: LedgerView

    def status(self) -> StoppedServer:
        return StoppedServer(ledger=asyncio.run(self.view.totals()))

    def rows(self, choice: Choice, system: str | None = None) -> list[ShownDebt]:
        return asyncio.run(self.view.rows(choice, system=system))

    def row(self, id_: int) -> ShownDebt:
        return asyncio.run(self.view.row(id_))


def seen(config: Path | None, question: Callable[[Seen], T]) -> T:
    """Ask the running server, or read the ledger's file and say so on standard error.

    Raises:
        Refused: the server does not do what was asked.
        NoSuchDebt: the ledger's file has no such row.
        NothingHere: there is neither a server nor a ledger, or no key to read it with.
        ConfigurationError: the configuration cannot work, or the ledger cannot be read.
    """
    settings = read(chosen(config), os.environ).settings
    try:
        with ControlClient(settings.control.socket) as client:
            return question(ServerSeen(client))
    except ServerDown as down:
        keyring, path = _keyring(settings.ledger, down), settings.ledger.path
        typer.echo(f"{down}; reading the ledger's file, {path}", err=True)
        with opened_read_only(path, keyring) as table:
            return question(_FileSeen(LedgerView(LedgerAtRest(table), path)))


@contextmanager
def running_server(config: Path | None) -> Iterator[ServerSeen]:
    """Connect to the running server. Raises `ServerDown` if there is none."""
    with ControlClient(read(chosen(config), os.environ).settings.control.socket) as client:
        yield ServerSeen(client)


def _shown(answer: Any, kind: type[T]) -> T:
    return msgspec.convert(answer, kind)


def _keyring(settings: LedgerSection, down: ServerDown) -> Keyring:
    """Return the keys, but never make any: that is for the server to do, and so is the ledger."""
    if not is_there(settings.path):
        raise NothingHere(f"{down}, and there is no ledger at {settings.path}")
    if not (os.environ.get(KEYS_VARIABLE) or is_there(settings.key_file)):
        raise NothingHere(
            f"{down}, and to read its ledger there is no key, neither at {settings.key_file} nor in {KEYS_VARIABLE}"
        )
    return load_keyring(settings.key_file, os.environ, ledger=settings.path)
