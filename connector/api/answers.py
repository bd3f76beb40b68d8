"""From the report of a cleanup to its answer: one table, and the worst that happened decides."""

from http import HTTPStatus

import msgspec

from connector.api.rendering import ErrorAnswer
from connector.api.report_body import ReportBody, report_body
from connector.model import retry_after
from connector.model.cleanup import CleanupReport
from connector.model.outcomes import EvictResult, LogoutResult


class CleanupAnswer(msgspec.Struct, frozen=True):
    """What OpsHub is answered. The report is always there; an error repeats it as its detail."""

    report: ReportBody
    error: ErrorAnswer | None

    @property
    def status(self) -> HTTPStatus:
        """The status of the answer."""
        return HTTPStatus.OK if self.error is None else self.error.status


def answer(report: CleanupReport) -> CleanupAnswer:
    """Decide the answer to a cleanup. Never 401 and never 403: OpsHub would log in again, or wait."""
    body = report_body(report)
    return CleanupAnswer(body, _error(report, body))


def _error(report: CleanupReport, body: ReportBody) -> ErrorAnswer | None:
    logout = report.logout.outcome
    if logout.result is LogoutResult.FAILED or _any_defect(report):
        message = "A step of the cleanup failed; the log has the reason."
        return ErrorAnswer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message, body)
    if report.evictions[report.authority].outcome.result is not EvictResult.EVICTED:
        message = f"The storage driver '{report.authority}' could not evict, so that old data might still be read."
        return ErrorAnswer(HTTPStatus.SERVICE_UNAVAILABLE, "eviction_unavailable", message, body, retry_after.header())
    if not report.recorded:
        message = "The ledger could not record the cleanup. It was tried once; what failed is tried again."
        return ErrorAnswer(HTTPStatus.SERVICE_UNAVAILABLE, "ledger_unavailable", message, body, retry_after.header())
    if logout.result is LogoutResult.REFUSED:
        message = f"The logout was refused: {logout.message or logout.code or 'no reason given'}"
        return ErrorAnswer(HTTPStatus.BAD_GATEWAY, logout.code or "logout_refused", message, body)
    return None


def _any_defect(report: CleanupReport) -> bool:
    return any(step.outcome.result is EvictResult.FAILED for step in report.evictions.values())
