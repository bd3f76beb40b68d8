"""A request of a profile: templates in their places."""

import math
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from connector.endsystems.profile.grammar import parse
from connector.endsystems.profile.markup import XML_TYPE
from connector.endsystems.profile.names import CookieName, HeaderName
from connector.endsystems.profile.rules import ProfileTable
from connector.endsystems.profile.template import Reference, Source, Template

METHODS = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
URL_LITERAL = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*")
URL_START = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+(?:[/?].*)?")
PREFIXES = (Source.BASE_URL, Source.ENV, Source.SETTING, Source.ADDRESS)
"""What may begin a URL: addresses that an administrator has chosen or allowed."""


def _parsed(text: object) -> Template:
    if isinstance(text, str):
        return parse(text)
    raise ValueError("expected text")


def _template(text: object) -> Template:
    template = _parsed(text)
    if any(reference.source is Source.NULL for reference in template.references):
        raise ValueError("null can only be a whole value within json")
    return template


def _templates(texts: object) -> tuple[Template, ...]:
    return tuple(map(_template, texts)) if isinstance(texts, list) else (_template(texts),)


def _url(text: object) -> Template:
    template = _parsed(text)
    first, *rest = template.parts or ("",)
    if isinstance(first, str) and not URL_START.fullmatch(first):
        raise ValueError("expected http:// or https:// and a host, or {base_url}, at the beginning")
    if isinstance(first, Reference) and (first.source not in PREFIXES or first.filters):
        raise ValueError(
            "expected {base_url}, {env.<name>}, {setting.<name>}, {address.<name>} or a host at the beginning: "
            "nothing else may choose the host"
        )
    # `https://desk{setting.name}/` would let a session choose the host.
    if isinstance(first, str) and rest and not re.search(r"//[^/?]+[/?]", first):
        raise ValueError("expected a / between the host and the first name in braces")
    if isinstance(first, Reference) and rest and not (isinstance(rest[0], str) and rest[0][0] in "/?"):
        raise ValueError(f"expected a / after {{{first}}}: otherwise what follows could change the host")
    if any(isinstance(part, Reference) and part.source in {Source.BASE_URL, Source.NULL} for part in rest):
        raise ValueError("base_url can only be the beginning of a url")
    if not all(URL_LITERAL.fullmatch(part) for part in (first, *rest) if isinstance(part, str)):
        raise ValueError("expected only characters that a URL has: encode the others; no fragment")
    return template


def _json(value: object) -> Any:
    match value:
        case str():
            template = _parsed(value)
            return None if template.whole == Reference(Source.NULL) else _template(value)
        case dict():
            return {str(key): _json(inner) for key, inner in value.items()}
        case list():
            return [_json(inner) for inner in value]
        case bool() | int():
            return value
        case float() if math.isfinite(value):
            return value
    raise ValueError("expected text, numbers, booleans, tables and lists")


Text = Annotated[Template, PlainValidator(_template)]
Texts = Annotated[tuple[Template, ...], PlainValidator(_templates)]
Url = Annotated[Template, PlainValidator(_url)]
Json = Annotated[Any, PlainValidator(_json)]


class Basic(ProfileTable):
    """Basic authentication."""

    username: Text
    password: Text
    form_encoded: bool = False
    """Encode both as a form first, as OAuth 2.0 (RFC 6749, 2.3.1) wants it of client credentials."""


class Headed(ProfileTable):
    """What carries a login in the head of a request."""

    headers: dict[HeaderName, Text] = Field(default_factory=dict)
    cookies: dict[CookieName, Text] = Field(default_factory=dict)
    basic: Basic | None = None

    @property
    def templates(self) -> Iterator[Template]:
        """Every template in it."""
        yield from (*self.headers.values(), *self.cookies.values())
        if self.basic:
            yield from (self.basic.username, self.basic.password)

    @property
    def indispensable(self) -> Iterator[tuple[str, Template]]:
        """The templates that cannot be left out, by their dotted names."""
        if self.basic:
            yield from (("basic.username", self.basic.username), ("basic.password", self.basic.password))

    @property
    def references(self) -> Iterator[Reference]:
        """Every reference in it."""
        return (reference for template in self.templates for reference in template.references)

    def names(self, source: Source) -> set[str]:
        """The names of this source that it refers to."""
        return {reference.name for reference in self.references if reference.source is source}


class Request(Headed):
    """A request, with at most one body."""

    method: METHODS
    url: Url
    query: dict[str, Texts] = Field(default_factory=dict)
    form: dict[str, Texts] | None = None
    """A field may have several values."""
    json_body: Annotated[Json, Field(alias="json")] = None
    """A structure; every string in it is a template, and `{null}` is null."""
    text: Text | None = None
    """Needs a Content-Type among the headers. If that is XML, values are encoded; otherwise the body is one value."""

    @property
    def indispensable(self) -> Iterator[tuple[str, Template]]:
        """The templates that cannot be left out, by their dotted names."""
        yield "url", self.url
        yield from super().indispensable
        if self.text is not None:
            yield "text", self.text
        if isinstance(self.json_body, Template):
            yield "json", self.json_body

    @cached_property
    def url_is_fixed(self) -> bool:
        """Whether its URL is the same for all sessions of one base URL, so that no secret is in it."""
        first, *rest = self.url.parts
        begins = isinstance(first, str) or first.source is Source.BASE_URL
        return begins and not self.query and all(isinstance(part, str) for part in rest)

    @property
    def text_is_xml(self) -> bool:
        """Whether `text` is XML, by its Content-Type."""
        return any(name.lower() == "content-type" and XML_TYPE.match(value.text) for name, value in self.headers.items())

    @property
    def templates(self) -> Iterator[Template]:
        """Every template in it."""
        yield self.url
        yield from super().templates
        yield from chain.from_iterable([*self.query.values(), *(self.form or {}).values()])
        yield from _strings(self.json_body)
        if self.text is not None:
            yield self.text


def _strings(structure: Any) -> Iterator[Template]:
    match structure:
        case Template():
            yield structure
        case dict():
            for inner in structure.values():
                yield from _strings(inner)
        case list():
            for inner in structure:
                yield from _strings(inner)
