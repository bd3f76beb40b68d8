"""What is known of the session of a fault, line by line, for whoever has to find out what happened."""

from collections.abc import Iterable, Iterator
from itertools import islice

from tests.torture.life.faults import Fault
from tests.torture.life.history import History

AT_MOST = 4


def stories(history: History, faults: Iterable[Fault]) -> Iterator[str]:
    """Tell the sessions of some faults, of each kind one first."""
    found = [fault for fault in faults if fault.session]
    first = {fault.wrong: fault for fault in reversed(found)}
    for session in islice(dict.fromkeys(fault.session for fault in (*first.values(), *found)), AT_MOST):
        yield "\n".join(_lines(history, session))


def _lines(history: History, session: str) -> Iterator[str]:
    yield f"session {session}"
    told = [(call.began, str(call)) for call in history.by_session[session]]
    for login in history.logins:
        if history.initializes[login.ticket].session == session:
            state = "untold" if login.untold else "alive" if login.alive else "dead"
            asked = ", ".join(f"{asked.moment:.3f} by {asked.number}" for asked in login.asked_to_end)
            known = f"{state}, good from {login.good_from} to {login.newest}"
            line = f"    end system: {login.token}, told at {login.told:.3f}, asked to end at {asked}; {known}"
            told.append((login.asked, line))
            told += [(renewal.asked, f"    end system: {login.token}, {renewal}") for renewal in login.renewals]
    moments = [moment for moment, _ in told]
    told += [
        (life.started, str(life)) for life in history.lives if any(life.started <= moment <= life.died for moment in moments)
    ]
    first, last = min(moments), max(moments)
    told += [(start, f"disk full until {end:.3f}") for start, end in history.crowded if first < end and start < last]
    yield from (f"{moment:.3f} {line}" for moment, line in sorted(told))
