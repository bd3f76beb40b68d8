"""Requests that no handler saw: they are counted, and logged once per interval because anybody can cause them."""

import asyncio
from collections import Counter
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

AT_ONCE = {
    "TlsHandshake": "a client speaks HTTPS to a port of plain HTTP, and cannot be understood: "
    "register the connector with http://, set server.tls.certificate, or let a proxy that speaks HTTPS stand before it"
}
"""What is logged as soon as it comes first in an interval: whoever sets the connector up made a mistake."""
INTERVAL = 60.0
"""Seconds that one line stands for."""


class Rejections:
    """Counts by kind. The first of an interval starts a timer; at its end one line, this `event`, gives all counts.

    Each kind goes to `observe` at once.
    """

    def __init__(
        self,
        interval: float = INTERVAL,
        observe: Callable[[str], None] = lambda _: None,
        event: str = "requests rejected by the parser",
    ) -> None:
        self._event = event
        self._interval = interval
        self._observe = observe
        self._kinds: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def count(self, kind: str) -> None:
        """Count one more. `kind` is one of a fixed set of words, never text from a request."""
        self._observe(kind)
        if kind in AT_ONCE and kind not in self._kinds:
            log.warning(AT_ONCE[kind])
        self._kinds[kind] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self.tell)

    def tell(self) -> None:
        """Log what was counted since the last line, if anything, and begin anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._kinds:
            log.warning(self._event, count=self._kinds.total(), kinds=dict(self._kinds))
            self._kinds.clear()
