"""What OpsHub expects of a connector: the checks of a rehearsal, in the order of the play."""

from enum import Enum, StrEnum


class Severity(StrEnum):
    """How much a check matters that does not pass."""

    FAIL = "fail"
    """It harms OpsHub, or the company that runs it."""
    WARN = "warn"
    """OpsHub gets along with it."""


class Check(Enum):
    """A check: how much it matters, and what OpsHub expects."""

    def __init__(self, severity: Severity, expects: str) -> None:
        self.severity = severity
        self.expects = expects

    @property
    def id(self) -> str:
        """The check's name in a report."""
        return self.name.lower().replace("_", "-")

    DISCOVER = Severity.FAIL, "GET /discover answers 200 with connectorName and connectorVersion, on each URL"
    DISCOVER_SAME = Severity.FAIL, "All URLs have the same connectorName and connectorVersion"
    INITIALIZE = Severity.FAIL, "POST /initialize/{id} answers 200 with a list of key, value and sensitive"
    INITIALIZE_NEVER_401 = Severity.FAIL, "Initialize never answers 401, which OpsHub answers by initialize"
    INITIALIZE_HEADERS = (
        Severity.FAIL,
        "What initialize returns can be sent as headers: legal distinct names, values of one line",
    )
    INITIALIZE_HEADER_SIZE = Severity.WARN, "What initialize returns is at most 6 KiB, because many proxies stop at 8"
    INITIALIZE_SENSITIVE = Severity.WARN, "A sensitive setting that initialize returns is marked as sensitive"
    INITIALIZE_BODY = Severity.WARN, "Initialize answers 4xx to a body that is not a list of settings"
    CALLS = Severity.FAIL, "Calls with the returned headers are answered 2xx, on each URL, from several workers at once"
    CALL_WITHOUT_HEADERS = (
        Severity.FAIL,
        "A call without the returned headers is answered 401, on which OpsHub initializes again",
    )
    CALL_WITH_WRONG_HEADERS = Severity.FAIL, "A call with a wrong credential is answered 401, on which OpsHub initializes again"
    INITIALIZE_AGAIN = Severity.FAIL, "After a 401 the same session can be initialized again, and calls work"
    CLEANUP = Severity.FAIL, "POST /cleanup/{id} answers 200, on every URL"
    CLEANUP_AGAIN = Severity.FAIL, "A cleanup that is repeated, on another URL too, answers 200"
    CLEANUP_ALONE = Severity.FAIL, "A cleanup ends its own session and no other of the system"
    CALL_AFTER_CLEANUP = Severity.WARN, "A call of a session that was cleaned up is answered 401"
    CLEANUP_WITHOUT_PARAMETERS = (
        Severity.FAIL,
        "A cleanup without systemId and cleanupGlobalCache, as before 7.197, answers 200",
    )
    CLEANUP_GLOBAL = Severity.FAIL, "A cleanup with cleanupGlobalCache=true answers 200"
    CLEANUP_GLOBAL_FRESH = Severity.FAIL, "After cleanupGlobalCache=true nothing cached for the system is served, on any URL"
    END_SYSTEM_LIMIT = Severity.FAIL, "A call to which the end system answers 429 is answered 403, on which OpsHub waits"
    END_SYSTEM_AWAY = Severity.FAIL, "A call on which the end system breaks the connection is answered 502, 503 or 504"
    END_SYSTEM_LOGIN_LOST = (
        Severity.FAIL,
        "A call to which the end system answers 401 is answered 401, or 502 if its login is new",
    )
    END_SYSTEM_LOGIN_REFUSED_AGAIN = (
        Severity.WARN,
        "A call whose new login the end system refuses is answered 502, 503 or 504; on 401, OpsHub logs in in circles",
    )
    SESSIONS_AT_ONCE = Severity.FAIL, "Several sessions of a system work at the same time"
    CLEANUP_DUPLICATES = Severity.FAIL, "Cleanups of one session at the same time all answer 200"
    CLEANUP_WITHOUT_LENGTH = (
        Severity.FAIL,
        "A cleanup without body and Content-Length, as Java's HttpURLConnection sends it, answers 200",
    )
    CLEANUP_SENT_TWICE = (
        Severity.FAIL,
        "A cleanup whose connection breaks unanswered, and which Java therefore sends again at once, answers 200",
    )
    CLEANUP_OFFERING_H2C = (
        Severity.FAIL,
        "A cleanup that offers HTTP/2 in clear text (h2c), as java.net.http does, answers 200 or takes the offer",
    )
    CLEANUP_UNKNOWN = (
        Severity.FAIL,
        "A cleanup of an unknown session answers 200, or 404 if closing one needs a credential",
    )
    CLEANUP_UNKNOWN_PARAMETER = Severity.FAIL, "A cleanup with an unknown parameter answers 200: OpsHub adds some over time"
    CLEANUP_MALFORMED_ID = Severity.FAIL, "A cleanup of an id that is not a UUID answers 4xx"
    CLEANUP_MALFORMED_BOOLEAN = Severity.WARN, "A cleanup whose cleanupGlobalCache is not a boolean answers 4xx"
    CLEANUP_POST_ONLY = Severity.WARN, "A cleanup by GET answers 4xx, because following a link sends GET"
    CLEANUP_NEVER_401_403 = Severity.FAIL, "A cleanup never answers 401 or 403: OpsHub would log in again, or wait"
    ERROR_SHAPE = (
        Severity.FAIL,
        "Errors have the shape of the SDK: errors with code and message; in the MBSE variant, a list of them",
    )
    NO_CREDENTIAL_REPEATED = Severity.FAIL, "No answer repeats a credential: OpsHub shows and logs what it is answered"
    IN_BOUNDS = Severity.FAIL, "The rehearsal ends within its bounds of time and requests"
