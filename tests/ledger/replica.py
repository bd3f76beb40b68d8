"""A replica in a process of its own, which says how far it is: `python -m tests.ledger.replica ADDRESS pauses|works|records`."""

import asyncio
import signal
import sys
import threading

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.sql.table import Table
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import RefreshState
from tests.ledger.ledgers import KEYS, START, open_, opening, record, session


async def main(address: str, what: str) -> None:
    async with PostgresLedger(parsed(address, origin="test"), KEYS).opened() as ledger:
        if what == "pauses":
            await paused_in_a_transaction(ledger)
        elif what == "records":
            await record(ledger, 7)
            say("recorded")
        else:
            await at_work(ledger)


async def paused_in_a_transaction(ledger: PostgresLedger) -> None:
    def pause(_: Table) -> None:
        say("paused")
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # at once: the process's own might come after the commit

    try:
        await ledger.transact(pause)
    except LedgerUnavailable as problem:
        say(f"unavailable: {problem}")
    await record(ledger, 7)
    say("recorded")


async def at_work(ledger: PostgresLedger) -> None:
    """Have a login under way, one that is refreshed, and a debt in hand, and go on looking for work until it is killed."""
    await ledger.begin_opening(opening(session(5)))
    await open_(ledger, session(4))
    assert (await ledger.claim_refresh(session(4).session_id, session(4).login_id, 0)).state is RefreshState.OURS
    await record(ledger, 6)
    assert await ledger.claim_due(START * 2, per_origin=9, limit=9)
    say("at work")
    while True:
        await ledger.claim_due(START * 2, per_origin=9, limit=9)
        await asyncio.sleep(0.05)


def say(line: str) -> None:
    sys.stdout.write(f"= {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
