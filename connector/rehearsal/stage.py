"""The stage of a rehearsal: its open sessions, and the moves that the acts share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from connector.rehearsal.checks import Check
from connector.rehearsal.client import Reply
from connector.rehearsal.front import Front
from connector.rehearsal.initialize_answer import credentials, headers, judge_returned, of_somebody_else, read_pairs
from connector.rehearsal.opshub import OpsHubStandIn, as_body
from connector.rehearsal.report import Notes
from connector.rehearsal.script import Call, Pair, Script

NO_CALL = "no call is known; --call 'GET /...' names one"
NO_LOGIN = "no session was initialized"
ABSENT = frozenset([404, 405, 501])
"""What a connector without an initialize answers to one."""


@dataclass(frozen=True, slots=True)
class RehearsedSession:
    """A session as OpsHub knows it."""

    id: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What initialize returned."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The secret ones among the headers."""
    own_login: bool = False
    """Whether it was initialized here, so that its cleanup ends no other session."""


@dataclass(slots=True)
class Stage:
    """What the acts have in common."""

    opshub: OpsHubStandIn
    script: Script
    notes: Notes
    front: Front | None = None
    """What stands before the end system."""
    system_id: str = field(default_factory=lambda: f"rehearsal-{uuid4()}")
    """A system of this rehearsal alone, whose global cache may be emptied."""
    session: RehearsedSession = field(init=False)
    """The session that the first acts are about."""
    open: dict[str, RehearsedSession] = field(default_factory=dict)
    """Sessions whose login may exist."""
    failing: set[Call] = field(default_factory=set)
    """Calls that were not answered 2xx."""
    why_no_login: str = ""
    """Why initialize is not called any more: repeated wrong credentials would lock an account."""

    def __post_init__(self) -> None:
        given = of_somebody_else(self.script.headers or {})
        settings = [*self.script.settings, *(self.script.changed_settings or ())]
        self.notes.redaction.learn(pair.value for pair in (*given, *settings) if pair.sensitive)
        self.session = RehearsedSession(str(uuid4()), headers(given), credentials(given))
        if self.script.headers is not None:
            self.why_no_login = "initialize was left out"

    @property
    def initializes(self) -> bool:
        """Whether sessions can be initialized, as far as is known."""
        return not self.why_no_login

    @property
    def failed_to_initialize(self) -> bool:
        """Whether a login is missing. A connector may then want a proof that the session is the caller's."""
        return bool(self.why_no_login) and self.script.headers is None

    async def open_session(
        self,
        replica: int,
        *,
        check: Check = Check.INITIALIZE,
        session_id: str | None = None,
        settings: Sequence[Pair] | None = None,
    ) -> RehearsedSession:
        """Initialize a session, or an open one once more, and judge by `check`. If that fails, the session stays as it was."""
        session = RehearsedSession(session_id or str(uuid4()), self.session.headers if self.script.headers is not None else {})
        if not self.initializes:
            self.notes.skip(check, self.why_no_login)
            return session
        # Noted before it is sent: an initialize without an answer may have made a login.
        before = self.open.setdefault(session.id, session)
        wanted = self.script.settings if settings is None else settings
        answer = await self.opshub.initialize(session.id, self.system_id, as_body(wanted), replica, before.headers)
        pairs = self._returned(answer, check)
        if pairs is not None:
            judge_returned(self.notes, pairs, wanted)
            self.open[session.id] = RehearsedSession(session.id, headers(pairs), credentials(pairs), own_login=True)
        return self.open[session.id]

    def _returned(self, answer: Reply, check: Check) -> list[Pair] | None:
        pairs = read_pairs(answer.body) if answer.status == 200 else None
        if pairs is not None:
            self.notes.note(check, "200", passed=True)
            return pairs
        seen = self.opshub.said(answer)
        self.why_no_login = f"initialize failed: {seen}"
        if answer.status == 401:
            self.notes.skip(check, f"see {Check.INITIALIZE_NEVER_401.id}")
        elif answer.status == 200:
            self.notes.note(check, "200 without a list of key, value and sensitive", passed=False)
        else:
            missing = " (if there is no initialize here, --without-initialize leaves it out)" if answer.status in ABSENT else ""
            self.notes.note(check, seen + missing, passed=False)
        return None

    async def call_all(self, session: RehearsedSession, check: Check, replicas: Iterable[int]) -> list[Reply]:
        """Make every call on these replicas, in turn, and judge by `check` that each is answered 2xx."""
        answers = []
        for call, replica in self._callable(session, check, replicas):
            answers.append(answer := await self.opshub.call(call, session.headers, replica))
            self.opshub.judge(check, answer, passed=answer.ok, about=str(call))
            if not answer.ok:
                self.failing.add(call)
        return answers

    async def expect_unauthorized(
        self, session: RehearsedSession, headers: Mapping[str, str], check: Check, replica: int
    ) -> None:
        """Make every call of a session with these headers instead of its own, and judge by `check` that each is answered 401."""
        for call, where in self._callable(session, check, [replica]):
            answer = await self.opshub.call(call, headers, where)
            self.opshub.judge(check, answer, passed=answer.status == 401, about=str(call))

    def _callable(self, session: RehearsedSession, check: Check, replicas: Iterable[int]) -> Iterator[tuple[Call, int]]:
        """Yield the calls that can be made. A call that fails anyway is skipped, because it proves nothing further."""
        if why := self.why_no_calls(session):
            self.notes.skip(check, why)
            return
        for replica in replicas:
            for call in self.script.calls:
                if check is Check.CALLS or call not in self.failing:
                    yield call, replica
                else:
                    self.notes.skip(check, f"{call} fails anyway")

    def why_no_calls(self, session: RehearsedSession) -> str:
        """Return why this session cannot make calls; empty if it can."""
        if not self.script.calls:
            return NO_CALL
        return "" if session.headers else NO_LOGIN

    async def cleanup(
        self,
        session: RehearsedSession,
        check: Check,
        replica: int,
        query: Mapping[str, str] | None = None,
        accepted: frozenset[int] = frozenset([200]),
    ) -> bool:
        """Clean a session up, judge by `check` whether the answer is accepted, and tell whether it was 200.

        The default of `query` is that of OpsHub since 7.197.
        """
        parameters = self.query(global_cache=False) if query is None else query
        answer = await self.opshub.cleanup(session.id, session.headers, parameters, replica)
        return self.judge_cleanup(session, check, answer, accepted)

    def judge_cleanup(
        self, session: RehearsedSession, check: Check, answer: Reply, accepted: frozenset[int] = frozenset([200])
    ) -> bool:
        """Judge by `check` whether the answer to a cleanup is accepted, and tell whether it was 200."""
        if answer.status == 200:
            self.open.pop(session.id, None)
        if answer.status in {401, 403}:
            self.notes.skip(check, f"see {Check.CLEANUP_NEVER_401_403.id}")
        else:
            passed = answer.status in (accepted | {404} if self.failed_to_initialize else accepted)
            self.opshub.judge(check, answer, passed=passed)
        return answer.status == 200

    def query(self, *, global_cache: bool) -> dict[str, str]:
        """Return the query of a cleanup."""
        return {"systemId": self.system_id, "cleanupGlobalCache": "true" if global_cache else "false"}
