"""What is reaped in an application, by its settings and by what it serves."""

from connector.config.settings import Settings
from connector.preflight.combinations import idle_timeout
from connector.workers.overdue import GRACE, Lifetimes
from connector.workers.reaper import ReaperRules


def reaper_rules(settings: Settings, *, sees_use: bool) -> ReaperRules:
    """Return what is reaped. A session whose first answer was lost is found by its lack of use, if use is seen."""
    sessions = settings.sessions
    lifetimes = Lifetimes(
        idle=idle_timeout(sessions, sees_use=sees_use),
        longest=None if sessions.max_lifetime == "off" else sessions.max_lifetime,
        unanswered=GRACE if sees_use else None,
    )
    return ReaperRules(lifetimes, settings.end_system.login_lifetime, sessions.reap_at_once, settings.ledger.per_origin)
