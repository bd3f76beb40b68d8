"""For how long a session was not used, as far as one can tell from outside, and whether the server may end it for that."""

from collections.abc import Iterator

from connector.workers.overdue import ticks_of
from tests.torture.life.calls import Call, Kind
from tests.torture.life.history import History

IDLE, SEAT_IDLE = 180, 120
"""Seconds, as the server counts them, after which a session ends that nobody uses, and one whose seat another one waits for."""
LAG = 0.2
"""Seconds that an answer, a request or a tick may be late on a busy machine."""
SOONEST = ticks_of(SEAT_IDLE) - 1
"""Ticks that surely pass until a session counts as idle: the first of them may be a short one."""


def may_be_reaped(history: History, opened: Call, moment: float) -> bool:
    """Tell whether the session of an initialize may have been ended by then, because nobody used it."""
    last = max(_uses(history, opened, moment), default=opened.left)
    return _ticks(history, last, moment) + LAG / history.life_at(moment).tick >= SOONEST


def _uses(history: History, opened: Call, moment: float) -> Iterator[float]:
    """Yield when the session was used, as its server must know: it is the same one, or has written that down at a tick."""
    yield opened.left
    for call in history.by_session[opened.session]:
        is_use = call.kind is Kind.USE and call.status == 200 and call.shown == opened.ticket
        if is_use and call.began + LAG < moment:
            used, life = min(call.left, moment), history.life_at(call.left)
            if life.died >= moment or life.died - used > life.tick + LAG:
                yield used


def _ticks(history: History, since: float, until: float) -> float:
    """Return the ticks for which there was a server; one that is stopped may find that its tick is over when it goes on."""
    return sum(max(0.0, min(life.died, until) - max(life.started, since)) / life.tick for life in history.lives)
