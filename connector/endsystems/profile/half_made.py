"""What a login that has failed has made until then, for its logout."""

from dataclasses import dataclass, replace

from connector.endsystems.end_system import LoginOutcome
from connector.endsystems.http.site import Site
from connector.endsystems.profile.leavings import Remnant, captures_left, left_so_far
from connector.endsystems.profile.logout import HttpLogout
from connector.endsystems.profile.named_addresses import addresses_so_far
from connector.endsystems.profile.profile import LoginStep, Profile
from connector.endsystems.profile.record import CAPTURE_MISSING, StepRecord
from connector.endsystems.profile.values import Values
from connector.model.credential import Credential

SAFE = frozenset(["GET", "HEAD", "OPTIONS"])
"""Methods whose requests make nothing, unless what they capture is left behind."""
UNSENT = frozenset(["credential_missing", "credential_malformed", "target_not_allowed"])
"""Codes of a request that could not be made of the values."""


@dataclass(frozen=True, slots=True)
class HalfMade:
    """Tells what a failed login has made, and whether its logout can end that."""

    profile: Profile
    site: Site
    logout: HttpLogout

    def has_made(self, place: int, record: StepRecord) -> bool:
        """Tell whether the login was made although a value is missing or does not fit, so that nothing fetches it any more."""
        if record.broke_off or (record.code == CAPTURE_MISSING and record.rule != "default"):
            return self.makes(self.profile.login[place])
        is_unsent = record.status is None and record.code in UNSENT
        return is_unsent and any(self.makes(step) for step in self.profile.login[:place])

    def makes(self, step: LoginStep) -> bool:
        """Tell whether the success of a step may be a login."""
        return step.method not in SAFE or not step.capture.keys().isdisjoint(captures_left(self.profile))

    def added_to(self, failure: LoginOutcome, values: Values, *, has_made: bool, broke_off: bool = False) -> LoginOutcome:
        """Add what the login has made until it failed."""
        addresses = {**self.site.chosen(values), **addresses_so_far(self.profile, values)}
        made = left_so_far(self.profile, values, addresses, has_made=has_made)
        if made is None:
            return failure
        if self.logout.is_whole(made):
            return self.to_be_undone(failure, made)
        is_unread = has_made and (
            broke_off or failure.code == CAPTURE_MISSING or captures_left(self.profile).isdisjoint(values.captured)
        )
        cut_short = Remnant.CUT_SHORT if _was_cut_short(self.profile, values) else Remnant.PARTLY
        return self.to_be_undone(failure, (Remnant.UNREAD if is_unread else cut_short).of(made))

    def to_be_undone(self, failure: LoginOutcome, made: Credential) -> LoginOutcome:
        """Leave what was made to its logout. Nothing is sent here, because a kill must not come before the record."""
        return replace(failure, credential=made) if self.profile.steps else failure


def _was_cut_short(profile: Profile, values: Values) -> bool:
    """Tell whether each step has made everything or nothing, and at least one nothing."""
    captured = values.captured.keys()
    steps = [step.capture.keys() for step in profile.login]
    unfinished = [captures for captures in steps if captures - captured]
    return bool(unfinished) and not any(captures & captured for captures in unfinished)
