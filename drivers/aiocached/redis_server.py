"""What a server says of itself, and whether it can hold the entries."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from drivers.driver_errors import DriverUnavailable

OLDEST = (6, 2)
"""The first version that knows `ZADD LT` and `ZRANGE BYSCORE`."""
WITH_FLAGS = (7, 0)
"""The first version that knows the flags of scripts."""

A_NODE = "is a node of a cluster; expected a server that holds all keys"
A_PROXY = "is a twemproxy, which spreads keys over several servers; expected one server, without a proxy"


class UnfitServer(DriverUnavailable):
    """The server cannot hold the entries. At the start its address is wrong; later, another server may be reached soon."""


class NotTheMaster(UnfitServer):
    """The server is a replica. At the start as well, its address may be the master's before long."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What the connector goes by in the answer to `INFO`. Two answers that are equal mean the same topology."""

    version: str = ""
    """Of Redis; what is compatible with it names the version that it equals."""
    product: str = ""
    """What the server calls itself, with its own version."""
    mode: str = ""
    """`standalone`, `cluster` or `sentinel`."""
    role: str = ""
    """`master` or `slave`, as Redis has it."""
    run_id: str = ""
    replication_id: str = ""
    """The `master_replid`."""
    master: str = ""
    """Of a replica: the address of its master."""
    replicas: int = 0
    requires_replicas: bool = False
    """Whether the server takes writes only while it has replicas that keep up."""
    policy: str = ""
    """The `maxmemory_policy`."""
    forgets_its_role: bool = False
    """Whether a restart undoes what Sentinels have made of the server: it has no file into which they could write that."""

    @classmethod
    def of(cls, answer: str, *, by_sentinels: bool = False) -> Self:
        """Return what an answer to `INFO` says. What it leaves out is empty; `by_sentinels` is whether they named the server."""
        said = dict(line.split(":", 1) for line in answer.splitlines() if ":" in line)
        return cls(
            version=said.get("redis_version", ""),
            product=_product(said),
            mode=said.get("redis_mode", ""),
            role=said.get("role", ""),
            run_id=said.get("run_id", ""),
            replication_id=said.get("master_replid", ""),
            master=f"{said['master_host']}:{said.get('master_port', '')}" if "master_host" in said else "",
            replicas=int(said.get("connected_slaves", "0")),
            # The line is there only if `min-replicas-to-write` and `min-replicas-max-lag` are set.
            requires_replicas="min_slaves_good_slaves" in said,
            policy=said.get("maxmemory_policy", ""),
            forgets_its_role=by_sentinels and said.get("config_file") == "",
        )

    @property
    def may_drop_keys(self) -> bool:
        """Whether it makes room by keys that are needed."""
        return self.policy.startswith("allkeys-")

    @property
    def may_go_on_alone(self) -> bool:
        """Whether it takes writes that its replicas never see, once another one has taken its place."""
        return bool(self.replicas) and not self.requires_replicas

    @property
    def is_replica(self) -> bool:
        return self.role == "slave"

    @property
    def has_flags(self) -> bool:
        """Whether the server knows the flags of scripts."""
        return _numbers(self.version) >= WITH_FLAGS

    @property
    def is_only_a_replica(self) -> bool:
        """Whether it could hold the entries if it were promoted."""
        return self.is_replica and replace(self, role="master").unfit is None

    @property
    def unfit(self) -> str | None:
        """Why the server cannot hold the entries; None if it can."""
        if self.mode == "sentinel":
            return "is a Sentinel, which holds no data; expected the address of the master that it watches"
        if self.mode == "cluster":
            return A_NODE
        if _numbers(self.version) < OLDEST:
            return f"is version {self.version or '(unknown)'}; expected {'.'.join(map(str, OLDEST))} or newer"
        if self.is_replica:
            return f"is a replica of {self.master}, and takes no writes; expected its master"
        return None


def _product(said: Mapping[str, str]) -> str:
    if "valkey_version" in said:
        return f"Valkey {said['valkey_version']}"
    return f"Redis {said.get('redis_version', 'of an unknown version')}"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", text)[:2])
