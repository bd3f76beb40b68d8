"""What a running server takes anew when it is asked to: settings of the log, certificates, keys, passwords, tokens."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from connector.config.settings import Settings
from connector.ledger.keyring import Keyring
from connector.model.errors import ConfigurationError
from connector.preflight.listener import CERTIFICATE, KEY, certificate_again
from connector.telemetry.logs import configure_logs

log = structlog.get_logger(__name__)

APPLIED = (CERTIFICATE, KEY, "logs.")
"""Beginnings of the keys whose new values are applied at once."""


class FromFiles(Protocol):
    """The secrets that a server has read from files."""

    def read(self) -> Keyring:
        """Return the keys that are in the file by now. Raises `ConfigurationError`: they, or a password, cannot be read."""
        ...

    def apply(self, newer: Keyring) -> None:
        """Take what is in the files by now; keys follow as soon as nothing stands against it, and the log tells of them."""
        ...


Take = Callable[[], None]
"""Takes what was read."""
ReadAgain = Callable[[], Take]
"""Reads what is in files by now. Raises `ConfigurationError`."""


@dataclass(slots=True)
class Reloading:
    """Reads the configuration again. If something is wrong with it, all stays as it is."""

    settings: Settings
    """Those that the server has started with."""
    tls: ssl.SSLContext | None
    read: Callable[[], Settings]
    """Raises `ConfigurationError`."""
    secrets: FromFiles
    also: Sequence[ReadAgain] = ()
    """Other listeners: they take what they have read, once nothing is wrong with any of it."""

    def reload(self) -> None:
        """Apply what can be applied, and tell which changed keys need a restart."""
        try:
            settings = self.read()
            keyring = self.secrets.read()
            taken = [read() for read in self.also]
            if self.tls is not None:
                taken.append(certificate_again(self.tls, settings.server.tls))
        except ConfigurationError as found:
            told = "the configuration cannot be read again, and all stays as it is"
            log.error(told, problems=found.problems)  # noqa: TRY400 - whoever has mistyped a key needs no traceback
            return
        configure_logs(settings.logs)
        self.secrets.apply(keyring)
        for take in taken:
            take()
        old, new = dict(_leaves(self.settings.model_dump())), dict(_leaves(settings.model_dump()))
        applied = APPLIED if old[CERTIFICATE] and new[CERTIFICATE] else ("logs.",)  # HTTPS begins, and ends, with a restart
        changed = sorted(key for key in {**old, **new} if old.get(key) != new.get(key) and not key.startswith(applied))
        log.info("read the configuration again: the log, certificates, and passwords and tokens in files are as it says by now")
        if changed:
            log.warning("some keys have changed that need a restart; until then they are as they were", keys=changed)


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
