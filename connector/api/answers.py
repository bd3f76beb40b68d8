"""From the report of a cleanup to its answer: one table, the worst that happened decides."""

from http import HTTPStatus
from typing import Any

import msgspec

from connector.model import retry_after
from connector.model.cleanup import CleanupReport, Timed
from connector.model.outcomes import EvictOutcome, EvictResult, HookOutcome, LogoutOutcome, LogoutResult


class CleanupAnswer(msgspec.Struct, frozen=True):
    """What goes back to OpsHub. With an error status `code` and `message` say what happened; the report is always there."""

    status: HTTPStatus
    report: dict[str, Any]
    code: str | None = None
    message: str | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)


def answer(report: CleanupReport) -> CleanupAnswer:
    """Decide status, code and message of the answer. Never 401 and never 403: OpsHub would log in again, or wait."""
    body = _body(report)
    logout = report.logout.outcome
    authority = report.evictions[report.authority].outcome
    if logout.result is LogoutResult.FAILED or _any_defect(report):
        return CleanupAnswer(
            HTTPStatus.INTERNAL_SERVER_ERROR, body, "internal_error", "A step of the cleanup broke; the log has the reason."
        )
    if authority.result is not EvictResult.EVICTED:
        message = f"The storage driver '{report.authority}' could not evict, so that old data might still be read."
        return CleanupAnswer(HTTPStatus.SERVICE_UNAVAILABLE, body, "eviction_unavailable", message, retry_after.header())
    if not report.recorded:
        message = "The ledger could not record the cleanup. It was tried once; what failed is tried again."
        return CleanupAnswer(HTTPStatus.SERVICE_UNAVAILABLE, body, "ledger_unavailable", message, retry_after.header())
    if logout.result is LogoutResult.REFUSED:
        message = f"The logout was refused: {logout.message or logout.code or 'no reason given'}"
        return CleanupAnswer(HTTPStatus.BAD_GATEWAY, body, logout.code or "logout_refused", message)
    return CleanupAnswer(HTTPStatus.OK, body)


def _any_defect(report: CleanupReport) -> bool:
    return any(step.outcome.result is EvictResult.FAILED for step in report.evictions.values())


def _body(report: CleanupReport) -> dict[str, Any]:
    return {
        "sdkSessionId": report.request.session_id,
        "systemId": report.request.system_id,
        "cleanupGlobalCache": report.request.global_cache,
        "milliseconds": report.milliseconds,
        "logout": _step(report.logout) | {"attempts": report.attempts},
        "eviction": {name: _step(step) for name, step in report.evictions.items()},
        "hooks": {name: _step(step) for name, step in report.hooks.items()},
    }


def _step(step: Timed[LogoutOutcome] | Timed[EvictOutcome] | Timed[HookOutcome]) -> dict[str, Any]:
    outcome = step.outcome
    body: dict[str, Any] = {"outcome": outcome.result.value, "milliseconds": step.milliseconds}
    if isinstance(outcome, LogoutOutcome) and outcome.code is not None:
        body["code"] = outcome.code
    if outcome.message is not None:
        body["message"] = outcome.message
    return body
