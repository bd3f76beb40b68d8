"""Known traps of versions, each with its source: what is wrong with some, whom it meets, and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum

from connector.doctor.finding import DoctorFinding, sound, warning


class Product(Enum):
    """What has versions."""

    SQLITE = "SQLite"
    POSTGRESQL = "PostgreSQL"


Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trap:
    """What is wrong with the versions from one on, until another one mends it."""

    name: str
    product: Product
    since: Version
    mended: Version
    seen: str
    remedy: str | None
    """None if the connector itself keeps away from it."""
    source: str


TRAPS = (
    Trap(
        "wal-reset",
        Product.SQLITE,
        (3, 7),
        (3, 51, 3),
        "can lose a commit while another process checkpoints. The connector does both under one lock; let no other program write",
        None,
        "https://www.sqlite.org/wal.html#walresetbug",
    ),
    Trap(
        "concurrent-index",
        Product.POSTGRESQL,
        (14, 0),
        (14, 4),
        "makes indexes that miss rows, if CREATE INDEX or REINDEX runs CONCURRENTLY",
        "upgrade to the newest minor version; then REINDEX, without CONCURRENTLY, what was made so",
        "https://www.postgresql.org/docs/release/14.4/",
    ),
)
UNSUPPORTED_FROM = {
    13: date(2025, 11, 13),
    14: date(2026, 11, 12),
    15: date(2027, 11, 11),
    16: date(2028, 11, 9),
    17: date(2029, 11, 8),
    18: date(2030, 11, 14),
}
"""When the last release of each major version of PostgreSQL is made: https://www.postgresql.org/support/versioning/"""


def trap_findings(product: Product, version: Version) -> Iterator[DoctorFinding]:
    """Yield what is known to be wrong with a version."""
    for trap in TRAPS:
        if trap.product is product and trap.since <= version < trap.mended:
            told = f"{product.value} {'.'.join(map(str, version))} {trap.seen} ({trap.source})"
            name = f"trap-{trap.name}"
            yield sound(name, told) if trap.remedy is None else warning(name, told, trap.remedy)


def support_findings(major: int, now: float) -> Iterator[DoctorFinding]:
    """Yield a warning if nobody mends this version of PostgreSQL any more."""
    ended = UNSUPPORTED_FROM.get(major, date.max if major > max(UNSUPPORTED_FROM) else date.min)
    if ended <= datetime.fromtimestamp(now, UTC).date():
        told = f"PostgreSQL {major} gets no fixes any more (https://www.postgresql.org/support/versioning/)"
        yield warning("ledger-database-support", told, "upgrade the database to a version that is supported")
