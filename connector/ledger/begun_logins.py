"""An opening as a row and back: nothing in it is secret, every column authenticated."""

from typing import NamedTuple

from connector.ledger import authentication
from connector.ledger.fingerprints import pool_of
from connector.ledger.keyring import Keyring
from connector.model.begun import Opening

PURPOSE = "opening"


class OpeningRow(NamedTuple):
    """A row of openings. As long as it is not verified, any column may hold anything.

    The order of the columns is that in which the authentication code covers them: it stays.
    """

    id: int | None
    """None if the row is not yet written."""
    key_id: str
    session_id: str
    system_id: str | None
    origin: str
    login_id: str
    opened_at: float
    owner: bytes | None
    """Which owner of the ledger makes the login; None if nobody knows any more what it has made."""
    overtaken: int
    """Whether a cleanup of its session came meanwhile, so that no session is opened with it: 1 or 0."""
    tick: int
    """When it was begun."""
    seat: bytes | None
    """The digest of its pool; None if it is not counted."""
    mac: bytes = b""


COLUMNS = OpeningRow._fields
NAMES = ", ".join(COLUMNS)


def encoded(opening: Opening, owner: bytes, tick: int, keyring: Keyring) -> OpeningRow:
    """Return the row for a login that `owner` is about to send."""
    row = OpeningRow(
        id=None,
        key_id=keyring.current,
        session_id=opening.session_id,
        system_id=opening.system_id,
        origin=opening.origin,
        login_id=opening.login_id,
        opened_at=float(opening.opened_at),
        owner=owner,
        overtaken=0,
        tick=tick,
        seat=pool_of(opening, keyring),
    )
    return authenticated(row, keyring)


def decoded(row: OpeningRow) -> Opening:
    """Return the opening that a row holds which was verified, without the name of its pool."""
    return Opening(row.session_id, row.system_id, row.origin, row.login_id, row.opened_at)


def authenticated(row: OpeningRow, keyring: Keyring) -> OpeningRow:
    """Return the row with its authentication code by the key that it names. Raises `KeyMissing`."""
    return row._replace(mac=authentication.code(PURPOSE, row[1:-1], (), keyring, row.key_id))


def verify(row: OpeningRow, keyring: Keyring) -> None:
    """Raise `KeyMissing` or `Unverified` unless every column but the id is as it was written."""
    authentication.verify(PURPOSE, row[1:-1], (), keyring, key_id=row.key_id, mac=row.mac)
