"""Logins that begin, and sessions that open, many within one transaction: as few statements serve them all as can."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from connector.ledger.sql import opening_rows, session_rows
from connector.ledger.sql.session_changes import end_login, open_or_replace
from connector.ledger.sql.table import Table
from connector.model.begun import Opening, Recorded
from connector.model.sessions import OpenSession, Replaced


class ToBegin(Struct, frozen=True):
    """A login that is about to be sent, unless so many `seats` of its pool are held."""

    opening: Opening
    seats: int | None

    @property
    def login_id(self) -> str:
        """Which login it is."""
        return self.opening.login_id

    @property
    def is_counted(self) -> bool:
        """Whether it depends on what holds seats."""
        return self.seats is not None and self.opening.pool is not None


class ToOpen(Struct, frozen=True):
    """A login that was made, and whose session is to be open."""

    session: OpenSession
    replaced: Replaced | None
    drivers: Sequence[str]
    now: float

    @property
    def login_id(self) -> str:
        """Which login it is."""
        return self.session.login_id

    @property
    def session_id(self) -> str:
        """Which session it is."""
        return self.session.session_id

    @property
    def stands_alone(self) -> bool:
        """Whether it replaces nothing that is known, and shares its login with nobody."""
        return self.replaced is None and not self.session.is_shared


def initialize(table: Table, steps: Sequence[ToBegin | ToOpen]) -> list[bool | Recorded]:
    """Record each of these steps, and return whether a login may be sent, or what became of a session."""
    if len(steps) > 1 and not _may_be_joined(steps):
        return [outcome for step in steps for outcome in initialize(table, [step])]
    may_begin = iter(begin_all(table, [step for step in steps if isinstance(step, ToBegin)]))
    opened = iter(open_all(table, [step for step in steps if isinstance(step, ToOpen)]))
    return [next(may_begin) if isinstance(step, ToBegin) else next(opened) for step in steps]


def _may_be_joined(steps: Sequence[ToBegin | ToOpen]) -> bool:
    """Tell whether their order does not matter: no two are of one login, and none asks how many seats are held by then."""
    is_any_counted = any(isinstance(step, ToBegin) and step.is_counted for step in steps)
    return not is_any_counted and len({step.login_id for step in steps}) == len(steps)


def begin_all(table: Table, begun: Sequence[ToBegin]) -> list[bool]:
    """Record that logins are about to be sent, each unless its seats are held."""
    if any(each.is_counted for each in begun):
        return [opening_rows.begin(table, each.opening, seats=each.seats) for each in begun]
    opening_rows.begin_all(table, [each.opening for each in begun])
    return [True] * len(begun)


def open_all(table: Table, made: Sequence[ToOpen]) -> list[Recorded]:
    """Open sessions. One of which the ledger knows nothing has nothing to replace, so that nothing is read for it."""
    if not table.term.gives_seats:  # somebody may still have to write again that one of these was open, and others serve it
        made = [replace(each, replaced=each.replaced or Replaced()) for each in made]
    known = table.sessions_known([each.session_id for each in made])
    first = {each.session_id: each for each in reversed(made)}
    new = {id_: each for id_, each in first.items() if id_ not in known and each.stands_alone}
    opened = _open_new(table, new)
    return [opened[each.session_id] if new.get(each.session_id) is each else _open_known(table, each) for each in made]


def _open_new(table: Table, made: Mapping[str, ToOpen]) -> Mapping[str, Recorded]:
    """Open sessions, and return by their ids what became of them."""
    told = opening_rows.taken_all(table, {id_: each.login_id for id_, each in made.items()})
    seated = {id_: told[id_].seated(each.session) for id_, each in made.items()}
    session_rows.insert_all(table, [session for id_, session in seated.items() if told[id_].may_open])
    for id_, session in seated.items():
        if not told[id_].may_open:
            end_login(table, session, now=made[id_].now, due_at=made[id_].now)
    return {id_: Recorded(is_open=told[id_].may_open) for id_ in made}


def _open_known(table: Table, made: ToOpen) -> Recorded:
    return open_or_replace(table, made.session, made.replaced, drivers=made.drivers, now=made.now)
