"""The errors of redis-py and of a Redis server, with their meanings."""

import redis.exceptions as redis_errors

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

A_NODE = "is a node of a cluster; expected a server that holds all keys"

FAILURES = Failures(
    raised=(redis_errors.RedisError,),
    by_type=(
        (REFUSED, DriverMisconfigured, "refuses the user or the password"),
        (redis_errors.NoPermissionError, DriverMisconfigured, "does not permit the user what is needed"),
        (redis_errors.BusyLoadingError, DriverUnavailable, "is loading its data"),
        (redis_errors.ReadOnlyError, DriverUnavailable, "is a replica and takes no writes"),
        (redis_errors.MasterDownError, DriverUnavailable, "is a replica that has lost its master"),
        (redis_errors.OutOfMemoryError, DriverUnavailable, "is full"),
        (CLUSTER, DriverMisconfigured, A_NODE),
        (redis_errors.TimeoutError, DriverUnavailable, "did not answer in time"),
        (redis_errors.ConnectionError, DriverUnavailable, "cannot be reached"),
    ),
    by_answer=(
        ("The user executing the script", DriverMisconfigured, "does not permit the user what is needed"),  # Redis 7.0
        ("ACL failure in script", DriverMisconfigured, "does not permit the user what is needed"),  # since then
        ("cluster is down", DriverMisconfigured, A_NODE),
        ("in a cluster node", DriverMisconfigured, A_NODE),
        ("DB index is out of range", DriverMisconfigured, "has no database of that number"),
        ("out of memory", DriverUnavailable, "is full"),
        ("MISCONF", DriverUnavailable, "takes no writes while it cannot save its data"),
        ("-READONLY ", DriverUnavailable, "is a replica and takes no writes"),
        ("MASTERDOWN", DriverUnavailable, "is a replica that has lost its master"),
        ("BUSY Redis", DriverUnavailable, "is blocked by a running script"),
        ("NOREPLICAS", DriverUnavailable, "has too few replicas to take writes"),
    ),
)


def is_from_no_master(answer: redis_errors.RedisError) -> bool:
    """Tell whether a server takes no writes, so that connections to it should be closed."""
    return isinstance(answer, NOT_THE_MASTER) or any(words in str(answer) for words in NOT_THE_MASTER_BY_ANSWER)
