"""Which server holds the entries, and what follows from that: told in the log at the start and whenever it changes."""

from collections.abc import Iterator

import structlog

from drivers.aiocached.redis_server import ServerInfo

log = structlog.get_logger(__name__)

MAY_DROP = "Redis may drop keys that are needed to free evicted data; set another maxmemory-policy"
ALONE = "a former Redis master may serve old data after a fail-over, because it needs no replicas; set min-replicas-to-write"
WITHOUT_FLAGS = "Redis before version 7 runs scripts also while it lacks the replicas that it requires; use version 7 or newer"
FORGETS = (
    "a Redis under Sentinels forgets its role at a restart, and then there may be no master; start it with a configuration file"
)
PREFERRED = {"maxmemory_policy": "volatile-lru", "replicas": "min-replicas-to-write 1, min-replicas-max-lag 2"}
"""Settings of the server."""


class Topology:
    """Remembers the server that was seen last."""

    def __init__(self) -> None:
        self._seen: ServerInfo | None = None

    @property
    def seen(self) -> ServerInfo:
        """The server that was seen last; before, one that says nothing."""
        return self._seen or ServerInfo()

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


def risks(server: ServerInfo) -> Iterator[tuple[str, str]]:
    """Yield what a server puts at risk, each with what to do about it."""
    found = {
        f"{MAY_DROP} (maxmemory-policy {PREFERRED['maxmemory_policy']})": server.may_drop_keys,
        f"{ALONE} ({PREFERRED['replicas']})": server.may_go_on_alone,
        WITHOUT_FLAGS: not server.has_flags,
        FORGETS: server.forgets_its_role,
    }
    for text in (text for text, is_so in found.items() if is_so):
        what, _, remedy = text.partition("; ")
        yield what, remedy


def _warn(server: ServerInfo, address: str) -> None:
    # A warning only: a dropped generation is a miss, never an old value.
    if server.may_drop_keys:
        log.warning(MAY_DROP, address=address, maxmemory_policy=server.policy, prefer=PREFERRED["maxmemory_policy"])
    if server.may_go_on_alone:
        log.warning(ALONE, address=address, prefer=PREFERRED["replicas"])
    if not server.has_flags:
        log.warning(WITHOUT_FLAGS, address=address, version=server.version)
    if server.forgets_its_role:
        log.warning(FORGETS, address=address)
