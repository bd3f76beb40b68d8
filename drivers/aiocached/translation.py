"""Turns the errors of libraries into those of this project."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from drivers.driver_errors import DriverError, DriverMisconfigured, DriverUnavailable

Kind = type[DriverError]
NO_ANSWER = "closed the connection in mid-answer, or gave an answer that makes no sense"

BROKEN = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors that event loops and libraries raise, besides their own, after a dead transport or a malformed answer.

When somebody writes to a connection that has been reset, uvloop raises `RuntimeError`, and asyncio since Python 3.12 `TypeError`.
aiomcache takes nonsense for numbers.
"""


@dataclass(frozen=True, slots=True)
class Failures:
    """The errors of one library, besides those of the operating system, and their meanings. The first match counts."""

    raised: tuple[type[Exception], ...] = ()
    by_type: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Kind, str], ...] = ()
    by_answer: tuple[tuple[str, Kind, str], ...] = ()
    """By words of the server's answer, if its type says too little. Words count before types."""


OF_THE_SYSTEM = Failures(
    raised=(OSError, EOFError),
    by_type=(
        (TimeoutError, DriverUnavailable, "did not answer in time"),
        (OSError, DriverUnavailable, "cannot be reached"),
        (EOFError, DriverUnavailable, NO_ANSWER),
    ),
)


class Translation:
    """A context that turns errors into a `DriverError` whose message begins with `store`. Any number of calls may be in it.

    A generator would be made for each call, which takes a twentieth of the client's time for a round trip.
    """

    __slots__ = ("_failures", "_raised", "_store")

    def __init__(self, store: str, failures: Failures = OF_THE_SYSTEM) -> None:
        self._store = store
        self._failures = failures
        self._raised: tuple[type[Exception], ...] = (*failures.raised, *OF_THE_SYSTEM.raised)

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(problem, DriverError):
            raise type(problem)(f"{self._store} {problem}") from problem
        if isinstance(problem, self._raised):
            meaning, reason = _explained(problem, self._failures)
            raise meaning(f"{self._store} {reason}") from problem


def _explained(problem: Exception, failures: Failures) -> tuple[Kind, str]:
    # The innermost error tells most: the libraries wrap it in one that only says that connecting failed.
    origins = [*_origins(problem)]
    if any(isinstance(origin, ssl.SSLCertVerificationError) for origin in origins):
        return DriverMisconfigured, "has a certificate that does not verify"
    for words, kind, reason in failures.by_answer:
        if words in str(problem):
            return kind, reason
    for raised, kind, reason in (*failures.by_type, *OF_THE_SYSTEM.by_type):
        if isinstance(problem, raised):
            details = [origin.strerror for origin in origins if isinstance(origin, OSError) and origin.strerror]
            return kind, reason + "".join(f" ({detail})" for detail in details[-1:])
    return DriverError, f"gave an answer that makes no sense here ({type(problem).__name__})"


def _origins(problem: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes, because redis-py hides those that say more behind its own."""
    while problem is not None:
        yield problem
        problem = problem.__context__
