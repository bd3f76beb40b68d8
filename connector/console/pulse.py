"""How the server is, for all windows that watch it: asked once for all of them, and only while somebody watches."""

import asyncio
import time
from dataclasses import dataclass, field

from connector.admin.service import Admin
from connector.admin.shown import RunningServer, ShownLedger

FRESH = 2.0
"""Seconds for which an answer is shown to whoever asks."""


@dataclass(slots=True)
class Pulse:
    """Asks the service how the server is."""

    admin: Admin
    _last: RunningServer | None = field(default=None, init=False)
    _asked: float = field(default=0.0, init=False)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def felt(self) -> RunningServer:
        """Tell how the server is, or was up to `FRESH` seconds ago."""
        async with self._asking:
            if self._last is None or time.monotonic() - self._asked > FRESH:
                self._last = await self.admin.status()
                self._asked = time.monotonic()
            return self._last


def in_short(status: RunningServer) -> dict[str, object]:
    """Return what stands on top of every page; None where the ledger does not answer."""
    ledger = status.ledger if isinstance(status.ledger, ShownLedger) else None
    return {
        "status": status.status,
        "sessions": None if ledger is None else ledger.sessions,
        "owed": None if ledger is None else ledger.owed,
        "attention": None if ledger is None else ledger.waiting + ledger.quarantined + ledger.unknown,
    }
