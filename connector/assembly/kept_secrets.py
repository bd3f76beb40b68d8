"""The secrets that a running server has read from files, and takes anew when it is asked to: keys, and passwords of stores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from connector.ledger.fingerprints import of_keys, shown_keys
from connector.ledger.keyring import Keyring
from connector.ledger.port import BetweenTransactions
from connector.model.errors import ConfigurationError, LedgerUnavailable
from connector.runtime.supervision import OwnedTasks
from connector.workers.other_replicas import Peers
from drivers import Driver, DriverError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptSecrets:
    """What is in use, and where it is read from."""

    keyring: Keyring
    read_keys: Callable[[], Keyring]
    """Raises `ConfigurationError`."""
    drivers: Sequence[Driver]
    ledger: BetweenTransactions
    peers: Peers | None
    tasks: OwnedTasks

    def read(self) -> Keyring:
        """Return the keys that are in the file by now. Raises `ConfigurationError`: they, or a password, cannot be read."""
        problems = [problem for driver in self.drivers if (problem := _problem_of(driver))]
        if problems:
            raise ConfigurationError(problems)
        return self.read_keys()

    def apply(self, newer: Keyring) -> None:
        """Log in to stores with the passwords that are in their files by now, and add keys that are new."""
        for driver in self.drivers:
            driver.read_secrets()
        self._tell_the_rest(newer)
        if added := [key_id for key_id in newer.ids if key_id not in self.keyring.ids]:
            self.tasks.start(self._add(newer, added))

    async def _add(self, newer: Keyring, added: Sequence[str]) -> None:
        try:
            await self.ledger.between_transactions(lambda: self.keyring.add_from(newer))
        except LedgerUnavailable as problem:
            told = "new keys cannot be added while the ledger does not work; send SIGHUP once more when it does"
            log.error(told, keys=added, reason=str(problem))  # noqa: TRY400 - the reason is no defect
            return
        if self.peers is not None:
            self.peers.keys = of_keys(self.keyring)
        log.info(
            "keys were added: they open what is made with them; which one makes what is new changes with a restart", keys=added
        )

    def _tell_the_rest(self, newer: Keyring) -> None:
        """Warn of what a running server cannot take: rows and seals are made with its first key, and opened with all it has."""
        here, there = shown_keys(self.keyring), shown_keys(newer)
        other = [key_id for key_id in self.keyring.ids if here[key_id] != there.get(key_id)]
        promoted = [] if newer.current == self.keyring.current or newer.current in other else [newer.current]
        if other or promoted:
            told = "keys were promoted, exchanged or taken out, which needs a restart; until then they are as they were"
            log.warning(told, keys=[*other, *promoted])


def _problem_of(driver: Driver) -> str | None:
    try:
        driver.check()
    except DriverError as problem:
        return f"storage.{driver.name}: {problem}"
    return None
