"""The keys of a running server: added, promoted and taken out as its key file says, once nothing stands against it."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from connector.ledger.fingerprints import of_keys
from connector.ledger.keyring import Keyring
from connector.ledger.port import BetweenTransactions, ShownKeys
from connector.model.errors import LedgerUnavailable
from connector.sessions.seal import Seals
from connector.workers.other_replicas import Peers, keys_of_others, this_process

log = structlog.get_logger(__name__)


class KeyedLedger(ShownKeys, BetweenTransactions, Protocol):
    """What a ledger tells of keys, and when they may change."""


@dataclass(frozen=True, slots=True)
class KeysInUse:
    """Changes the keyring of a running server, step by step.

    A key that others do not have yet makes nothing, and one that is needed stays: then the log says why, and the next hang-up
    tries it again.
    """

    keyring: Keyring
    seals: Seals
    ledger: KeyedLedger
    peers: Peers | None
    _in_turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self, newer: Keyring) -> None:
        """Take the keys of another keyring, as far as may be by now; the log tells what became of it."""
        async with self._in_turn:
            exchanged = self._exchanged(newer)
            try:
                await self._add(newer)
                if newer.current not in exchanged:
                    await self._promote(newer.current)
                await self._take_out([key_id for key_id in self.keyring.ids if key_id not in newer.ids])
            except LedgerUnavailable as problem:
                told = "keys cannot be changed while the ledger does not work; send SIGHUP once more when it does"
                log.error(told, reason=str(problem))  # noqa: TRY400 - the reason is no defect

    def of_all(self, owners: Iterable[tuple[str, bytes | None]]) -> list[tuple[str, tuple[bytes, ...]]]:
        """Return which keys this server and the other owners of the ledger have, of what `Ledger.owners` returns.

        This one is the first, with the keys that it has by now and the one it writes with before the rest. A ledger in a file
        has no owners to tell, and one in a database may tell of this server's keys as they were some seconds ago.
        """
        me = self.peers.me if self.peers else this_process("", ())
        return [(me.name, of_keys(self.keyring, first=self.seals.writing)), *keys_of_others(owners, me)]

    def _exchanged(self, newer: Keyring) -> list[str]:
        """Return which keys have another secret than before, and warn of them: rows name a key by its id."""
        there = dict(zip(newer.ids, of_keys(newer), strict=True))
        here = dict(zip(self.keyring.ids, of_keys(self.keyring), strict=True))
        exchanged = [key_id for key_id in here if there.get(key_id, here[key_id]) != here[key_id]]
        if exchanged:
            told = "keys have another secret under the same id, and are as they were: a new key needs an id of its own"
            log.warning(told, keys=exchanged)
        return exchanged

    async def _add(self, newer: Keyring) -> None:
        if added := [key_id for key_id in newer.ids if key_id not in self.keyring.ids]:
            await self.ledger.between_transactions(lambda: self.keyring.add_from(newer))
            log.info("keys were added: they open what is made with them", keys=added)

    async def _promote(self, key_id: str) -> None:
        before = self.keyring.current
        if key_id == before:
            return
        if lacking := [name for name, keys in await self._others() if self._digest(key_id) not in keys]:
            told = "a key is not promoted: replicas do not have it, or do not tell yet; send SIGHUP once more when they do"
            log.warning(told, key=key_id, replicas=lacking)
            return
        if self.seals.writing != before:  # others are told of one such key, so there is never a second one
            told = "a key is not promoted: a session is being opened by an earlier one yet; send SIGHUP once more"
            log.warning(told, key=key_id, earlier=self.seals.writing)
            return
        await self.ledger.between_transactions(lambda: self.keyring.promote(key_id))
        log.info("a key was promoted: what is new is made with it", key=key_id, before=before)

    async def _take_out(self, gone: Collection[str]) -> None:
        if not gone:
            return
        # Who writes with a key is asked first: once nobody does, no row of it comes any more.
        others = await self._others()
        rows = await self.ledger.rows_by_key()
        found = {key_id: self._needed_by(key_id, others, rows.get(key_id, {})) for key_id in gone}
        if needed := {key_id: "; ".join(by) for key_id, by in found.items() if by}:
            told = "keys that were taken out are still needed, and stay; send SIGHUP once more when nothing needs them"
            log.warning(told, keys=[*needed], needed_by=needed)
        if free := [key_id for key_id in gone if key_id not in needed]:
            try:
                await self.ledger.between_transactions(lambda: self.keyring.retire(free))
            finally:
                self.keyring.forget_retired()  # they may be out although the ledger cannot say so
            log.info("keys were taken out: nothing is opened with them any more", keys=free)

    def _needed_by(self, key_id: str, others: Sequence[tuple[str, tuple[bytes, ...]]], rows: Mapping[str, int]) -> list[str]:
        digest = self._digest(key_id)
        here = ["this server, which writes with it"] if key_id in {self.keyring.current, self.seals.writing} else []
        replicas = [f"{name}, which writes with it" for name, keys in others if digest in keys[:1]]
        replicas += [f"{name}, which does not tell yet what it writes with" for name, keys in others if not keys]
        return [*here, *replicas, *(f"{number} {kind}" for kind, number in sorted(rows.items()))]

    def _digest(self, key_id: str) -> bytes:
        return of_keys(self.keyring, first=key_id)[0]

    async def _others(self) -> list[tuple[str, tuple[bytes, ...]]]:
        """Return which keys the replicas on this ledger have, once they are told of those here."""
        if self.peers is None:
            return []
        await self.peers.look()
        return keys_of_others(await self.ledger.owners(), self.peers.me)
