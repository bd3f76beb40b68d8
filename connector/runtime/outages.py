"""Something that goes down and comes back, as the log tells it: once each time, however many calls fail meanwhile."""

import structlog

log = structlog.get_logger(__name__)


class Outage:
    """Tells when something goes down, with the reason, and when it works again."""

    def __init__(self, goes_down: str, is_back: str) -> None:
        """Take the lines for the log."""
        self._goes_down = goes_down
        self._is_back = is_back
        self._lasts = False

    def note(self, reason: str | None) -> None:
        """Note how a call went: the reason why it failed, or None."""
        if reason is not None and not self._lasts:
            log.warning(self._goes_down, reason=reason)
        elif reason is None and self._lasts:
            log.info(self._is_back)
        self._lasts = reason is not None
