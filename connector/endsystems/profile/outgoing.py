"""Makes a request of a profile's templates and one session's values. Every value is encoded for its place."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from yarl import URL

from connector.endsystems.http.cookies import split
from connector.endsystems.http.guard import UrlPrefix, allowed_target
from connector.endsystems.profile import places
from connector.endsystems.profile.request import Headed, Request
from connector.endsystems.profile.template import Reference, Template
from connector.endsystems.profile.values import CannotSend, Values
from connector.model.redaction import HIDDEN

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True, slots=True, repr=False)
class Outgoing:
    """A request that may be sent: its target is allowed, and no value has left its place."""

    method: str
    url: URL
    headers: Sequence[tuple[str, str]]
    body: bytes | None
    shown_url: str
    """The URL for a person, without the session's values except the address."""


def make(name: str, request: Request, values: Values, allowed: Sequence[UrlPrefix]) -> Outgoing:
    """Make a request; `name` is the request's in messages. Raises `CannotSend`."""
    text = _url(name, request, values, places.url_part)
    return Outgoing(
        method=request.method,
        url=_target(name, text, allowed),
        headers=[*headers_of(name, request, values), *_content_type(request)],
        body=_body(name, request, values),
        shown_url=_url(name, request, values, lambda _: HIDDEN),
    )


def rendered_url(url: Template, value: Callable[[Reference], str], encode: Callable[[str], str] = str) -> str:
    """Render a URL. A reference at its beginning is an address, which stands for itself; any other value is encoded."""
    # An address keeps its slashes and its port; any other value is one segment at most.
    first, *rest = url.parts
    address = value(first) if isinstance(first, Reference) else first
    tail = Template("", tuple(rest)).render(lambda reference: encode(value(reference)))
    return (address.rstrip("/") if tail.startswith("/") else address) + tail


def _target(name: str, text: str, allowed: Sequence[UrlPrefix]) -> URL:
    try:
        return allowed_target(text, allowed)
    except ValueError as problem:
        raise CannotSend("target_not_allowed", f"{name}.url: {problem}") from None


def _url(name: str, request: Request, values: Values, encode: Callable[[str], str]) -> str:
    with at(f"{name}.url"):
        url = rendered_url(request.url, values.of, encode)
    pairs = []
    for key, template in request.query.items():
        with at(f"{name}.query.{key}"):
            pairs.append(f"{places.url_part(key)}={encode(template.render(values.of))}")
    return url + ("&" if "?" in url else "?") + "&".join(pairs) if pairs else url


def headers_of(name: str, head: Headed, values: Values) -> Iterator[tuple[str, str]]:
    """Make the headers that a table describes; `name` is its own in messages. Raises `CannotSend`."""
    whole = ""
    for key, template in head.headers.items():
        with at(f"{name}.headers.{key}"):
            value = places.header_value(template.render(values.of))
        if head.cookies and key.lower() == "cookie":
            whole = value
        else:
            yield key, value
    # All in one header, because servers may read only the first.
    if head.cookies:
        others = [f"{key}={value}" for key, value in split(whole) if key not in head.cookies]
        yield "Cookie", "; ".join([*others, *_cookies(name, head, values)])
    if head.basic:
        with at(f"{name}.basic"):
            username, password = head.basic.username.render(values.of), head.basic.password.render(values.of)
            yield "Authorization", places.basic_authorization(username, password, form_encoded=head.basic.form_encoded)


def _cookies(name: str, head: Headed, values: Values) -> Iterator[str]:
    for key, template in head.cookies.items():
        with at(f"{name}.cookies.{key}"):
            is_servers = len(template.parts) == 1 and all(map(values.is_cookie, template.references))
            check = places.servers_cookie if is_servers else places.cookie_value
            yield f"{key}={check(template.render(values.of))}"


def _content_type(request: Request) -> Iterator[tuple[str, str]]:
    implied = FORM if request.form is not None else JSON if request.json_body is not None else None
    if implied and not any(key.lower() == "content-type" for key in request.headers):
        yield "Content-Type", implied


def _body(name: str, request: Request, values: Values) -> bytes | None:
    if request.form is not None:
        with at(f"{name}.form"):
            return places.form({key: template.render(values.of) for key, template in request.form.items()})
    if request.json_body is not None:
        with at(f"{name}.json"):
            return places.json_body(_filled(request.json_body, values))
    if request.text is not None:
        encode = places.xml_text if request.text_is_xml else places.unicode_text
        with at(f"{name}.text"):
            return request.text.render(lambda reference: encode(values.of(reference))).encode()
    return None


def _filled(structure: Any, values: Values) -> Any:
    match structure:
        case Template():
            return structure.render(values.of)
        case dict():
            return {key: _filled(inner, values) for key, inner in structure.items()}
        case list():
            return [_filled(inner, values) for inner in structure]
    return structure


@contextmanager
def at(place: str) -> Iterator[None]:
    """Name the place that a value does not fit."""
    try:
        yield
    except CannotSend as problem:
        raise CannotSend(problem.code, f"{place}: {problem.message}") from None
