"""What can go wrong in the connector, outside the drivers.

    ConnectorError
    ├── ConfigurationError    the configuration cannot work; carries every problem found, printed before exit code 78
    │   └── RefusedForNow     what it names cannot be used at the moment; a later start may succeed, so that the exit code is 75
    ├── ApiError              an answer to OpsHub that is an error: status, code, message (see `connector.api.http_errors`)
    ├── OfOneSession          it is about the caller's session alone; so is `connector.Unauthorized`
    │   ├── LoginNotCarried   a client that carries a session's login was asked for, and nothing says how it is carried
    │   └── RequestOver       an author's code uses a session after the request that it was for
    ├── BrokenOff             the server ends, and has cancelled a cleanup at its deadline
    ├── LedgerUnavailable     the ledger could not be written or read for now; a later call may succeed
    ├── NoSuchDebt            no row of the ledger that could be acted upon has this id
    ├── NoSuchOpening         no login of which nobody knows what it has made has this id
    ├── NoSuchSession         no session is open that could be acted upon as was asked
    ├── DebtHeldBack          today's configuration does not lead to the end system of this debt
    ├── ServedByOthers        what was asked would end sessions that other servers serve
    ├── UnknownSession        nothing shows that the caller owns this session
    ├── KeyMissing            something was made with a key that is not in the keyring (see `connector.ledger.keyring`)
    ├── SealBroken            something sealed was altered, or is no seal
    └── Unverified            a row of the ledger was altered or damaged (see `connector.ledger.rows`)

`ApiError` and what derives from it live in `connector.api.http_errors`, with the statuses they stand for.
"""

from collections.abc import Sequence


class ConnectorError(Exception):
    """Root of all that the connector raises on purpose."""


class ConfigurationError(ConnectorError):
    """The configuration cannot work; `problems` are lines for a person, each with a dotted name and what was expected."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class RefusedForNow(ConfigurationError):
    """What the configuration names cannot be used at the moment: it is away, or in use. A later start may succeed as it is."""


def together(problems: Sequence[ConfigurationError]) -> ConfigurationError:
    """Return one error for several. It may pass by itself only if all of them may."""
    may_pass = all(isinstance(problem, RefusedForNow) for problem in problems)
    return (RefusedForNow if may_pass else ConfigurationError)([line for problem in problems for line in problem.problems])


class OfOneSession(ConnectorError):
    """An error about the calling session alone: another session may succeed with the same question."""


class LoginNotCarried(OfOneSession):
    """No client can carry this login: the end system does not say how, or the credential lacks something."""


class RequestOver(OfOneSession):
    """A session, or a cache or client of it, was used after the request that it was for."""


class BrokenOff(ConnectorError):
    """The server ends, and has cancelled a cleanup at its deadline."""


class LedgerUnavailable(ConnectorError):
    """The ledger could not be written durably, or not be read: the disk is full, broken or read-only. A later call may succeed.

    `ConfigurationError` is what keeps a ledger from opening.
    """

    def __init__(self, message: str, *, stays: bool = False) -> None:
        """With `stays`, no later call succeeds before a person has changed something, such as the rights of a role."""
        super().__init__(message)
        self.stays = stays

    def refusal(self, key: str) -> ConfigurationError:
        """Return the error of a start that this keeps from serving; `key` is that of the configuration."""
        return (ConfigurationError if self.stays else RefusedForNow)([f"{key}: {self}"])


class NoSuchDebt(ConnectorError):
    """No row has this id, or none that could be acted upon as was asked; the message says why."""


class NoSuchOpening(ConnectorError):
    """No login has this id of which nobody knows what it has made; the message says why."""


class NoSuchSession(ConnectorError):
    """No session has this id, or none that could be acted upon as was asked; the message says why."""


class DebtHeldBack(ConnectorError):
    """Today's configuration does not lead to the end system of this debt; the message says what can be done."""


class ServedByOthers(ConnectorError):
    """What was asked would end sessions that the other servers of a shared ledger serve. Nothing has changed."""


class UnknownSession(ConnectorError):
    """Nothing shows that the caller owns this session: its seal is missing, forged, of another session, or of a closed one.

    Which of these it is makes no difference to anybody outside.
    """
