"""Makes a request of a profile's templates and one session's values. Every value is encoded for its place."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yarl import URL

from connector.endsystems.http.cookies import split
from connector.endsystems.http.guard import UrlPrefix, allowed_target
from connector.endsystems.profile import places
from connector.endsystems.profile.request import Headed, Request
from connector.endsystems.profile.template import Reference, Source, Template
from connector.endsystems.profile.values import CannotSend, LeftOut, Values
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


def make(name: str, request: Request, values: Values, allowed: Sequence[UrlPrefix]) -> Outgoing:
    """Make a request; `name` is the request's in messages. Raises `CannotSend`."""
    text = _url(name, request, values, places.url_part)
    return Outgoing(
        method=request.method,
        url=_target(name, request, text, allowed),
        headers=[*headers_of(name, request, values), *_content_type(request)],
        body=body_of(name, request, values),
    )


def shown_url(name: str, request: Request, values: Values) -> str:
    """Return the URL of a request for a person, without the session's values except the address. Raises as `make`."""
    first = request.url.parts[0]
    if isinstance(first, Reference) and first.source is Source.ADDRESS:
        return f"{URL(values.of(first), encoded=True).origin()}/{HIDDEN}"
    return _url(name, request, values, lambda _: HIDDEN)


def rendered_url(url: Template, value: Callable[[Reference], str], encode: Callable[[str], str] = str) -> str:
    """Render a URL. A reference at its beginning is an address, which stands for itself; any other value is encoded."""
    # An address keeps its slashes and its port; any other value is one segment at most.
    first, *rest = url.parts
    address = value(first) if isinstance(first, Reference) else first
    tail = "".join([part if isinstance(part, str) else encode(value(part)) for part in rest])
    return (address.rstrip("/") if tail.startswith("/") else address) + tail


def _target(name: str, request: Request, text: str, allowed: Sequence[UrlPrefix]) -> URL:
    try:
        return allowed_target(text, allowed, is_known=request.url_is_fixed)
    except ValueError as problem:
        raise CannotSend("target_not_allowed", f"{name}.url: {problem}") from None


def _url(name: str, request: Request, values: Values, encode: Callable[[str], str]) -> str:
    with at(f"{name}.url"):
        url = rendered_url(request.url, values.of, encode)
    if not request.query:
        return url
    pairs = [f"{places.url_part(key)}={encode(value)}" for key, value in _several(f"{name}.query", request.query, values)]
    return url + ("&" if "?" in url else "?") + "&".join(pairs) if pairs else url


def _several(place: str, table: Mapping[str, Sequence[Template]], values: Values) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each entry that is not left out."""
    for key, templates in table.items():
        for template in templates:
            if (value := _rendered(f"{place}.{key}", template, values)) is not None:
                yield key, value


def _rendered(place: str, template: Template, values: Values, check: Callable[[str], str] = str) -> str | None:
    """Return a checked value; None if the entry is left out."""
    try:
        with at(place):
            return check(template.render(values.of))
    except LeftOut:
        return None


def headers_of(name: str, head: Headed, values: Values) -> Iterator[tuple[str, str]]:
    """Make the headers that a table describes; `name` is its own in messages. Raises `CannotSend`."""
    whole = ""
    for key, template in head.headers.items():
        is_cookie = key.lower() == "cookie"
        check = places.cookie_header if is_cookie else places.header_value
        value = _rendered(f"{name}.headers.{key}", template, values, check)
        if head.cookies and is_cookie:
            whole = value or ""
        elif value is not None:
            yield key, value
    # All in one header, because servers may read only the first.
    if head.cookies:
        others = [f"{key}={value}" for key, value in split(whole) if key not in head.cookies]
        if cookies := [*others, *_cookies(name, head, values)]:
            yield "Cookie", "; ".join(cookies)
    if head.basic:
        with at(f"{name}.basic"):
            username, password = head.basic.username.render(values.of), head.basic.password.render(values.of)
            yield "Authorization", places.basic_authorization(username, password, form_encoded=head.basic.form_encoded)


def _cookies(name: str, head: Headed, values: Values) -> Iterator[str]:
    for key, template in head.cookies.items():
        is_servers = template.whole is not None and values.is_cookie(template.whole)
        check = places.servers_cookie if is_servers else places.cookie_value
        if (value := _rendered(f"{name}.cookies.{key}", template, values, check)) is not None:
            yield f"{key}={value}"


def _content_type(request: Request) -> Iterator[tuple[str, str]]:
    implied = FORM if request.form is not None else JSON if request.json_body is not None else None
    if implied and not any(key.lower() == "content-type" for key in request.headers):
        yield "Content-Type", implied


def body_of(name: str, request: Request, values: Values) -> bytes | None:
    """Make the body of a request; `name` is the request's in messages. Raises `CannotSend`."""
    if request.form is not None:
        pairs = [*_several(f"{name}.form", request.form, values)]
        with at(f"{name}.form"):
            return places.form(pairs)
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
            return dict(_kept(structure.items(), values))
        case list():
            return [inner for _, inner in _kept(enumerate(structure), values)]
    return structure


def _kept(items: Iterable[tuple[Any, Any]], values: Values) -> Iterator[tuple[Any, Any]]:
    """Yield the members that are not left out."""
    for key, inner in items:
        try:
            filled = _filled(inner, values)
        except LeftOut:
            continue
        yield key, filled


class at:  # noqa: N801 - used as a function
    """A context that names the place that a value does not fit."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, problem: BaseException | None, _where: object) -> None:
        if isinstance(problem, CannotSend):
            raise type(problem)(problem.code, f"{self._place}: {problem.message}") from None
