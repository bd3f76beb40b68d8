"""The report of a cleanup as OpsHub reads it. These definitions are also those of the OpenAPI document."""

from typing import NotRequired, TypedDict

from connector.model.cleanup import CleanupReport, Timed
from connector.model.moments import utc
from connector.model.outcomes import EvictOutcome, EvictResult, HookOutcome, HookResult, LivesOn, LogoutOutcome, LogoutResult


class LivingCredential(TypedDict):
    """What works after the logout, as the profile allows."""

    credential: str
    until: NotRequired[str]


class LogoutBody(TypedDict):
    """What became of the logout."""

    outcome: LogoutResult
    milliseconds: int
    attempts: int
    code: NotRequired[str]
    proved: NotRequired[bool]
    livesOn: NotRequired[list[LivingCredential]]
    message: NotRequired[str]


class EvictionBody(TypedDict):
    """What became of the eviction from one store."""

    outcome: EvictResult
    milliseconds: int
    message: NotRequired[str]


class HookBody(TypedDict):
    """What became of a hook of the connector's author."""

    outcome: HookResult
    milliseconds: int
    message: NotRequired[str]


class ReportBody(TypedDict):
    """What became of every step of a cleanup."""

    sdkSessionId: str
    systemId: str | None
    cleanupGlobalCache: bool
    milliseconds: int
    logout: LogoutBody
    eviction: dict[str, EvictionBody]
    hooks: dict[str, HookBody]


def report_body(report: CleanupReport) -> ReportBody:
    """Return what is told of a cleanup."""
    return {
        "sdkSessionId": report.request.session_id,
        "systemId": report.request.system_id,
        "cleanupGlobalCache": report.request.global_cache,
        "milliseconds": report.milliseconds,
        "logout": _logout(report.logout, report.attempts),
        "eviction": {name: _eviction(step) for name, step in report.evictions.items()},
        "hooks": {name: _hook(step) for name, step in report.hooks.items()},
    }


def _logout(step: Timed[LogoutOutcome], attempts: int) -> LogoutBody:
    outcome = step.outcome
    body: LogoutBody = {"outcome": outcome.result, "milliseconds": step.milliseconds, "attempts": attempts}
    if outcome.code is not None:
        body["code"] = outcome.code
    if outcome.proved is not None:
        body["proved"] = outcome.proved
    if outcome.lives_on:
        body["livesOn"] = [_living(each) for each in outcome.lives_on]
    if outcome.message is not None:
        body["message"] = outcome.message
    return body


def _living(each: LivesOn) -> LivingCredential:
    return {"credential": each.credential} if each.until is None else {"credential": each.credential, "until": utc(each.until)}


def _eviction(step: Timed[EvictOutcome]) -> EvictionBody:
    body: EvictionBody = {"outcome": step.outcome.result, "milliseconds": step.milliseconds}
    if step.outcome.message is not None:
        body["message"] = step.outcome.message
    return body


def _hook(step: Timed[HookOutcome]) -> HookBody:
    body: HookBody = {"outcome": step.outcome.result, "milliseconds": step.milliseconds}
    if step.outcome.message is not None:
        body["message"] = step.outcome.message
    return body
