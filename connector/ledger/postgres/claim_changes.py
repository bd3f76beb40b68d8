"""Claims of debts that a transaction makes and ends."""

from collections.abc import Iterable
from typing import Any

from connector.ledger.postgres.arrays import Array

RETRIES = b"""INSERT INTO claims SELECT id, %b, origin FROM debts WHERE id = ANY(%b::bigint[]) ON CONFLICT DO NOTHING"""
FIRST_TRIES = b"INSERT INTO claims SELECT id, %b FROM unnest(%b::bigint[]) AS id ON CONFLICT DO NOTHING"
ENDED = b"DELETE FROM claims WHERE owner = %b AND debt = ANY(%b::bigint[])"


class ClaimChanges:
    """What is to be written of claims. It goes with the transaction's end, because each statement takes a way of its own."""

    def __init__(self) -> None:
        self._changed: dict[int, bytes] = {}

    def retried(self, ids: Iterable[int]) -> None:
        """Claim debts for a retry, unless another owner has claimed them."""
        self._changed |= dict.fromkeys(ids, RETRIES)

    def tried(self, id_: int) -> None:
        """Claim a debt for the first try of a cleanup, unless it is claimed."""
        self._changed[id_] = FIRST_TRIES

    def ended(self, id_: int) -> None:
        """End the owner's claim of a debt, if there is one."""
        self._changed[id_] = ENDED

    def taken(self, owner: bytes) -> list[tuple[bytes, list[Any]]]:
        """Return the statements for all that has changed. From now on, nothing has."""
        changed, self._changed = self._changed, {}
        ids = {form: [id_ for id_, each in changed.items() if each is form] for form in {*changed.values()}}
        return [(form, [owner, Array("bigint", listed)]) for form, listed in ids.items()]
