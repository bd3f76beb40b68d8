"""What replicas have logged that none should: tracebacks, and what is no line of a log."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.torture.life.faults import Fault, Wrong

LONGEST = 2000


def defects_in(folder: Path) -> Iterator[Fault]:
    """Yield the defects that the replicas' logs in a folder tell of."""
    for log in sorted((*folder.glob("*/server.log"), *folder.glob("*.log"))):
        for line in log.read_text().splitlines():
            if (told := _told(line)) is None or "exception" in told:
                yield Fault(Wrong.DEFECT, f"{log.relative_to(folder)}: {line[:LONGEST]}")


def _told(line: str) -> dict[str, object] | None:
    try:
        return dict(json.loads(line))
    except ValueError:
        return None
