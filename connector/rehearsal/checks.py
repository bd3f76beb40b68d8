"""What OpsHub expects of a connector: one rule for each check of a rehearsal, in the order of the play."""

from enum import Enum, StrEnum


class Severity(StrEnum):
    """How much a rule matters that is not kept."""

    BREACH = "breach"
    """OpsHub, or whoever runs it, comes to harm."""
    ADVICE = "advice"
    """OpsHub gets along, but it is better otherwise."""


class Check(Enum):
    """A rule: how much it matters, and what OpsHub expects."""

    def __init__(self, severity: Severity, expects: str) -> None:
        self.severity = severity
        self.expects = expects

    @property
    def id(self) -> str:
        """The rule's name in a report."""
        return self.name.lower().replace("_", "-")

    DISCOVER = Severity.BREACH, "GET /discover answers 200 with connectorName and connectorVersion, on each URL"
    DISCOVER_SAME = Severity.BREACH, "All URLs have the same connectorName and connectorVersion"
    INITIALIZE = Severity.BREACH, "POST /initialize/{id} answers 200 with a list of key, value and sensitive"
    INITIALIZE_NEVER_401 = Severity.BREACH, "Initialize never answers 401, which OpsHub answers by initialize"
    INITIALIZE_HEADERS = (
        Severity.BREACH,
        "What initialize returns can be sent as headers: legal distinct names, values of one line",
    )
    INITIALIZE_HEADER_SIZE = Severity.ADVICE, "What initialize returns is at most 6 KiB, for many proxies stop at 8"
    INITIALIZE_SENSITIVE = Severity.ADVICE, "A sensitive setting that initialize returns is marked as sensitive"
    INITIALIZE_BODY = Severity.ADVICE, "Initialize answers 4xx to a body that is no list of settings"
    CALLS = Severity.BREACH, "Calls with the returned headers are answered 2xx, on each URL, from several workers at once"
    CALL_WITHOUT_HEADERS = (
        Severity.BREACH,
        "A call without the returned headers is answered 401, on which OpsHub initializes again",
    )
    CALL_WITH_WRONG_HEADERS = Severity.BREACH, "A call with a wrong credential is answered 401, on which OpsHub initializes again"
    INITIALIZE_AGAIN = Severity.BREACH, "After a 401 the same session can be initialized again, and calls work"
    CLEANUP = Severity.BREACH, "POST /cleanup/{id} answers 200, on whichever URL"
    CLEANUP_AGAIN = Severity.BREACH, "A cleanup that is repeated, on another URL too, answers 200"
    CLEANUP_ALONE = Severity.BREACH, "A cleanup ends its own session and no other of the system"
    CALL_AFTER_CLEANUP = Severity.ADVICE, "A call of a session that was cleaned up is answered 401"
    CLEANUP_WITHOUT_PARAMETERS = (
        Severity.BREACH,
        "A cleanup without systemId and cleanupGlobalCache, as before 7.197, answers 200",
    )
    CLEANUP_GLOBAL = Severity.BREACH, "A cleanup with cleanupGlobalCache=true answers 200"
    CLEANUP_GLOBAL_FRESH = Severity.BREACH, "After cleanupGlobalCache=true nothing cached for the system is served, on any URL"
    SESSIONS_AT_ONCE = Severity.BREACH, "Several sessions of a system work at the same time"
    CLEANUP_DUPLICATES = Severity.BREACH, "Cleanups of one session at the same time all answer 200"
    CLEANUP_UNKNOWN = (
        Severity.BREACH,
        "A cleanup of an unknown session answers 200, or 404 where it takes a credential to close one",
    )
    CLEANUP_UNKNOWN_PARAMETER = Severity.BREACH, "A cleanup with an unknown parameter answers 200: OpsHub adds some over time"
    CLEANUP_MALFORMED_ID = Severity.BREACH, "A cleanup of what is no UUID answers 4xx"
    CLEANUP_MALFORMED_BOOLEAN = Severity.ADVICE, "A cleanup whose cleanupGlobalCache is no boolean answers 4xx"
    CLEANUP_POST_ONLY = Severity.ADVICE, "A cleanup by GET answers 4xx, for whatever follows a link sends GET"
    CLEANUP_NEVER_401_403 = Severity.BREACH, "A cleanup never answers 401 or 403: OpsHub would log in again, or wait"
    ERROR_SHAPE = (
        Severity.BREACH,
        "Errors have the shape of the SDK: errors with code and message; in the MBSE variant, a list of them",
    )
    NO_CREDENTIAL_REPEATED = Severity.BREACH, "No answer repeats a credential: OpsHub shows and logs what it is answered"
    IN_BOUNDS = Severity.BREACH, "The rehearsal ends within its bounds of time and requests"
