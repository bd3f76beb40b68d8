"""`docs/fleet.md`: what was done to fleets, and what became of it."""

from collections.abc import Callable, Sequence
from functools import partial

from connector.ledger.postgres.standstill import CLAIM
from tests.torture.fleet.clients import AT_ONCE, CALLS_EACH
from tests.torture.fleet.happenings import RECOVERS, SETTLED
from tests.torture.fleet.history import SETTLES
from tests.torture.fleet.run import NO_ANSWER, Run
from tests.torture.life.end_system import SEATS
from tests.torture.life.faults import Wrong
from tests.torture.page import table

INTRODUCTION = """\
# What a fleet withstands

Written by `make fleet`, which takes an hour; `make verify` runs a short form of it.

**In short**: three replicas serve behind HAProxy. They share one ledger on PostgreSQL, behind PgBouncer, and one Redis. Three
Sentinels fail the Redis over, and Patroni the PostgreSQL. One thing after the other fails, while {clients} clients call. No stale
value is read, no dead seal is served, no login is alive in the end that is not known as *unknown*, no licence is exceeded, and
every 200 is kept. [What came of it](#what-came-of-it) says so in numbers, and where it is otherwise.

The replicas are processes of their own. Their clocks are an hour apart. Clients open, use, replace and clean up sessions that
they share, as in [the life of sessions](torture.md#the-life-of-sessions). Each call goes to the replica that is next. They show
the newest seal, an older one, or none, and send duplicates. The end system has a licence: {seats} logins of a pool may be alive.
It counts its logins, and outlives everything. A login may expire with each request, and has to be refreshed then. Where only
Redis fails over, sessions are reaped, too: they are idle after some seconds.

Patroni has three nodes and one etcd. With *synchronous* replication (`synchronous_mode`, `synchronous_mode_strict`), a commit
waits for a standby. With *asynchronous* replication, a fail-over may lose the last commits. There, it is provoked: the standbys
are stopped for two seconds before the leading node dies. Patroni 3.0.2 that was paused may not be able any more to note which
standby is synchronous ("updated by someone else"). Then no other node may lead, so it is started again. If that does not help,
its note is removed from etcd: it is that of a node which was promoted meanwhile, and has lost the lead again. The Redis that
Sentinels watch requires one replica (`min-replicas-to-write 1`, `min-replicas-max-lag 1`).

When all is over, what is owed is tried again until nothing is owed. Each session that has to be open is used. Then
all sessions are ended. The judge knows what the clients and the end system saw, and what was done when. These are faults:

* *lost*: a login is alive in the end, and nothing was done to the fleet during its initialize or its last refresh;
* *no trace*: a login is alive in the end, and the ledger lists neither it nor a refresh of it as unknown;
* *unknown without a cause*: the ledger lists more unknown logins and refreshes of a session than something has met;
* *not ended*: a login is alive when nothing is owed, but its session was cleaned up (200 or 502) or opened anew (200);
* *dead seal served*: a call is answered 200, but its seal was dead before the call began. A replica without a store may have
  replaced its login (`store_unavailable`): then the others have {looks:.0f} seconds to notice;
* *stale*: a call is given a value that was loaded before a cleanup or a new login, and that was answered before the call began;
* *turned away*: a call is answered 401, but nobody has ended its session, or a login ends by itself under a call;
* *open on paper*: when nothing is owed, the ledger has a session as open that has no login, or does not have one that has;
* *beyond the licence*: a login is sent while {seats} of its pool are alive;
* *stalled*: an initialize finds no seat, although fewer than {seats} logins of its pool may hold one. After a fail-over of the
  database, none is given until each replica has written its facts again, or was silent for {silent:.0f} seconds;
* *twice*: the end system is asked to log out after a 200 said that this was done. It may be asked if something was done to the
  fleet meanwhile, or if another call of that session was under way;
* *defect*: a 500, another answer that there should not be, or a 503 or no answer although nothing was wrong. An end system that
  is late on a busy machine counts as no fault of the fleet's. Nor does a call during which a process of the fleet had to wait for
  a processor for half of the time, as the kernel counts it.

What is done is an excuse from its beginning until {recovers:.0f} seconds after it was mended, and {settled:.0f} seconds after
a fail-over of the database, because seats are withheld then. A call that fails at any other time is a defect. So what fails is
bounded by how often something is done, and by how long each may show. The tables tell how many calls it was.
Neither a rolling restart nor a rolling upgrade is an excuse. The fleet on one Redis begins with replicas that know nothing of the
last layouts of the tables: today's code, with these taken out. The first thing that is done is to upgrade them. Between two
things, the fleet has some seconds in which nothing may fail at all. All that is done may make no more logins unknown, and no more
logouts be sent again, than {under_way} for each thing: so many calls can be under way at once.
"""


def written(runs: Sequence[Run]) -> str:
    """Return the page of these runs."""
    about = {
        "silent": CLAIM,
        "settled": SETTLED,
        "looks": SETTLES,
        "clients": AT_ONCE,
        "under_way": AT_ONCE * CALLS_EACH,
        "seats": SEATS,
        "recovers": RECOVERS,
    }
    parts = [f"## On {run.deployment}\n\n{_what_was_done(run)}" for run in runs]
    return "\n".join([INTRODUCTION.format(**about), *parts, "## What came of it\n", _what_came_of_it(runs)])


def _what_was_done(run: Run) -> str:
    heads = ("what was done", "times", "calls that failed", "the last of them, seconds after it was mended")
    rows = (
        (what, times, run.verdict.failed.get(what, 0), _seconds(run.verdict.noticed.get(what)))
        for what, times in sorted(run.happened.items())
    )
    return table(heads, rows)


def _seconds(noticed: float | None) -> str:
    return "" if noticed is None else f"{max(noticed, 0.0):.1f}"


def _what_came_of_it(runs: Sequence[Run]) -> str:
    counts: dict[str, Callable[[Run], float]] = {
        "minutes": lambda run: round(run.seconds / 60),
        "things done": lambda run: run.happened.total(),
        "calls": lambda run: sum(answers.total() for answers in run.calls.values()),
        "answered 503": lambda run: sum(answers["503"] for answers in run.calls.values()),
        "not answered": lambda run: sum(answers[NO_ANSWER] for answers in run.calls.values()),
        "failed because this machine was busy with something else": lambda run: run.verdict.late,
        "initializes that found no seat": lambda run: run.verdict.no_seat,
        "logins": lambda run: run.verdict.logins,
        "refreshes": lambda run: run.verdict.refreshes,
        "reaped, because nobody used their sessions": lambda run: run.verdict.reaped,
        "open in the end, and ended by their cleanup": lambda run: run.verdict.open,
        "unknown": lambda run: run.verdict.unknown,
        "alive in the end": lambda run: run.verdict.alive,
        "asked to end again after a 200": lambda run: run.verdict.sent_twice,
        **{wrong.value: partial(_faults, wrong=wrong) for wrong in Wrong},
    }
    rows = ((name, *(f"{count(run):,}" for run in runs)) for name, count in counts.items())
    return table(("", *(f"{run.deployment}, seed {run.seed}" for run in runs)), rows)


def _faults(run: Run, wrong: Wrong) -> int:
    return run.verdict.count(wrong)
