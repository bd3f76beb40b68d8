"""`docs/torture.md`: what was done to the server, and what became of it, in tables."""

from collections.abc import Iterable, Sequence

from tests.torture.faults import Failed
from tests.torture.measurements import GroupCommit, Recovery
from tests.torture.storm import Storm
from tests.torture.world import Verdict

INTRODUCTION = """\
# The torture of the ledger

Written by `make torture`, which needs Linux and about half an hour; `make verify` runs a short form of all of it.

**In short**: the server is killed by SIGKILL at each step and each system call of a cleanup, and at random under load; its disk
fails; its end system is away for an hour; its clock jumps. Whatever was answered 200 has to hold, whatever was recorded has to be
done in the end, nothing is done again that was known to be done, and nothing cached before a cleanup is ever served after it.
So it is with sessions from their login to their logout, [further down](#the-life-of-sessions).

How it is judged. Each session logs in to an end system that outlives the server, and caches something in the SQLite file that
the server shares with its readers. After the kill the application is started on the files that are left, with a clock that runs
ahead, until nothing is owed. Then

* *lost* are sessions that were answered 200, or that the ledger knows, and whose login is alive;
* *duplicated* are those that the end system was asked to log out after a 200 had said that this was done. (A logout whose
  answer or whose record was lost in a kill is asked for again and told "unknown"; that is no duplicate.);
* *back* are those whose cached data is served, or whose generation is one that there was before;
* and every page of both files, and every row's authentication code, has to be in order.

The server under torture is the real one. For speed it is forked from a process that has imported it already. Failpoints wrap the
steps of the real classes, in that process alone: what is shipped has no hook for them.
"""


def verdicts(first: str, rows: Iterable[tuple[str, int, Verdict]]) -> str:
    """Return a table of kills and what they came to, those of one name together, with the sum of all."""
    found = [*rows]
    names = dict.fromkeys(name for name, *_ in found)
    cells = [_verdict_cells(name, [row for row in found if row[0] == name]) for name in names]
    total = _verdict_cells("**together**", found)
    return table((first, "kills", "answered 200", "not answered 200", "lost", "duplicated", "back"), [*cells, total])


def _verdict_cells(name: str, rows: Sequence[tuple[str, int, Verdict]]) -> tuple[object, ...]:
    verdicts = [verdict for *_, verdict in rows]
    return (
        name,
        sum(kills for _, kills, _ in rows),
        sum(verdict.answered for verdict in verdicts),
        sum(verdict.unanswered for verdict in verdicts),
        sum(len(verdict.lost) for verdict in verdicts),
        sum(len(verdict.duplicated) for verdict in verdicts),
        sum(len(verdict.back) for verdict in verdicts),
    )


def faults(rows: Iterable[tuple[str, Failed]]) -> str:
    """Return the table of the failing disk."""
    cells = [
        (name, failed.statuses[200], failed.statuses[503], len(failed.verdict.lost), len(failed.verdict.back))
        for name, failed in rows
    ]
    return table(("the call fails with", "200", "503", "lost", "back"), cells)


def storms(rows: Iterable[tuple[str, Storm]]) -> str:
    """Return the table of the storms."""
    cells = [
        (
            name,
            storm.owed,
            storm.tries_while_away,
            storm.done,
            storm.twice,
            storm.given_up,
            f"{storm.most_at_once} of {storm.per_origin}",
        )
        for name, storm in rows
    ]
    return table(("", "owed", "tries while away", "done", "asked again", "given up", "most at a time"), cells)


def recoveries(rows: Iterable[Recovery]) -> str:
    """Return the table of start-ups."""
    cells = [
        (f"{row.rows:,}", f"{row.ready:.2f}", f"{row.answered:.2f}", "" if row.retrying is None else f"{row.retrying:.2f}")
        for row in rows
    ]
    return table(("owed rows", "ready", "first cleanup answered", "first retry at the end system"), cells)


def group_commits(found: GroupCommit) -> str:
    """Return the table of rates."""
    cells = [
        ("one client", f"{found.one_client:.0f}", f"{found.one_client / found.alone:.1f}"),
        ("64 clients, each record in a transaction of its own", f"{found.alone:.0f}", "1.0"),
        (
            "64 clients, as it is: one transaction for all that wait",
            f"{found.together:.0f}",
            f"{found.together / found.alone:.1f}",
        ),
    ]
    return table(("", "durable cleanups/s", "ratio"), cells)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
