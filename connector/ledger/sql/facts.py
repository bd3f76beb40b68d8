"""What a transaction has made of rows, as values: enough to write it again in a database that has forgotten it."""

from typing import NamedTuple

from connector.ledger.begun_logins import OpeningRow
from connector.model.debts import Debt
from connector.model.sessions import OpenSession


class OpeningWritten(NamedTuple):
    """The row of an opening is this one from now on."""

    row: OpeningRow


class OpeningRemoved(NamedTuple):
    """A login has no opening from now on."""

    session_id: str
    login_id: str


class SessionWritten(NamedTuple):
    """A session is open by a login, and this credential, from now on."""

    session: OpenSession


class SessionRemoved(NamedTuple):
    """A session is not open by this login any more."""

    session: OpenSession


class DebtWritten(NamedTuple):
    """The row of a debt is this one from now on."""

    debt: Debt


class DebtRemoved(NamedTuple):
    """There is no row of this debt any more."""

    id: int


Fact = OpeningWritten | OpeningRemoved | SessionWritten | SessionRemoved | DebtWritten | DebtRemoved
