"""Which server holds the entries, and what follows from that: told in the log at the start and whenever it changes."""

import structlog

from drivers.aiocached.redis_server import ServerInfo

log = structlog.get_logger(__name__)


class Topology:
    """Remembers the server that was seen last."""

    def __init__(self) -> None:
        self._seen: ServerInfo | None = None

    def note(self, server: ServerInfo, address: str) -> None:
        """Note the server at this address. A change is logged."""
        if server != self._seen:
            self._seen = server
            _tell(server, address)


def _tell(server: ServerInfo, address: str) -> None:
    log.info(
        "the Redis server, as it is from now on",
        address=address,
        version=server.version,
        role=server.role,
        replication_id=server.replication_id,
        replicas=server.replicas,
        replicas_required=server.requires_replicas,
    )
    if server.unfit is None:
        _warn(server, address)


def _warn(server: ServerInfo, address: str) -> None:
    # A warning only: a dropped generation is a miss, never an old value.
    if server.policy.startswith("allkeys-"):
        log.warning(
            "Redis may drop keys that are needed to free evicted data; set another maxmemory-policy",
            address=address,
            maxmemory_policy=server.policy,
            prefer="volatile-lru",
        )
    if server.replicas and not server.requires_replicas:
        log.warning(
            "a former Redis master may serve old data after a fail-over, because it needs no replicas; set min-replicas-to-write",
            address=address,
            prefer="min-replicas-to-write 1, min-replicas-max-lag 2",
        )
    if not server.has_flags:
        log.warning(
            "Redis before version 7 runs scripts also while it lacks the replicas that it requires; use version 7 or newer",
            address=address,
            version=server.version,
        )
