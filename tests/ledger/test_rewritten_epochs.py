"""Who is waited for after a fail-over, and which history counts."""

import pytest

from connector.model.errors import LedgerUnavailable
from tests.ledger.ledgers import logins, record, session
from tests.ledger.rewound import Rewindable, open_first, replica

SID = session(1).session_id


async def test_a_replica_whose_row_was_lost_with_its_login_is_waited_for(database: Rewindable) -> None:
    async with replica(database) as other:
        database.keep()
        async with replica(database) as late:
            await open_first(late)
            await other.statistics()
            database.rewind()
            for _ in range(2):
                with pytest.raises(LedgerUnavailable, match="failed over"):
                    await record(other, 1, "", login="l0")
            async with replica(database) as newcomer:
                with pytest.raises(LedgerUnavailable, match="failed over"):
                    await record(newcomer, 1, "", login="l0")
            await late.statistics()
            found = await logins(other)

    assert found == {session(1).session_id: "l1"}
