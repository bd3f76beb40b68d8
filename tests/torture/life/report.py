"""What campaigns have found, for a person and for `docs/torture.md`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from tests.torture.life.calls import HAPPENINGS
from tests.torture.life.campaign import NO_ANSWER, Campaign
from tests.torture.life.faults import Wrong
from tests.torture.page import table

SHOWN = 20
HEADING = "## The life of sessions"
TEXT = """\
`make life` writes this part anew; it takes about a quarter of an hour.

Clients open, use, replace and clean up sessions that they share. They send duplicates, together and later. They show the
newest seal, an older one, or none. Some go away before they are answered. Meanwhile server follows server. Each is ended by
SIGKILL, at a random moment or at a step of a cleanup, an initialize or a renewal, or by SIGTERM. Some are stopped for a while
(SIGSTOP, SIGCONT). Some have a full disk. The end system is at times slow, refuses, breaks connections or goes away.

Before that, some situations are acted out, because chance may bring them seldom: a cleanup that overtakes a login, a logout that
fails before a kill, a session that becomes idle, a seat that is given back. For each mistake that `make mutants` plants into a
server there is one in which it shows. The same judge has to find it there, at the first try.

The end system renews two of three logins while their sessions are in use. Some get a *new cookie* with an answer. The older
ones are good until the new one has been used. Others expire, and have to be *refreshed*. That spends the credential for
another one, and from then on the old one is good for nothing.

The end system has a licence: of each pool, three logins may be alive. It refuses the next one, and remembers that it was asked.
The server is told of it (`end_system.seats`). Half of the sessions share a pool with seven others; the rest have one each.
Many are left as they are, and a minute of idle time takes a fifth of a second. So the server reaps what nobody uses
(`sessions.idle_timeout`), and what another session needs the seat of (`sessions.seat_idle`).

The end system runs in another process than the servers, and knows each login that it ever made. When the last server is dead,
the application is started on the files that are left. Its clock runs ahead until nothing is owed. What needs attention is
tried again by hand. A login that failed half-way is dismissed if nobody can prove that it is dead; if it is alive, it is lost.
Then every session that has to be open is used, and all sessions are ended. The judge knows what the
clients and the end system saw, and when servers lived. It knows nothing else. These are faults:

* *lost*: a login is alive in the end, and neither it nor its refresh was under way at a kill;
* *not ended*: a login is alive when nothing is owed, but its session was cleaned up (200 or 502) or opened anew (200);
* *dead seal served*: a call is answered 200, but its seal was dead before it began: by a cleanup, a new login, a 401, or
  because the server had begun to log out by itself;
* *stale*: a call is given a value that was loaded before a cleanup or a new login, and that was answered before the call
  began;
* *twice*: the end system is asked to log out after a 200 said that this was done. It may be asked if the disk was full during
  that cleanup, or during a later one, because the ledger could not be told what was done. A credential that the end system made
  during the cleanup is another matter: it has to be ended, too;
* *turned away*: a call is answered 401, but nobody has ended its session, no refresh was refused, and its session was in use
  too lately to be reaped; or the login of an open session is dead;
* *open on paper*: when nothing is owed, the ledger's file has a session as open that has no login, or it does not have one that
  has. A cleanup that finds a ledger that cannot be written is done all the same, and its session is open after a kill;
* *beyond the licence*: a login is sent while three of its pool are alive. No kill accounts for that: a login is recorded before
  it is sent, and holds its seat until its end is known. If nobody has the newest cookie of a login, the server cannot know
  that it is alive. Such logins do not count here, and are shown below. What a refresh may have made counts;
* *stalled*: an initialize finds no seat, although fewer than three logins of its pool may hold one;
* *no trace*: a login is alive in the end, nobody has its credential, and the ledger lists neither it nor a refresh of it as
  unknown;
* *unknown without a cause*: the ledger lists more unknown logins and refreshes of a session than a kill has met, or than got no
  answer;
* *defect*: a 500 or another answer that there should not be, a bad exit code, two logins for one initialize, two refreshes that
  spend one credential.
"""
WINDOW = """\
What cannot be helped is counted apart. A login is *under way at a kill* from its request to the end system until the server
must have recorded it. This is

* until its initialize is answered;
* if that was answered before the login was made, or its client has gone: until another initialize has begun after the end
  system's answer and was answered 200;
* if the disk was full meanwhile: until the server has run for three seconds with room on its disk.

