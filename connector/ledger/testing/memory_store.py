"""What the owners of one ledger in memory share: rows, those that cannot be read any more, and claims."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from hashlib import sha256
from itertools import count
from secrets import token_bytes

import msgspec
from msgspec.structs import replace

from connector.ledger.credentials import identity
from connector.ledger.texts import decoded_outcome, encoded_outcome
from connector.model.audit import AuditEntry
from connector.model.begun import Opening, refresh_of, refreshed_by
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import LogoutResult
from connector.model.seat_pools import Seat
from connector.model.sessions import OpenSession, RefreshState

GONE_AFTER = 60.0
"""Seconds after which an owner counts as gone that has claimed nothing since."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who tries a debt, or refreshes a login."""

    owner: object
    origin: str | None
    """Where it is retried or refreshed; None for the first try of a cleanup, which takes none of the room there."""
    tries: set[int] = field(default_factory=set)
    """Of a debt: the revisions that it has for those who try it."""


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """A login that was begun."""

    opening: Opening
    owner: object | None
    """Who makes it; None once nobody knows what it has made."""
    tick: int
    overtaken: bool = False
    """Whether a cleanup of its session came meanwhile."""
    given: Seat | None = None
    """The seat that a refresh got from the logout of its login."""

    @property
    def is_refresh(self) -> bool:
        """Tell whether it is a refresh of a login that is there."""
        return refreshed_by(self.opening.login_id) is not None

    @property
    def seat(self) -> Seat | None:
        """Return the seat that it takes."""
        return self.given if self.opening.pool is None else Seat(pool_digest(self.opening.pool), self.tick)


@dataclass(frozen=True, slots=True)
class SessionUse:
    """How an open session was used."""

    opened_tick: int
    used_tick: int
    is_answered: bool = False
    calls: int = 0


