"""Placeholders for captures to come, by which every request can be made before the first one is sent."""

from collections.abc import Iterable, Iterator, Mapping

from connector.endsystems.profile.filters import Filter
from connector.endsystems.profile.profile import LoginStep, LogoutStep, Profile

PLACEHOLDER = "captured"


def placeholders(profile: Profile, steps: Iterable[LoginStep | LogoutStep]) -> Mapping[str, str]:
    """Return a value for each capture of these steps. Cookies hold each one that a filter of the profile takes out of them."""
    cookies = "; ".join(f"{name}={PLACEHOLDER}" for name in sorted({*_cookies_taken_out(profile)})) or PLACEHOLDER
    return {name: cookies if extract.cookies else PLACEHOLDER for step in steps for name, extract in step.capture.items()}


def _cookies_taken_out(profile: Profile) -> Iterator[str]:
    templates = [template for _, head in profile.heads for template in head.templates]
    templates += [template for _, template in profile.leavings]
    for expression in (expression for template in templates for expression in template.expressions):
        for applied in (applied for reference in (expression, *expression.leaves) for applied in reference.filters):
            if applied.filter in {Filter.COOKIE, Filter.COOKIES}:
                yield from applied.argument.replace("*", PLACEHOLDER).split(",")
