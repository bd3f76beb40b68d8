"""The errors of redis-py and of a Redis server, with their meanings."""

import redis.exceptions as redis_errors

from drivers.aiocached.redis_server import A_NODE
from drivers.aiocached.translation import Failures
from drivers.driver_errors import DriverMisconfigured, DriverUnavailable

REFUSED = (
    redis_errors.AuthenticationError,
    redis_errors.AuthenticationWrongNumberOfArgsError,
    redis_errors.AuthorizationError,
)
CLUSTER = (redis_errors.AskError, redis_errors.ClusterDownError, redis_errors.TryAgainError)
NOT_THE_MASTER = (redis_errors.ReadOnlyError, redis_errors.BusyLoadingError, redis_errors.MasterDownError, *CLUSTER)
"""Answers of a server that takes no writes, or no longer. To redis-py, MOVED is a kind of ASK."""
NOT_THE_MASTER_BY_ANSWER = ("-READONLY ", "NOREPLICAS ", "cluster is down", "in a cluster node")
"""The same by words: in a script they are an `ERR`, for which redis-py has no type."""

FULL_BY_ANSWER = ("out of memory", "-OOM ")
"""How a full server says so in a script of Redis 6.2, and what is compatible with Redis."""

TOO_OLD = "does not know HELLO; expected Redis 6.2 or newer, or Valkey"

FAILURES = Failures(
    raised=(redis_errors.RedisError,),
    by_type=(
        (REFUSED, DriverMisconfigured, "refuses the user or the password"),
        (redis_errors.NoPermissionError, DriverMisconfigured, "does not permit the user what is needed"),
        (redis_errors.BusyLoadingError, DriverUnavailable, "is loading its data"),
        (redis_errors.ReadOnlyError, DriverUnavailable, "is a replica and takes no writes"),
        (redis_errors.MasterDownError, DriverUnavailable, "is a replica that has lost its master"),
        (redis_errors.OutOfMemoryError, DriverUnavailable, "is full"),
        (CLUSTER, DriverUnavailable, A_NODE),
        (redis_errors.TimeoutError, DriverUnavailable, "did not answer in time"),
        (redis_errors.ConnectionError, DriverUnavailable, "cannot be reached"),
        # Whatever else a server or a proxy says: it ends a call, and not the process.
        (redis_errors.ResponseError, DriverUnavailable, "answers with an error that is not known here"),
    ),
    by_answer=(
        ("The user executing the script", DriverMisconfigured, "does not permit the user what is needed"),  # Redis 7.0
        ("ACL failure in script", DriverMisconfigured, "does not permit the user what is needed"),  # since then
        ("cluster is down", DriverUnavailable, A_NODE),
        ("in a cluster node", DriverUnavailable, A_NODE),
        ("max number of clients", DriverUnavailable, "has as many clients as its maxclients allows"),
        ("unknown command 'HELLO'", DriverMisconfigured, TOO_OLD),
        ("unknown command `HELLO`", DriverMisconfigured, TOO_OLD),  # Redis 5
        ("DB index is out of range", DriverMisconfigured, "has no database of that number"),
        *((words, DriverUnavailable, "is full") for words in FULL_BY_ANSWER),
        ("MISCONF", DriverUnavailable, "takes no writes while it cannot save its data"),
        ("-READONLY ", DriverUnavailable, "is a replica and takes no writes"),
        ("MASTERDOWN", DriverUnavailable, "is a replica that has lost its master"),
        ("BUSY Redis", DriverUnavailable, "is blocked by a running script"),
        ("NOREPLICAS", DriverUnavailable, "has too few replicas to take writes"),
    ),
)


def is_from_a_full_server(answer: redis_errors.RedisError) -> bool:
    """Tell whether a server has no room for what was written."""
    return isinstance(answer, redis_errors.OutOfMemoryError) or any(words in str(answer) for words in FULL_BY_ANSWER)


def is_from_no_master(answer: redis_errors.RedisError) -> bool:
    """Tell whether a server takes no writes, so that connections to it should be closed."""
    return isinstance(answer, NOT_THE_MASTER) or any(words in str(answer) for words in NOT_THE_MASTER_BY_ANSWER)