class MemoryStore:
    """Lasts as long as somebody has it. What it owes is lost with the process: it is for tests."""

    def __init__(self) -> None:
        self.ledger_id = token_bytes(16)
        self.debts: dict[int, Debt] = {}
        self.quarantine: dict[int, Debt] = {}
        self.sessions: dict[tuple[str, str], OpenSession] = {}
        """By the ids of the session and the login."""
        self.lives: dict[tuple[str, str], SessionUse] = {}
        """By the same; a session that was closed leaves its own."""
        self.openings: dict[tuple[str, str], BegunLogin] = {}
        """By the same."""
        self.places: defaultdict[tuple[str, str], int] = defaultdict(count(1).__next__)
        """In which order the logins were begun or opened, by the same."""
        self.claims: dict[int, Claim] = {}
        self.refreshes: dict[tuple[str, str], Claim] = {}
        """By the ids of the session and the login."""
        self.there_until: dict[object, float] = {}
        self.introductions: dict[object, bytes] = {}
        """What owners tell each other of themselves."""
        """By owner: when he counts as gone, unless he claims something before."""
        self.looks = Counter[object]()
        """How often each owner has looked which sessions were ended."""
        self.freed_tries = Counter[object]()
        """How many debts others were trying when an owner took them for gone."""
        self.tick = 0
        self.ticker: object | None = None
        """The owner who counts ticks for all."""
        self.audit: dict[bytes, AuditEntry] = {}
        """By their words, the oldest first."""
        self.losses = set[str]()
        self.authority: str | None = None
        self._ids = count(1)
        self._spoiled: set[int] = set()

    @property
    def is_new(self) -> bool:
        """Whether nobody has done anything with it yet."""
        return not (self.tick or self.debts or self.sessions or self.openings)

    def spoil(self, id_: int) -> None:
        """Make the row of a debt unreadable, as a damaged disk would."""
        self._spoiled.add(id_)

    def insert(self, debt: Debt) -> Debt:
        """Write a new row and return the debt with its id, which no other row ever had."""
        return self.update(replace(debt, id=next(self._ids)))

    def update(self, debt: Debt) -> Debt:
        """Write the debt over its row. What an end system said may be no text; it is kept as any store would keep it."""
        text = encoded_outcome(debt.outcome, None)
        kept = self.debts[debt.id] = replace(debt, outcome=decoded_outcome(text)[0] if text else None)
        return kept

    def read(self, which: Callable[[Debt], bool] = lambda _: True) -> list[Debt]:
        """Return these debts, ordered by id. What cannot be read among them goes into quarantine."""
        found = [debt for debt in self.debts.values() if which(debt)]
        for debt in found:
            if debt.id in self._spoiled:
                self._put_in_quarantine(debt)
        return [debt for debt in found if debt.id in self.debts]

    def of_login(self, session_id: str, login_id: str, credential: Credential | None) -> list[Debt]:
        """Return the debts of one login."""
        if login_id:
            return self.read(lambda debt: (debt.session_id, debt.login_id) == (session_id, login_id))
        wanted = fingerprint(session_id, login_id, credential)
        return self.read(lambda debt: debt.fingerprint == wanted)

    def sessions_of(self, session_id: str) -> list[OpenSession]:
        """Return by which logins a session is open."""
        return [session for (id_, _), session in self.sessions.items() if id_ == session_id]

    def overtake(self, session_id: str, logins: Collection[str] | None) -> None:
        """Note that a cleanup came: no session is opened with these logins, or with any of the session."""
        for key, begun in self.openings.items():
            if key[0] == session_id and (logins is None or key[1] in logins):
                self.openings[key] = with_changes(begun, overtaken=True)

    def is_there(self, owner: object, now: float) -> None:
        """Note that an owner is there, and end what belongs to those that are gone."""
        self.there_until[owner] = now + GONE_AFTER
        for other, until in [*self.there_until.items()]:
            if until <= now:
                self.freed_tries[owner] += sum(claim.owner is other for claim in self.claims.values())
                self.is_gone(other)

    def is_gone(self, owner: object) -> None:
        """End all claims of an owner. Nobody knows what the logins have made that he has begun."""
        self.there_until.pop(owner, None)
        self.introductions.pop(owner, None)
        self.ticker = None if self.ticker is owner else self.ticker
        self.claims = {id_: claim for id_, claim in self.claims.items() if claim.owner is not owner}
        self.refreshes = {login: claim for login, claim in self.refreshes.items() if claim.owner is not owner}
        for key, begun in self.openings.items():
            if begun.owner is owner:
                self.openings[key] = with_changes(begun, owner=None)

    def try_first(self, owner: object, debt: Debt) -> Debt:
        """Give an owner a debt that its cleanup is about to try, unless another one tries it."""
        is_tried = debt.state is LogoutState.OWED
        return replace(debt, in_hand_elsewhere=True) if is_tried and not self.try_at_once(owner, debt) else debt

    def try_at_once(self, owner: object, debt: Debt) -> bool:
        """Give an owner a try of a debt, and tell whether no other one has it, or the refresh of its login."""
        refresh = self.refreshes.get((debt.session_id, debt.login_id))
        if refresh is not None and refresh.owner is not owner:
            return False
        claim = self.claims.setdefault(debt.id, Claim(owner, None))
        if claim.owner is not owner:
            return False
        claim.tries.add(debt.revision)
        return True

    def has_claimed(self, owner: object, debt: Debt) -> bool:
        """Tell whether an owner has this try of a debt."""
        claim = self.claims.get(debt.id)
        return claim is not None and claim.owner is owner and debt.revision in claim.tries

    def release(self, owner: object, debt: Debt) -> None:
        """End an owner's try of a debt, if there is one."""
        if self.has_claimed(owner, debt):
            self.claims[debt.id].tries.discard(debt.revision)
            if not self.claims[debt.id].tries:
                del self.claims[debt.id]

    def claim_refresh(self, owner: object, login: OpenSession, now: float, *, is_due: bool) -> RefreshState:
        """Give an owner the refresh of a login if it is due, unless it is another's."""
        self.is_there(owner, now)
        key = login.session_id, login.login_id
        held = self.refreshes.pop(key, None)
        if held is not None and held.owner is not owner:
            self.refreshes[key] = held
            return RefreshState.ANOTHERS
        if not is_due:
            return RefreshState.NOT_DUE
        self.refreshes[key] = Claim(owner, login.origin)
        refresh = Opening(login.session_id, login.system_id, login.origin, refresh_of(login.login_id), now)
        self.openings.setdefault((login.session_id, refresh.login_id), BegunLogin(refresh, owner, self.tick))
        return RefreshState.OURS

    def end_refresh(self, owner: object, session_id: str, login_id: str) -> None:
        """End an owner's claim of a refresh, if it is this one's."""
        held = self.refreshes.get((session_id, login_id))
        if held is not None and held.owner is owner:
            del self.refreshes[session_id, login_id]

    def refresh_is_over(self, owner: object, session_id: str, login_id: str, *, unanswered: bool) -> None:
        """Note that nothing came of an owner's refresh, or that nobody knows what did. An earlier one stays unknown."""
        key = session_id, refresh_of(login_id)
        begun = self.openings.get(key)
        if begun is not None and begun.owner is owner:
            if unanswered:
                self.openings[key] = with_changes(begun, owner=None)
            else:
                del self.openings[key]

    def is_unknown(self, begun: BegunLogin) -> bool:
        """Tell whether nobody knows what has come of a login. For a refresh of an open session, nobody has to look yet."""
        opening = begun.opening
        is_waited_for = (opening.session_id, refreshed_by(opening.login_id)) in self.sessions
        return begun.owner is None and not is_waited_for

    def is_in_doubt(self, session_id: str, login_id: str) -> bool:
        """Tell whether the newest credential of a login may be unknown."""
        return (session_id, refresh_of(login_id)) in self.openings

    def closed(self, debt: Debt) -> None:
        """Note that the logout of a login is closed: from now on, nobody will tell what a refresh has made of it.

        If its end system did not know it, the seat that it gave back is that of the refresh.
        """
        key, outcome = (debt.session_id, refresh_of(debt.login_id)), debt.outcome
        if debt.state is not LogoutState.CLOSED or outcome is None or outcome.result is LogoutResult.NOT_APPLICABLE:
            return
        if (begun := self.openings.get(key)) is not None:
            is_gone = outcome.result is LogoutResult.ALREADY_OUT and not debt.is_unproved
            seat = Seat(debt.seat.pool, begun.tick) if debt.seat is not None and is_gone else begun.given
            self.openings[key] = with_changes(begun, owner=None, given=seat)

    def unclaimed(self, per_origin: int) -> Iterator[tuple[Debt, int]]:
        """Yield debts that wait for a try, and for how many there is room at the origin of each."""
        for debt in self.read(lambda debt: debt.state is LogoutState.OWED):
            room = per_origin - sum(claim.origin == debt.origin for claim in self.claims.values())
            is_refreshed = (debt.session_id, debt.login_id) in self.refreshes
            if debt.id not in self.claims and not is_refreshed and room > 0:
                yield debt, room

    def _put_in_quarantine(self, debt: Debt) -> None:
        del self.debts[debt.id]
        self.losses.add(f"debt {debt.id}")
        self.quarantine[debt.id] = Debt(
            id=debt.id,
            session_id=debt.session_id,
            system_id=debt.system_id,
            origin=debt.origin,
            fingerprint=b"",
            state=LogoutState.WAITING,
            recorded_at=debt.recorded_at,
            unusable="in quarantine: it cannot be read",
        )


def pool_digest(name: str) -> bytes:
    """Return what tells a pool from all others."""
    return sha256(name.encode("utf-8", "surrogatepass")).digest()


def fingerprint(session_id: str, login_id: str, credential: Credential | None) -> bytes:
    """Return what tells a login from all others."""
    return sha256(msgspec.msgpack.encode((session_id, login_id, identity(credential or Credential())))).digest()
