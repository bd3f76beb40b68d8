"""One request of a login or a logout: it is made, sent and judged."""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace
from yarl import URL

from connector.endsystems.http.failures import ExchangeFailed, may_be_carried_out, may_pass
from connector.endsystems.http.guard import UrlPrefix
from connector.endsystems.http.guarded_client import GuardedClient
from connector.endsystems.http.response import Response
from connector.endsystems.profile.absence import why_missing
from connector.endsystems.profile.answered import AS_RETRY, IN_NO_LIST, explained
from connector.endsystems.profile.expiry import expiry
from connector.endsystems.profile.extract import Extract
from connector.endsystems.profile.outgoing import Outgoing, make, shown_url
from connector.endsystems.profile.profile import LoginStep, Step, Verify
from connector.endsystems.profile.record import CAPTURE_MISSING, StepRecord
from connector.endsystems.profile.request import Request
from connector.endsystems.profile.rules import Verdict, judge
from connector.endsystems.profile.values import CannotSend, Values
from connector.runtime.deadline import Patience

ERROR_CODE = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
TELLING = 8
"""Characters of a piece of a secret that count as a secret themselves."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the requests of one login or logout, until a deadline on the loop's clock, or while its patience lasts."""

    client: GuardedClient
    allowed: Sequence[UrlPrefix]
    until: float | Patience

    async def take(
        self, name: str, step: Step, values: Values, *, made: Outgoing | None = None, following: Sequence[URL] = ()
    ) -> tuple[StepRecord, Values]:
        """Take a step, and return its record and the values with its captures; a step that failed has none.

        `made` is its request, if it was made of the same values before. `following` are the URLs of the requests after it.
        """
        record, answer = await self._exchange(name, step, values, made)
        record = replace(record, prepares=bool(step.capture))
        if answer is None:
            return record, values
        if record.status is None:
            return _of_head(record, step, answer, values, following) if isinstance(step, LoginStep) else (record, values)
        record = _judged(record, step, answer, values)
        if record.verdict is not Verdict.SUCCESS:
            return record, values
        found, after = _captured(step.capture, answer, values, following)
        missing = next((key for key in step.capture if key not in found), None)
        if missing is not None:
            why = why_missing(step.capture[missing], answer, values.answers, following)
            message = f"{name}: `captured.{missing}` was not found in the answer: {why}"
            record = replace(record, verdict=Verdict.REFUSED, code=CAPTURE_MISSING, message=message)
        return record, after

    async def probe(self, name: str, probe: Verify, values: Values) -> tuple[StepRecord, Response | None]:
        """Use a credential, and return the record and the answer. A probe that fails proves nothing."""
        record, answer = await self._exchange(name, probe, values)
        record = replace(record, credential=probe.credential, may_live_on=probe.may_live_on)
        return self._proof(record, probe, answer, values), answer

    @staticmethod
    def _proof(record: StepRecord, probe: Verify, answer: Response | None, values: Values) -> StepRecord:
        if answer is None or record.status is None:
            passing = record.verdict is Verdict.AWAY
            return replace(record, verdict=Verdict.INCONCLUSIVE, passing=passing, message=f"not verified: {record.message}")
        match judge(answer, probe.lists):
            case verdict, rule, message:
                until = expiry(probe, values) if verdict is Verdict.ALIVE else None
                return replace(record, verdict=verdict, rule=rule, until=until, message=message)
        message = f"not verified: the probe {explained(answer, probe.lists, IN_NO_LIST)}"
        passing = _by_default(answer.status) is Verdict.AWAY
        return replace(record, verdict=Verdict.INCONCLUSIVE, rule="default", passing=passing, message=message)

    async def _exchange(
        self, name: str, request: Request, values: Values, made: Outgoing | None = None
    ) -> tuple[StepRecord, Response | None]:
        """Return the record and the answer; without a status it is the beginning of one that broke off."""
        started = time.monotonic()
        record = StepRecord(name, request.method, request.url.text, Verdict.REFUSED)
        answer = None
        try:
            # Made before it is sent, so that a value that does not fit sends nothing.
            outgoing = made or make(name, request, values, self.allowed)
            record = replace(record, url=shown_url(name, request, values))
            answer = await self.client.exchange(outgoing, until=self.until)
            record = replace(record, status=answer.status)
        except CannotSend as problem:
            record = replace(record, code=problem.code, message=problem.message)
        except ExchangeFailed as problem:
            verdict, answer = Verdict.AWAY if problem.passing else Verdict.REFUSED, problem.begun
            may_have_worked, message = problem.may_have_worked and answer is None, f"{name}: {problem.message}"
            record = replace(record, verdict=verdict, may_have_worked=may_have_worked, code=problem.code, message=message)
        return replace(record, milliseconds=round((time.monotonic() - started) * 1000)), answer


def _of_head(
    record: StepRecord, step: Step, answer: Response, values: Values, following: Sequence[URL]
) -> tuple[StepRecord, Values]:
    """Take from the head of a success what its body, which broke off, does not change: somebody is logged in by it."""
    judged = judge(answer, step.lists)
    if judged is None:
        return replace(record, may_have_worked=answer.status < 400 or may_be_carried_out(answer.status)), values
    if judged[0] is not Verdict.SUCCESS:
        return record, values
    of_head = {key: extract for key, extract in step.capture.items() if not extract.needs_a_body}
    _, after = _captured(of_head, answer, values, following)
    return replace(record, broke_off=True), after


def _captured(
    capture: Mapping[str, Extract], answer: Response, values: Values, following: Sequence[URL]
) -> tuple[Collection[str], Values]:
    """Return the names of what was found in a successful answer, and the values with it.

    An empty value counts as missing, because it would make a request that ends nothing.
    """
    found = {key: extract.value(answer, values.answers, following) for key, extract in capture.items()}
    captured = {key: value for key, value in found.items() if value}
    return captured.keys(), values.after(answer, captured, cookies=[key for key in captured if capture[key].cookie])


def _judged(record: StepRecord, step: Step, answer: Response, values: Values) -> StepRecord:
    verdict, rule, words = judge(answer, step.lists) or (_by_default(answer.status), "default", None)
    record = replace(record, verdict=verdict, rule=rule)
    if not record.ends_the_run:
        return record
    by_default = rule == "default"
    unlisted = by_default and verdict is Verdict.REFUSED
    unnamed = None if not by_default else IN_NO_LIST if unlisted else AS_RETRY
    return replace(
        record,
        may_have_worked=by_default and may_be_carried_out(answer.status),
        code=(step.unlisted if unlisted else None) or _own_code(step, answer, values) or f"http_{answer.status}",
        message=words or f"{record.step}: {explained(answer, step.lists, unnamed)}",
        retry_after=answer.retry_after(datetime.now(UTC)) if verdict is Verdict.AWAY else None,
    )


def _by_default(status: int) -> Verdict:
    return Verdict.AWAY if may_pass(status) else Verdict.REFUSED


def _own_code(step: Step, answer: Response, values: Values) -> str | None:
    """Return the end system's own code, unless it has another form or repeats a secret."""
    code = step.error_code.value(answer) if step.error_code else None
    if code is None or not ERROR_CODE.fullmatch(code):
        return None
    # An end system may quote the token in its error code, which is logged.
    return None if any(_overlap(code, secret) for secret in values.secrets()) else code


def _overlap(code: str, secret: str) -> bool:
    return code == secret or (min(len(code), len(secret)) >= TELLING and (code in secret or secret in code))
