"""What a replica knows in the end of logins and debts, by all that its transactions have made of their rows."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from connector.ledger.begun_logins import OpeningRow
from connector.ledger.sql.facts import (
    DebtRemoved,
    DebtWritten,
    Fact,
    OpeningRemoved,
    OpeningWritten,
    SessionRemoved,
    SessionWritten,
)
from connector.model.debts import Debt
from connector.model.sessions import Login, OpenSession


@dataclass(slots=True)
class LoginFacts:
    """What is known of one login in the end."""

    opening: OpeningRow | None = None
    session: OpenSession | None = None
    is_over: bool = False
    """Whether the session is not open by it any more."""
    is_done: bool = False
    """Whether its debt was removed, because nobody will ask for it."""


@dataclass(slots=True)
class KnownFacts:
    """What is known in the end of all that facts tell of."""

    logins: defaultdict[Login, LoginFacts] = field(default_factory=lambda: defaultdict(LoginFacts))
    debts: dict[int, Debt] = field(default_factory=dict)
    _open: dict[str, str] = field(default_factory=dict)
    """By which login a session was opened last."""

    @classmethod
    def of(cls, facts: Iterable[Fact]) -> "KnownFacts":
        """Return what facts tell, of which the later ones count."""
        known = cls()
        for fact in facts:
            known._add(fact)
        return known

    @classmethod
    def of_lost(cls, facts: Iterable[tuple[Fact, bool]]) -> "KnownFacts":
        """Return what is known of the logins and debts of which the database lacks something; facts come with whether it does.

        Facts that it has count, too: they tell which login a lost one has replaced. If another replica was in between, only that
        one has told how the replaced login ended, and it may never come back.
        """
        known, logins, debts = cls(), set[Login](), set[int]()
        for fact, is_lost in facts:
            if is_lost:
                logins.update(known._logins_of(fact))
                debts.update(known._debts_of(fact))
            known._add(fact)
        known.logins = defaultdict(LoginFacts, {login: told for login, told in known.logins.items() if login in logins})
        known.debts = {id_: debt for id_, debt in known.debts.items() if id_ in debts}
        return known

    @property
    def sessions(self) -> set[str]:
        """The ids of all sessions of which something is known."""
        return {session_id for session_id, _ in self.logins} | {debt.session_id for debt in self.debts.values()}

    @property
    def open(self) -> Iterator[OpenSession]:
        """Sessions that were open."""
        return (each.session for each in self.logins.values() if each.session is not None and not each.is_over)

    @property
    def over(self) -> Iterator[OpenSession]:
        """Sessions by logins that they are not open by any more, and that may be owed."""
        return (each.session for each in self.logins.values() if each.session is not None and each.is_over and not each.is_done)

    def end(self, logins: Iterable[Login]) -> None:
        """Note that no session is open by any of these logins any more."""
        for login in logins:
            self.logins[login].is_over = True

    def split(self, sessions: Collection[str]) -> "tuple[KnownFacts, KnownFacts]":
        """Return what is known of other sessions than these, and of these."""
        others, these = KnownFacts(), KnownFacts()
        for login, told in self.logins.items():
            (these if login[0] in sessions else others).logins[login] = told
        for id_, debt in self.debts.items():
            (these if debt.session_id in sessions else others).debts[id_] = debt
        return others, these

    def _logins_of(self, fact: Fact) -> Iterator[Login]:
        """Yield the logins of which a fact tells that comes next: also the one that it shows as replaced."""
        match fact:
            case OpeningWritten(row):
                yield row.session_id, row.login_id
            case OpeningRemoved(session_id, login_id):
                yield session_id, login_id
            case SessionWritten(session):
                yield session.session_id, session.login_id
                yield session.session_id, self._open.get(session.session_id, session.login_id)
            case SessionRemoved(session):
                yield session.session_id, session.login_id
            case DebtRemoved(id_) if gone := self.debts.get(id_):
                yield gone.session_id, gone.login_id

    def _debts_of(self, fact: Fact) -> Iterator[int]:
        """Yield the debt of which a fact tells."""
        if isinstance(fact, DebtWritten):
            yield fact.debt.id

    def _add(self, fact: Fact) -> None:
        match fact:
            case OpeningWritten(row):
                login = self.logins[row.session_id, row.login_id]
                is_unknown = login.opening is not None and login.opening.owner is None
                if row.owner is None or not is_unknown:  # a refresh that begins leaves the row of an earlier one as it is
                    login.opening = row
            case OpeningRemoved(session_id, login_id):
                self.logins[session_id, login_id].opening = None
            case SessionWritten(session):
                self._open_by(session)
            case SessionRemoved(session):
                login = self.logins[session.session_id, session.login_id]
                login.session, login.is_over = session, True
            case DebtWritten(debt):
                self.debts[debt.id] = debt
            case DebtRemoved(id_) if gone := self.debts.pop(id_, None):
                self.logins[gone.session_id, gone.login_id].is_done = True

    def _open_by(self, session: OpenSession) -> None:
        """Note by which login a session is open. If it was another one before, another replica has replaced that meanwhile."""
        before = self._open.get(session.session_id, session.login_id)
        if before != session.login_id:
            self.logins[session.session_id, before].is_over = True
        self._open[session.session_id] = session.login_id
        login = self.logins[session.session_id, session.login_id]
        login.session, login.is_over = session, False
