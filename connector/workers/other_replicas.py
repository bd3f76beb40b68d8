"""Replicas that find each other, in the authority and in the ledger, and tell whether they share what they have to."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from secrets import token_bytes

import structlog
from msgspec.structs import replace

from connector.cache.board import Board
from connector.cache.storage import Storage
from connector.ledger.bookkeeping import in_time
from connector.ledger.port import MetInLedger
from connector.model.errors import ConfigurationError, LedgerUnavailable, RefusedForNow
from connector.model.peers import Difference, Peer, explained, heard, told
from connector.workers.sightings import Sightings, Stranger

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.5
"""Seconds between two looks. Each replica adds a part of a second of its own, so that the order changes in which they look."""
LOOK_AGAIN = 0.25
"""Seconds between two looks of a start that has seen another replica, which may be there no more."""
PATIENCE = 7.0
"""Seconds that such a start waits for the other one to move: twice as long as any replica takes from one round to the next."""
NONCE_BYTES = 16
SEVERAL_STORES = "replicas used several stores as authority at once"


class Peers:
    """Tells others of this replica, and finds out who does not share what replicas have to share.

    All replicas that share the authority write one notice, each over that of the others. All that share the ledger have a row
    there. So those that share only one of both are found, too.
    """

    def __init__(
        self,
        me: Peer,
        storage: Storage,
        ledger: MetInLedger,
        sightings: Sightings | None = None,
        *,
        keys: Callable[[], tuple[bytes, ...]] | None = None,
    ) -> None:
        """`me` is what this replica tells first, and `keys` which ones it has by now; None if they stay."""
        self._me = me
        self._keys = keys or (lambda: me.keys)
        self._storage = storage
        self._board = Board(storage)
        self._ledger = ledger
        self._sightings = sightings or Sightings()
        self._warned: frozenset[tuple[bytes, Difference]] = frozenset()
        self._has_told = False
        """Whether the ledger knows that the replicas have parted."""
        self._elsewhere = set[bytes]()
        """The words of other stores that were seen in use."""

    @property
    def strangers(self) -> list[str]:
        """What the replicas that are alive do not share with this one: a line for each."""
        return [self._line(stranger) for stranger in self._sightings.strangers]

    @property
    def misplaced(self) -> bool:
        """Whether a replica differs in more than in the store, which may come together again by itself."""
        return any(stranger.differs is not Difference.STORE for stranger in self._sightings.strangers)

    async def meet(self, ledger: bytes) -> None:
        """Look around before anybody is told of this replica. `ledger` is the random word that stands for its ledger.

        What was left by one that is there no more stands still. It holds up this start for some seconds if it differs.

        Raises:
            ConfigurationError: another replica is alive, and does not share what it has to.
            RefusedForNow: it uses another store, as it may while one takes over from another.
        """
        self._me = replace(self._me, ledger=ledger)
        until = time.monotonic() + PATIENCE
        await self._look(self._me)
        if self._sightings.any_doubt:
            log.info("another replica differs from this one: looking whether it is still there", seconds=PATIENCE)
        while self._sightings.any_doubt and time.monotonic() < until:
            await asyncio.sleep(LOOK_AGAIN)
            await self._look(self._me)
            if lines := self.strangers:
                raise (ConfigurationError if self.misplaced else RefusedForNow)(lines)

    async def run(self) -> None:
        """Tell others of this replica for ever, and look for those that differ."""
        pause = LOOK_EVERY + self._me.nonce[0] / 256
        while True:
            await self.look()
            await asyncio.sleep(pause)

    async def look(self) -> None:
        """Look around once, and tell others of this replica."""
        self._me = await self._look(replace(self._me, keys=self._keys()), tell=True)
        found = self._sightings.strangers
        await self._part_or_join([stranger.peer.store for stranger in found if stranger.differs is Difference.STORE])
        self._warn_of(found)

    @property
    def me(self) -> Peer:
        """What this replica has told of itself last."""
        return self._me

    async def _look(self, me: Peer, *, tell: bool = False) -> Peer:
        word = await self._board.word()
        me = me.after(store=word)
        raw = [await self._board.read(), *await self._in_ledger(told(me) if tell else None)]
        self._sightings.note(me, filter(None, (heard(each) for each in raw if each is not None)))
        if tell and word:
            await self._board.write(told(me), word)
        return me

    async def _part_or_join(self, others: Collection[bytes]) -> None:
        """Let nothing be served while replicas use other stores, nor after that before everything is invalidated.

        What one of them has evicted, the others' stores still hold. A replica that starts now knows that from the ledger alone.
        One that is silent by now may have left a store behind, to which the address of this one's may lead later.
        """
        self._elsewhere.update(others)
        is_another = self._me.store in self._elsewhere - {*others}
        self._elsewhere.discard(self._me.store)
        self._storage.is_parted |= bool(others) or is_another
        if others and not self._has_told:
            self._has_told = await self._lose_track()
        elif not others and self._storage.is_parted and await self._lose_track():
            self._storage.owe_but([])
            self._storage.is_parted = self._has_told = False

    async def _lose_track(self) -> bool:
        try:
            await in_time(self._ledger.lose_track(SEVERAL_STORES))
        except LedgerUnavailable:
            return False
        return True

    async def _in_ledger(self, about: bytes | None) -> Collection[bytes]:
        with suppress(LedgerUnavailable):
            return await in_time(self._ledger.introduce(about))
        return ()

    def _warn_of(self, found: Collection[Stranger]) -> None:
        now = frozenset((stranger.peer.nonce, stranger.differs) for stranger in found)
        for stranger in found:
            if (stranger.peer.nonce, stranger.differs) not in self._warned:
                log.error(_consequence(stranger), replica=stranger.peer.name, reason=self._line(stranger))
        if self._warned and not now:
            log.info("all replicas that are there share what they have to")
        self._warned = now

    def _line(self, stranger: Stranger) -> str:
        return explained(stranger.differs, stranger.peer, store=f"storage.{self._storage.authority.name}")


def _consequence(stranger: Stranger) -> str:
    if stranger.differs is Difference.STORE:
        return "another replica uses another store: nothing cached is served until both use one"
    return "another replica does not share what it has to: this server is not ready until one of them has ended"


def keys_of_others(owners: Iterable[tuple[str, bytes | None]], me: Peer) -> list[tuple[str, tuple[bytes, ...]]]:
    """Return which keys the other owners of the ledger have, of what `Ledger.owners` returns: none if one does not tell.

    Until this replica has told the ledger of itself, it is taken for the one of its name that tells nothing.
    """
    told_by = [(name, None if about is None else heard(about)) for name, about in owners]
    others = [(name, peer) for name, peer in told_by if peer is None or peer.nonce != me.nonce]
    if len(others) == len(told_by) and (me.name, None) in others:
        others.remove((me.name, None))  # only one of them: containers may share a name
    return [(name, peer.keys if peer else ()) for name, peer in others]


def this_process(connector: str, keys: tuple[bytes, ...]) -> Peer:
    """Return what this process tells of itself, as far as it is known before the ledger is open."""
    return Peer(token_bytes(NONCE_BYTES), 0, f"{socket.gethostname()}:{os.getpid()}", connector, b"", keys)
