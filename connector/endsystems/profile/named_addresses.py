"""The addresses that a login's answer names: where the login is used and ended from then on."""

from collections.abc import Mapping

from yarl import URL

from connector.endsystems.http.guard import checked_url
from connector.endsystems.http.site import LEFT_BASE_URL
from connector.endsystems.profile.leavings import UNFIT
from connector.endsystems.profile.outgoing import at
from connector.endsystems.profile.profile import BASE_URL, Profile
from connector.endsystems.profile.template import Source, Template
from connector.endsystems.profile.values import LEFT_ADDRESS, CannotSend, Values


def name_left(name: str) -> str:
    """Return the name under which a login leaves an address. No header of a request can have this name."""
    return LEFT_BASE_URL if name == BASE_URL else LEFT_ADDRESS + name


def addresses_left(profile: Profile, values: Values) -> Mapping[str, str]:
    """Return the addresses by the names under which the login leaves them. Raises `CannotSend`."""
    return {name_left(name): _address(profile, name, template, values) for name, template in profile.addresses.items()}


def addresses_so_far(profile: Profile, values: Values) -> Mapping[str, str]:
    """Return those that can be made of what was captured. What cannot be one is left as it came, under a name of its own."""
    found = {}
    for name, template in profile.addresses.items():
        try:
            found[name_left(name)] = _address(profile, name, template, values)
        except CannotSend:
            captures = template.names(Source.CAPTURED) & values.captured.keys()
            found |= {UNFIT + capture: values.captured[capture] for capture in captures}
    return found


def _address(profile: Profile, name: str, template: Template, values: Values) -> str:
    """Return an absolute URL. A relative one begins at the answer that it stands in. The message never repeats it."""
    with at(f"addresses.{name}"):
        text = template.render(values.of)
        try:
            return _absolute(text, _answered_at(profile, template, values))
        except ValueError as problem:
            raise CannotSend("target_not_allowed", str(problem)) from None


def _absolute(text: str, answered: URL) -> str:
    if "://" not in text.partition("?")[0]:
        text = str(answered.join(URL(text, encoded=True)))
    if checked_url(text).scheme != "https" and answered.scheme == "https":
        raise ValueError("expected https, because the login was made over it")
    return text


def _answered_at(profile: Profile, template: Template, values: Values) -> URL:
    """Return the URL of the answer in which the first capture of an address was found."""
    captured = next(reference.name for reference in template.references if reference.source is Source.CAPTURED)
    for step, answer in zip(profile.login, values.answers, strict=False):
        if captured in step.capture and answer.url is not None:
            return answer.url
    raise ValueError("expected a URL")
