"""Actions that leave a line in the audit log: written before they begin, and again with what became of them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import structlog
from msgspec import Struct

from connector.ledger.bookkeeping import in_time
from connector.ledger.port import AuditLog
from connector.model.audit import Action, Actor, AuditEntry, begun, ended
from connector.model.errors import ConnectorError, LedgerUnavailable

T = TypeVar("T")
log = structlog.get_logger(__name__)

LOST = (
    "the audit log could not be told how an action has ended: its line stays without an outcome; "
    "the ledger's own log lines say why, and `connector audit` shows the line"
)


class TimedAuditLog(AuditLog, Protocol):
    """An audit log with the clock of its store."""

    @property
    def clock(self) -> Callable[[], float]:
        """The clock by which the ledger's owners schedule."""
        ...


class AuditBook(Struct, frozen=True):
    """The one way in which an action gets its line."""

    ledger: TimedAuditLog

    async def done(self, by: Actor, action: Action, target: str, work: Callable[[], Awaitable[T]], told: Callable[[T], str]) -> T:
        """Write that an action begins, do it, write what `told` says of its result, and return the result.

        A refusal is written, too. After a cancellation or a defect the line stays as it is: nobody knows how the action ended.

        Raises:
            LedgerUnavailable: the line could not be written. Nothing was done.
        """
        entry = begun(by, action, target, self.ledger.clock())
        await in_time(self.ledger.note_action(entry))
        try:
            result = await work()
        except ConnectorError as problem:
            await self._end(entry, f"failed: {problem}")
            raise
        await self._end(entry, told(result))
        return result

    async def note(self, by: Actor, action: Action, target: str, outcome: str | None, *, word: bytes) -> None:
        """Write that somebody begins to do something without the server, or how it has ended. Raises `LedgerUnavailable`."""
        entry = replace(begun(by, action, target, self.ledger.clock()), word=word)
        await in_time(self.ledger.note_action(entry if outcome is None else ended(entry, outcome)))

    async def _end(self, entry: AuditEntry, outcome: str) -> None:
        try:
            await in_time(self.ledger.note_action(ended(entry, outcome)))
        except LedgerUnavailable as problem:
            log.warning(LOST, action=entry.action, outcome=outcome, reason=str(problem))
