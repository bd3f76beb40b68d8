"""Sessions that are dead in memory before their end is durable: after a kill they would be open again."""

import asyncio
from collections.abc import Iterable

from connector.model.errors import LedgerUnavailable


class Closings:
    """The logins whose sessions are closed here while the ledger may still have them as open.

    OpsHub takes a 401 for final, and logs in anew. So it is told only of what stays closed, whatever happens to the server.
    """

    def __init__(self) -> None:
        self._under_way: set[str] = set()
        self._unrecorded: set[str] = set()
        """Logins whose end the ledger could not take so far."""
        self._waiting: dict[str, asyncio.Event] = {}
        """Of those that somebody asks about: set when it is known what the ledger says."""

    def begun(self, login_id: str) -> None:
        """Note that a session is not open by this login any more, and that the ledger is about to be told."""
        self._under_way.add(login_id)

    def recorded(self, logins: Iterable[str]) -> None:
        """Note that the ends of these logins are durable."""
        for login_id in logins:
            self._unrecorded.discard(login_id)
            self._is_known(login_id)

    def not_recorded(self, logins: Iterable[str]) -> None:
        """Note that the ledger could not be told for now; it is told later."""
        for login_id in logins:
            if login_id in self._under_way:
                self._unrecorded.add(login_id)
                self._is_known(login_id)

    async def durable(self, login_id: str) -> None:
        """Wait until no kill can open a login again that is closed here. The caller sets a deadline.

        Raises:
            LedgerUnavailable: the ledger cannot take its end for now.
        """
        if login_id in self._under_way:
            await self._waiting.setdefault(login_id, asyncio.Event()).wait()
        if login_id in self._unrecorded:
            raise LedgerUnavailable("it cannot record for now that the session is closed")

    def _is_known(self, login_id: str) -> None:
        self._under_way.discard(login_id)
        if login_id in self._waiting:
            self._waiting.pop(login_id).set()
