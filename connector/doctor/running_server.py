"""The running server: whether it is ready, what a store does not do for now, and what is owed."""

from collections.abc import Iterator

from connector.admin.shown import RunningServer, ShownLedger, SilentLedger, StoppedServer
from connector.doctor.finding import DoctorFinding, fault, sound, warning

START = "start it: `connector serve`, or the service that runs it"
SEE_OWED = "`connector owed list --state waiting` says why each waits"


def server_findings(found: RunningServer | StoppedServer) -> Iterator[DoctorFinding]:
    """Say how the server is, by its own words."""
    if isinstance(found, StoppedServer):
        yield warning("server", "it does not run", START)
    else:
        yield from _running(found)
    if isinstance(found.ledger, SilentLedger):
        yield fault("ledger", found.ledger.unavailable, "docs/operations.md: the ledger cannot be written")
    else:
        yield from _owed(found.ledger)


def _running(found: RunningServer) -> Iterator[DoctorFinding]:
    if found.status == "ready":
        yield sound("server", f"it is ready, process {found.pid}, version {found.version}")
    else:
        yield fault("server", f"it says {found.status}", "docs/operations.md says what each word means")
    for name, why in found.degraded.items():
        yield warning(f"without-{name}", why, "docs/operations.md: a store is down")
    for line in found.replicas:
        yield fault("replicas", line, "give all replicas the same keys, names and stores: docs/sessions.md")
    if found.reaped:
        numbers = ", ".join(f"{reason}: {number}" for reason, number in found.reaped.items())
        yield sound("reaped", f"sessions that were ended since the start because nobody cleaned them up: {numbers}")
    for place, number in found.doubted.items():
        remedy = "docs/operations.md: most logouts find no session"
        yield warning("doubtful-logouts", f"{number} logouts at {place} found no session", remedy)


def _owed(ledger: ShownLedger) -> Iterator[DoctorFinding]:
    yield sound("owed", f"logouts that are owed, and tried by themselves: {ledger.owed}")
    if ledger.waiting:
        yield fault("attention", f"logouts that need attention: {ledger.waiting}", SEE_OWED)
    if ledger.unknown:
        remedy = "`connector sessions list --state unknown` names them; they are given up after end_system.login_lifetime"
        yield warning("unknown", f"logins of which nobody knows what they have made: {ledger.unknown}", remedy)