A refresh is under way at a kill from its request until the new credential was used, or until another initialize was answered as
above. Each may lose one login, because the old credential is spent. A new cookie has no such window: as long as it is not
recorded, it is not used, and the older one ends the login. The exception is a cleanup that finds a full disk, because it ends
the newest credential that is known. After a kill nobody knows it.

Whatever else is lost is a fault. The end system breaks off some of its own answers. Nobody can end such a login, because
nobody was told of it, or of its newest credential.
"""


def section(campaigns: Sequence[Campaign]) -> str:
    """Return the part of the page."""
    tables = _what_happened(campaigns), _what_came_of_it(campaigns), WINDOW, _what_cannot_be_helped(campaigns)
    return "\n".join([HEADING, "", TEXT, *tables])


def with_section(page: str, part: str) -> str:
    """Return the page with its part about sessions replaced, or added at its end."""
    before, heading, rest = page.partition(HEADING)
    if not heading:
        return f"{page.rstrip()}\n\n{part}"
    _, following, after = rest.partition("\n## ")
    return f"{before}{part}{following}{after}"


def told(found: Campaign) -> str:
    """Return what is needed to find out what went wrong: the seed, the faults, and the sessions of some of them."""
    faults = [f"{fault.wrong}: {fault.what}" for fault in found.verdict.faults]
    return "\n".join([f"seed {found.seed}, {found.kills} kills, {len(faults)} faults", *faults[:SHOWN], "", *found.stories])


def _rows(campaigns: Sequence[Campaign], rows: Mapping[str, Callable[[Campaign], float]]) -> str:
    """Return a table with a column for each campaign; its heads tell how to do it again, and how its disk was filled."""
    heads = ("", *(f"seed {found.seed}, {found.disk}" for found in campaigns))
    return table(heads, ((name, *(f"{row(found):,}" for found in campaigns)) for name, row in rows.items()))


def _what_happened(campaigns: Sequence[Campaign]) -> str:
    happenings = {what: partial(_happened, what=what) for what in HAPPENINGS}
    return _rows(campaigns, {**happenings, "calls": _calls, "not answered": _unanswered})


def _what_came_of_it(campaigns: Sequence[Campaign]) -> str:
    counts: dict[str, Callable[[Campaign], float]] = {
        "logins": lambda found: found.verdict.logins,
        "new cookies": lambda found: found.verdict.cookies,
        "refreshes": lambda found: found.verdict.refreshes,
        "dead when nothing was owed": lambda found: found.verdict.dead,
        "of these reaped, as nobody has ended them": lambda found: found.verdict.reaped,
        "open then, and ended by their cleanup": lambda found: found.verdict.open,
        "initializes that found no seat": lambda found: found.verdict.no_seat,
    }
    return _rows(campaigns, {**counts, **{wrong.value: partial(_faults, wrong=wrong) for wrong in Wrong}})


def _what_cannot_be_helped(campaigns: Sequence[Campaign]) -> str:
    counts: dict[str, Callable[[Campaign], float]] = {
        "logins that the ledger called unknown in the end": lambda found: found.verdict.unknown,
        "at most, for initializes that a kill has met": lambda found: found.verdict.met_by_a_kill,
        "at most, for logins whose connection the end system has reset": lambda found: found.verdict.no_answer,
        "under way at a kill": lambda found: found.verdict.under_way,
        "of these lost, not answered by the end system": lambda found: found.verdict.lost_unanswered,
        "of these lost, answered and not yet recorded": lambda found: found.verdict.lost_unrecorded,
        "milliseconds that a server still ran after such an answer, at most": lambda found: round(found.verdict.longest * 1000),
        "renewals under way at a kill": lambda found: found.verdict.forgotten,
        "logins lost by these": lambda found: found.verdict.lost_renewed,
        "milliseconds that a server still ran after the answer to such a renewal, at most": lambda found: round(
            1000 * found.verdict.longest_renewed
        ),
        "lost because the end system broke off its answer": lambda found: found.verdict.untold,
        "logins beyond the licence because of these and of such renewals": lambda found: found.verdict.excused,
    }
    return _rows(campaigns, counts)


def _happened(found: Campaign, what: str) -> int:
    return found.happened.get(what, 0)


def _calls(found: Campaign) -> int:
    return sum(sum(answers.values()) for answers in found.calls.values())


def _unanswered(found: Campaign) -> int:
    return sum(answers.get(NO_ANSWER, 0) for answers in found.calls.values())


def _faults(found: Campaign, wrong: Wrong) -> int:
    return sum(fault.wrong is wrong for fault in found.verdict.faults)
