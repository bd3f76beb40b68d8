"""Writes docs/end-systems.md: which bundled profiles were confirmed against the real system, when, and with what outcome."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.endsystems.real_systems.catalogue import SYSTEMS
from tests.endsystems.real_systems.drill import PHASES
from tests.endsystems.real_systems.system import RealSystem

PAGE = Path(__file__).parents[3] / "docs" / "end-systems.md"
ROW = re.compile(r"\|[^|]*\|[^|]*\| `([a-z-]+)` \|")
HEAD = """\
# End systems that were tried

**In short.** `make end-systems` installs these systems from the registries, each into an environment of its own. It starts
each on loopback and drills it through a real connector, with the bundled profile. It writes this page.
`make end-systems ARGS="trac zabbix"` tries some of them.

Each drill has these phases:

{phases}

That a login is dead is seen without the connector: the request that used it is sent again, straight to the system.

| system | from | profile | version | tried on | outcome |
|---|---|---|---|---|---|
{rows}

## What their logouts really do

{logouts}
"""


def write(outcomes: Mapping[str, Sequence[str]]) -> None:
    """Write the page. An outcome is the phases that failed, by the system's key; rows of other systems stay as they are."""
    today = datetime.now(UTC).date().isoformat()
    rows = _written()
    rows |= {system.key: _row(system, today, outcomes[system.key]) for system in SYSTEMS if system.key in outcomes}
    tried = [system for system in SYSTEMS if system.key in rows]
    PAGE.write_text(
        HEAD.format(
            phases="\n".join(f"* **{name}**: {(phase.__doc__ or '').strip()}" for name, phase in PHASES.items()),
            rows="\n".join(rows[system.key] for system in tried),
            logouts="\n".join(f"* **{system.name} {system.version}**: {system.logout}" for system in tried),
        ),
        "utf-8",
    )


def _written() -> dict[str, str]:
    """Return the rows of the page as it is, by the system's key."""
    lines = PAGE.read_text("utf-8").splitlines() if PAGE.exists() else []
    return {found[1]: line for line in lines if (found := ROW.match(line))}


def _row(system: RealSystem, today: str, failed: Sequence[str]) -> str:
    outcome = f"fails: {', '.join(failed)}" if failed else "passes all"
    return f"| {system.name} | {system.source.value} | `{system.key}` | {system.version} | {today} | {outcome} |"
