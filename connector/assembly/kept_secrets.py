"""The secrets that a running server has read from files, and takes anew when it is asked to: keys, and passwords of stores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connector.assembly.keys_in_use import KeysInUse
from connector.config.problems import driver_problem
from connector.ledger.keyring import Keyring
from connector.model.errors import ConfigurationError
from connector.runtime.supervision import OwnedTasks
from drivers import Driver, DriverError


@dataclass(frozen=True, slots=True)
class KeptSecrets:
    """What is in use, and where it is read from."""

    read_keys: Callable[[], Keyring]
    """Raises `ConfigurationError`."""
    drivers: Sequence[Driver]
    keys: KeysInUse
    tasks: OwnedTasks

    def read(self) -> Keyring:
        """Return the keys that are in the file by now. Raises `ConfigurationError`: they, or a password, cannot be read."""
        problems = [problem for driver in self.drivers if (problem := _problem_of(driver))]
        if problems:
            raise ConfigurationError(problems)
        return self.read_keys()

    def apply(self, newer: Keyring) -> None:
        """Log in to stores with the passwords that are in their files by now, and begin to take the keys."""
        for driver in self.drivers:
            driver.read_secrets()
        self.tasks.start(self.keys.take(newer))


def _problem_of(driver: Driver) -> str | None:
    try:
        driver.check()
    except DriverError as problem:
        return driver_problem(driver.name, problem)
    return None
