"""What an administrator is shown, as values. Each face renders them: as JSON, as a table. No credential is in them."""

from typing import Literal

import msgspec

from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.seat_pools import Pool

Choice = Literal["open", "owed", "waiting", "closed", "all"]
"""Which rows are wanted: those that still owe something, even if only an eviction; those in one state; or all."""


class LastAnswer(msgspec.Struct, frozen=True):
    """What the end system said when it was asked last."""

    outcome: str
    code: str | None
    message: str | None
    proved: bool | None = None
    """Of `already_out`: whether the credential was known to work."""


class ShownDebt(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the ledger. Moments are seconds since the epoch."""

    id: int
    session: str
    system: str | None
    origin: str
    moved_to: str | None
    state: str
    reason: str | None
    """Why the row needs attention, or why it was closed although the logout was not done."""
    usable: bool
    """Whether the row can be acted upon: it is not damaged, and its key is there."""
    attempts: int
    last_answer: LastAnswer | None
    owed_evictions: dict[str, int]
    """How many scopes each driver still owes."""
    recorded_at: float
    next_try_at: float | None
    closed_at: float | None


class ShownLedger(msgspec.Struct, frozen=True, kw_only=True):
    """How much is owed. `connector.model.debts.Totals` says what each count counts."""

    owed: int
    waiting: int
    closed: int
    evictions: int
    quarantined: int
    unreadable: int
    oldest: float | None
    sessions: int
    older_keys: dict[str, int]
    openings: int
    unknown: int
    held_back: dict[str, int]
    """How many logouts are held back, by where their logins were made."""
    next_try_at: float | None
    bytes: int
    """What the ledger takes in its store."""
    maybe_twice: int = 0
    rewinds: int = 0
    gives_seats: bool = True
    durability: str | None = None
    """What the settings of its store allow to be lost, in words; None if that is no matter of settings."""
    shared_by: list[str] = []
    """The replicas that share it and are alive, each by its host and process id; none if one server has it for itself."""


class ShownOwner(msgspec.Struct, frozen=True):
    """A server, and which keys it has."""

    name: str
    """Its host and process id."""
    keys: list[str]
    """The digests of its keys, that of the one it writes with first; empty if its version does not tell, or has not told yet."""


class ShownKeyring(msgspec.Struct, frozen=True):
    """Which keys the ledger's rows need, and which the replicas have."""

    rows: dict[str, dict[str, int]]
    """How many rows each key has made, by the kind of row."""
    replicas: list[ShownOwner]
    """The running server, if it is what answers, and those that share the ledger with it."""
    answers: bool = False
    """Whether a running server answers: then it is the first of the replicas."""


class SilentLedger(msgspec.Struct, frozen=True):
    """The ledger does not answer, and why."""

    unavailable: str


class ShownPool(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the seats of one end system, or of one user of it."""

    pool: str
    """The first characters of a keyed digest of its name, which may hold a user's."""
    origin: str
    """Where its logins are made."""
    seats: int
    """How many there are."""
    held: dict[str, int]
    """How many are held, by what."""
    waited_for: int


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """How a running server is, apart from its ledger."""

    status: str
    drivers: dict[str, str]
    """How each storage driver is: `up`, or why it is not."""
    degraded: dict[str, str] = {}
    """What a store does not do for now, although the server serves."""
    replicas: list[str] = []
    """What other replicas do not share with this one, although they have to."""
    pid: int
    version: str
    metrics: str | None
    """The address of the metrics; None if they are switched off."""
    uptime: float
    """Seconds."""
    unproved: int = 0
    """Logouts since the start with an `already_out` that nothing proves."""
    pools: list[ShownPool] = []
    """Pools of which seats are held, if logins are counted."""
    doubted: dict[str, int] = {}
    """Where most recent logouts found no session although nothing shows that it had ended, and how many."""
    reaped: dict[str, int] = {}
    """Sessions that were ended since the start because nobody cleaned them up, by the reason."""


class RunningServer(ServerState, frozen=True, kw_only=True):
    """How a running server is."""

    ledger: ShownLedger | SilentLedger


class StoppedServer(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a server that does not run."""

    status: Literal["down"] = "down"
    ledger: ShownLedger


class ShownLink(msgspec.Struct, frozen=True):
    """A link into the console. It works once."""

    url: str
    seconds: float
    """How long it has to be used."""


def states_of(choice: Choice) -> list[LogoutState] | None:
    """Return the choice as `ShownDebts.listing` takes it."""
    match choice:
        case "open":
            return None
        case "all":
            return [*LogoutState]
        case state:
            return [LogoutState(state)]


def shown_pool(pool: Pool, seats: int, waited_for: int) -> ShownPool:
    """Return what is shown of a pool with so many seats."""
    held = {what: number for what, number in pool.held.by_what.items() if number}
    return ShownPool(pool=pool.name, origin=pool.origin, seats=seats, held=held, waited_for=waited_for)


def shown_debt(debt: Debt) -> ShownDebt:
    """Return what is shown of a debt."""
    outcome = debt.outcome
    return ShownDebt(
        id=debt.id,
        session=debt.session_id,
        system=debt.system_id,
        origin=debt.origin,
        moved_to=debt.moved_to,
        state=debt.state.value,
        reason=_reason(debt),
        usable=debt.unusable is None,
        attempts=debt.attempts,
        last_answer=None if outcome is None else _last_answer(outcome),
        owed_evictions={driver: len(scopes) for driver, scopes in debt.evictions.items()},
        recorded_at=debt.recorded_at,
        next_try_at=debt.due_at if debt.state is LogoutState.OWED else None,
        closed_at=debt.closed_at,
    )


def _last_answer(outcome: LogoutOutcome) -> LastAnswer:
    return LastAnswer(outcome.result.value, outcome.code, outcome.message, outcome.proved)


def _reason(debt: Debt) -> str | None:
    match debt:
        case Debt(unusable=str(why)):
            return why
        case Debt(dismissed=str(why)):
            return f"dismissed: {why}"
        case Debt(state=LogoutState.WAITING, outcome=LogoutOutcome(result=LogoutResult.PENDING)):
            return "given up: the end system was away for too long"
        case Debt(state=LogoutState.WAITING, outcome=LogoutOutcome(result=LogoutResult.HELD)):
            return f"held back: made for {debt.origin}"
        case Debt(state=LogoutState.WAITING, outcome=LogoutOutcome(result=result)):
            return result.value
        case _:
            return None
