"""The record of each request of a login or a logout."""

import msgspec

from connector.endsystems.profile.rules import Verdict

CAPTURE_MISSING = "capture_missing"
"""The code of a success without a value that later steps, or the logout, need."""


class StepRecord(msgspec.Struct, frozen=True, gc=False):
    """The record of one request. Nothing in it is secret."""

    step: str
    """Its dotted name: `steps[0]`, `verify`."""
    method: str
    url: str
    """Without the session's values: `***` stands for each."""
    verdict: Verdict
    milliseconds: int = 0
    status: int | None = None
    """None if nothing was sent or no answer came."""
    may_have_worked: bool = False
    """Whether it may have been carried out although no answer of the end system's own came."""
    rule: str | None = None
    """The rule that decided, `success[0]`, or `default`."""
    code: str | None = None
    message: str | None = None
    retry_after: float | None = None
    prepares: bool = False
    """Whether it only fetched what later steps need, so that its success logged nobody out."""
    broke_off: bool = False
    """Of a login: whether the answer was a success, and broke off in its body. What its head holds was captured."""
    credential: str | None = None
    """Of a probe: which credential it used, in words."""
    before: bool = False
    """Whether this probe was sent before the logout."""
    may_live_on: bool = False
    """Whether the profile allows this credential to work after the logout."""
    until: float | None = None
    """When the living credential ends by itself, in seconds since the epoch, if it tells."""
    passing: bool = False
    """Whether a later probe may prove what this one did not."""

    @property
    def ends_the_run(self) -> bool:
        """Whether no further request makes sense."""
        return self.verdict in {Verdict.AWAY, Verdict.REFUSED}
