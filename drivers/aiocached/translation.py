"""What the libraries underneath raise, as this project's errors: one table."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import redis.exceptions as redis_errors
from aiomcache import ClientException

from drivers.errors import DriverError, DriverMisconfigured, DriverUnavailable

Kind = type[DriverError]

REFUSED = (
    redis_errors.AuthenticationError,
    redis_errors.AuthenticationWrongNumberOfArgsError,
    redis_errors.AuthorizationError,
)
CLUSTER = (redis_errors.AskError, redis_errors.ClusterDownError, redis_errors.TryAgainError)
NOT_THE_MASTER = (redis_errors.ReadOnlyError, redis_errors.BusyLoadingError, redis_errors.MasterDownError, *CLUSTER)
"""What a server says that is not, or not any more, the one to write to. To redis-py, MOVED is a kind of ASK."""
NOT_THE_MASTER_BY_ANSWER = ("-READONLY ", "NOREPLICAS ", "cluster is down", "in a cluster node")
"""The same by words: a script that meets it says so in an `ERR`, and redis-py has no type for it."""
BROKEN = (AttributeError, LookupError, RuntimeError, ValueError)
"""What a dead transport, or an answer that is none, makes the event loops and the libraries raise besides errors of their own.

uvloop raises `RuntimeError` when somebody writes to a connection that has been reset; aiomcache takes nonsense for numbers.
"""

A_NODE = "is a node of a cluster; expected a server that holds all keys"

BY_TYPE: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Kind, str], ...] = (
    (REFUSED, DriverMisconfigured, "refuses the user or the password"),
    (redis_errors.NoPermissionError, DriverMisconfigured, "does not permit the user what is needed"),
    (redis_errors.BusyLoadingError, DriverUnavailable, "is loading its data"),
    (redis_errors.ReadOnlyError, DriverUnavailable, "is a replica and takes no writes"),
    (redis_errors.MasterDownError, DriverUnavailable, "is a replica that has lost its master"),
    (redis_errors.OutOfMemoryError, DriverUnavailable, "is full"),
    (CLUSTER, DriverMisconfigured, A_NODE),
    (redis_errors.TimeoutError, DriverUnavailable, "did not answer in time"),
    (redis_errors.ConnectionError, DriverUnavailable, "cannot be reached"),
    (TimeoutError, DriverUnavailable, "did not answer in time"),
    (OSError, DriverUnavailable, "cannot be reached"),
    ((EOFError, ClientException), DriverUnavailable, "broke off its answer, or gave one that makes no sense here"),
)
"""The first that fits counts."""

BY_ANSWER: tuple[tuple[str, Kind, str], ...] = (
    ("The user executing the script", DriverMisconfigured, "does not permit the user what is needed"),  # Redis 7.0
    ("ACL failure in script", DriverMisconfigured, "does not permit the user what is needed"),  # since then
    ("cluster is down", DriverMisconfigured, A_NODE),
    ("in a cluster node", DriverMisconfigured, A_NODE),
    ("DB index is out of range", DriverMisconfigured, "has no database of that number"),
    ("out of memory", DriverUnavailable, "is full"),
    ("MISCONF", DriverUnavailable, "takes no writes as long as it cannot save its data"),
    ("-READONLY ", DriverUnavailable, "is a replica and takes no writes"),
    ("MASTERDOWN", DriverUnavailable, "is a replica that has lost its master"),
    ("BUSY Redis", DriverUnavailable, "is held up by somebody's script"),
    ("NOREPLICAS", DriverUnavailable, "has too few replicas to take writes"),
)
"""By words of the server's answer, where its type says too little."""


@contextmanager
def translated(store: str) -> Iterator[None]:
    """Turn what goes wrong inside into a `DriverError` whose message begins with what `store` is."""
    try:
        yield
    except DriverError as problem:
        raise type(problem)(f"{store} {problem}") from problem
    except (redis_errors.RedisError, ClientException, OSError, EOFError) as problem:
        kind, reason = _explained(problem)
        raise kind(f"{store} {reason}") from problem


def is_from_no_master(answer: redis_errors.RedisError) -> bool:
    """Tell whether a server says that it is not the one to write to, so that connections to it should be given up."""
    return isinstance(answer, NOT_THE_MASTER) or any(words in str(answer) for words in NOT_THE_MASTER_BY_ANSWER)


def _explained(problem: Exception) -> tuple[Kind, str]:
    origins = [*_origins(problem)]
    if any(isinstance(origin, ssl.SSLCertVerificationError) for origin in origins):
        return DriverMisconfigured, "has a certificate that does not verify"
    for words, kind, reason in BY_ANSWER:
        if words in str(problem):
            return kind, reason
    for raised, kind, reason in BY_TYPE:
        if isinstance(problem, raised):
            details = [origin.strerror for origin in origins if isinstance(origin, OSError) and origin.strerror]
            return kind, reason + "".join(f" ({detail})" for detail in details[-1:])
    return DriverError, f"gave an answer that makes no sense here ({type(problem).__name__})"


def _origins(problem: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what it arose from: redis-py raises its own in place of those that say more."""
    while problem is not None:
        yield problem
        problem = problem.__context__
