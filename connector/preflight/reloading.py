"""What a running server takes from its configuration anew when it is asked to: the log, and the certificate that it shows."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from connector.config.settings import Settings
from connector.model.errors import ConfigurationError
from connector.preflight.listener import CERTIFICATE, KEY, show_again
from connector.telemetry.logs import configure_logs

log = structlog.get_logger(__name__)

APPLIED = (CERTIFICATE, KEY, "logs.")
"""Beginnings of the keys whose new values are applied at once."""


@dataclass(slots=True)
class Reloading:
    """Reads the configuration again. If something is wrong with it, all stays as it is."""

    settings: Settings
    """Those that the server has started with."""
    tls: ssl.SSLContext | None
    read: Callable[[], Settings]
    """Raises `ConfigurationError`."""

    def reload(self) -> None:
        """Apply what can be applied, and tell which changed keys need a restart."""
        try:
            settings = self.read()
            if self.tls is not None:
                show_again(self.tls, settings.server.tls)
        except ConfigurationError as found:
            told = "the configuration cannot be read again, and all stays as it is"
            log.error(told, problems=found.problems)  # noqa: TRY400 - whoever has mistyped a key needs no traceback
            return
        configure_logs(settings.logs)
        old, new = dict(_leaves(self.settings.model_dump())), dict(_leaves(settings.model_dump()))
        applied = APPLIED if old[CERTIFICATE] and new[CERTIFICATE] else ("logs.",)  # HTTPS begins, and ends, with a restart
        changed = sorted(key for key in {**old, **new} if old.get(key) != new.get(key) and not key.startswith(applied))
        log.info("read the configuration again: the log, and the certificate of a server with HTTPS, are as it says by now")
        if changed:
            log.warning("some keys have changed that need a restart; until then they are as they were", keys=changed)


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
