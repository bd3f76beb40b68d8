"""How many files and connections this process may have open, and who gets how many."""

import sys

import structlog
from msgspec import Struct

log = structlog.get_logger(__name__)

OWN = 96
"""Files that the server itself needs: the ledger, the caches, connections to a store, the metrics, the control socket."""
BESIDE = 16
"""Connections to the metrics, and as many to the control socket."""
MOST = 4096
"""Connections of callers by default. Each may keep a request's head in memory before the caller is known."""
BACKLOG = 128
"""Connections that the system accepts before the server counts them."""


class Shares(Struct, frozen=True):
    """What the callers get of the open files. As many as `connections` are left to the end systems."""

    connections: int
    backlog: int


def allow_as_many_as_possible() -> None:
    """Raise the limit of open files to what an administrator allows.

    Linux sets 1,024 by default, because programs with `select` cannot use more. A cleanup has two connections, its caller's
    and the one to the end system. So a thousand cleanups at once would exceed it.
    """
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - there is none for Windows

        # The soft limit is raised to the hard one, which only an administrator can change.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def bounded(wanted: int | None) -> int:
    """Return how many connections of callers there may be, of those that are wanted; None for as many as possible."""
    possible = shares().connections
    if wanted is not None and wanted > possible:
        problem = (
            "the limit of open files is too low for server.limits.connections: fewer connections are accepted; raise LimitNOFILE="
        )
        log.warning(problem, wanted=wanted, connections=possible)
    return min(wanted or MOST, possible)


def shares() -> Shares:
    """Divide what the system allows now."""
    return shares_of(_allowed())


def shares_of(files: int) -> Shares:
    """Divide so many files: a reserve for the server itself, the rest in halves for callers and end systems."""
    # Even a tiny limit leaves some connections: a server without any could not even say so.
    rest = max(files - OWN, 16)
    # The system accepts these before the server can count them, so they are taken off first.
    backlog = min(BACKLOG, rest // 8)
    return Shares(connections=(rest - backlog) // 2, backlog=backlog)


def _allowed() -> int:
    if sys.platform == "win32":
        return 4 * MOST
    import resource  # noqa: PLC0415 - there is none for Windows

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # "Unlimited" is no number to divide: this one leaves room for the default.
    return 4 * MOST if allowed == resource.RLIM_INFINITY else allowed
