"""The calls that the connector serves itself, as its OpenAPI document describes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from connector.admin.readiness import Readiness
from connector.api.discover import DiscoverCall, Introduction
from connector.api.health import Alive, HealthCalls
from connector.api.initialize import InitializeCall
from connector.api.parameters import GLOBAL_CACHE, SYSTEM
from connector.api.probes import ProbeCall
from connector.api.report_body import ReportBody
from connector.api.session_logout import CleanupCall
from connector.api.settings_list import GivenSetting, ReturnedHeader


@dataclass(frozen=True, slots=True)
class DescribedCall:
    """What a call is for, what it takes, and what it answers."""

    summary: str
    text: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    """What each parameter is for."""
    takes: Any = None
    """The type of its body; None if a body is ignored."""
    answers: Mapping[HTTPStatus, Any] = field(default_factory=dict)
    """The type of each body that is no error."""
    errors: Mapping[HTTPStatus, str] = field(default_factory=dict)
    """What each error means, besides those that every call may have."""
    may_have_seal: bool = False
    """Whether it looks at the header of a session, and goes on without one."""


THE_SYSTEM = "Tells the integrated system. Empty counts as absent."
BODY = {
    HTTPStatus.REQUEST_TIMEOUT: "`body_too_slow`: the body did not arrive in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "`body_too_large`: the body is over its limit.",
}
CLEANUP = DescribedCall(
    "End a session",
    "Logs out of the end system, and evicts what is cached. With `cleanupGlobalCache`, that is everything of the system. "
    "Send the headers that initialize has returned. A session that was opened elsewhere has its credential in the headers "
    "that the profile names. A body is ignored.",
    query={SYSTEM: THE_SYSTEM, GLOBAL_CACHE: f"Whether all that is cached of the system goes. True needs `{SYSTEM}`."},
    answers={HTTPStatus.OK: ReportBody},
    errors={
        HTTPStatus.BAD_REQUEST: "`invalid_parameter`, `repeated_parameter`, `missing_parameter`, `body_incomplete`.",
        HTTPStatus.NOT_FOUND: "`unknown_session`: this caller may not end this session.",
        **BODY,
        HTTPStatus.BAD_GATEWAY: "The end system refused the logout, which needs attention. The detail is the report.",
        HTTPStatus.SERVICE_UNAVAILABLE: "`eviction_unavailable`, `ledger_unavailable`, `broken_off`.",
    },
    may_have_seal=True,
)
INITIALIZE = DescribedCall(
    "Open a session",
    "Logs in to the end system with the settings of the system. Send each returned pair as a header of every later call.",
    query={SYSTEM: THE_SYSTEM},
    takes=list[GivenSetting],
    answers={HTTPStatus.OK: list[ReturnedHeader]},
    errors={
        HTTPStatus.BAD_REQUEST: "`invalid_settings`, `invalid_parameter`, `repeated_parameter`, `body_incomplete`, "
        "or the end system refused the login.",
        HTTPStatus.FORBIDDEN: "`no_seat`: as many logins as are allowed are open. Wait.",
        **BODY,
        HTTPStatus.CONFLICT: "`session_closed`: the session was cleaned up or opened anew meanwhile.",
        HTTPStatus.SERVICE_UNAVAILABLE: "The end system is away; or `ledger_unavailable`, `store_unavailable`, "
        "`earlier_login_not_ended`, `stopping`.",
    },
    may_have_seal=True,
)
DISCOVER = DescribedCall("Say who the connector is", answers={HTTPStatus.OK: Introduction})
LIVE = DescribedCall("Say that the process serves", answers={HTTPStatus.OK: Alive})
READY = DescribedCall(
    "Say whether the server can serve",
    answers={HTTPStatus.OK: Readiness, HTTPStatus.SERVICE_UNAVAILABLE: Readiness},
)
PROBE = DescribedCall(
    "Note what arrives of a probe",
    "`connector doctor --url` sends probes. Whoever has not begun one over the control socket finds nothing here.",
    answers={HTTPStatus.OK: dict[str, Any]},
    errors=BODY,
)

DESCRIBED: Mapping[Callable[..., Any], DescribedCall] = {
    CleanupCall.handle: CLEANUP,
    InitializeCall.handle: INITIALIZE,
    DiscoverCall.handle: DISCOVER,
    ProbeCall.handle: PROBE,
    HealthCalls.live: LIVE,
    HealthCalls.ready: READY,
}
"""By the method that handles it."""
