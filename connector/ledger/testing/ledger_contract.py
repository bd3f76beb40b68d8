"""All parts of the suite as one class."""

from connector.ledger.testing.auditing import Auditing
from connector.ledger.testing.before_logins import BeforeLogins, SharedBeforeLogins
from connector.ledger.testing.before_sending import BeforeSending
from connector.ledger.testing.claims import Claims, SharedClaims
from connector.ledger.testing.first_tries import SharedFirstTries
from connector.ledger.testing.introducing import Introducing, SharedIntroducing
from connector.ledger.testing.listed_sessions import ListedSessions
from connector.ledger.testing.owing import Owing
from connector.ledger.testing.refresh_claims import Refreshing, SharedRefreshing
from connector.ledger.testing.renewing import Renewing
from connector.ledger.testing.repeats import Repeats
from connector.ledger.testing.replacing import Replacing
from connector.ledger.testing.rot import Rot
from connector.ledger.testing.seating import Seating, SharedSeating
from connector.ledger.testing.sharing import SharedLogins
from connector.ledger.testing.steering import Steering
from connector.ledger.testing.ticking import SharedTicking, Ticking
from connector.ledger.testing.tries import Tries
from connector.ledger.testing.unanswered_refreshes import SharedUnansweredRefreshes, UnansweredRefreshes


class LedgerContract(
    Owing,
    Tries,
    Claims,
    BeforeSending,
    BeforeLogins,
    Ticking,
    Seating,
    Replacing,
    Renewing,
    Refreshing,
    UnansweredRefreshes,
    SharedLogins,
    ListedSessions,
    Introducing,
    Steering,
    Auditing,
    Repeats,
    Rot,
):
    """Derive from this, say what your ledger is (see `LedgerSubject`), and override the fixtures `make_ledger` and `spoil`."""


class SharedLedgerContract(
    LedgerContract,
    SharedClaims,
    SharedFirstTries,
    SharedBeforeLogins,
    SharedTicking,
    SharedSeating,
    SharedRefreshing,
    SharedUnansweredRefreshes,
    SharedIntroducing,
):
    """Derive from this if your store may have several owners at a time."""

    shared = True
