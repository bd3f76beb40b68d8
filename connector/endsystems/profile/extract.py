"""Takes values out of an answer."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator
from yarl import URL

from connector.endsystems.http.cookies import Jar
from connector.endsystems.http.response import Response
from connector.endsystems.profile.json_path import checked_path, in_json
from connector.endsystems.profile.markup import ElementPath, NotXml, written
from connector.endsystems.profile.names import CookieName, HeaderName, SetCookieName
from connector.endsystems.profile.patterns import Pattern
from connector.endsystems.profile.rules import ProfileTable, Regex


def _patterns(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _path(text: object) -> ElementPath:
    return ElementPath.of(text if isinstance(text, str) else "")


class Extract(ProfileTable):
    """The place of a value in an answer: one source, and possibly a part of what is there.

    Without a source, a `pattern` is searched in the body.
    """

    header: HeaderName | None = None
    cookie: SetCookieName | None = None
    """Name of a cookie that the answer sets."""
    cookies: Annotated[list[CookieName] | None, BeforeValidator(_patterns)] = None
    """Names of cookies that this answer and the earlier ones have set, with `*` for any characters."""
    json_path: Annotated[str | None, Field(alias="json"), AfterValidator(checked_path)] = None
    """Keys and indexes joined by dots: `errors.0.code`. One that begins with a slash is a JSON Pointer (RFC 6901)."""
    xml: Annotated[ElementPath | None, PlainValidator(_path)] = None
    pattern: Regex | None = None
    """The part is its one group."""
    query: str | None = None
    """The part is this parameter of the URL that is there, behind its `?` or its `#`, decoded."""

    @model_validator(mode="after")
    def _is_one(self) -> "Extract":
        if len(self._sources) > 1 or not (self._sources or self.pattern):
            raise ValueError("expected exactly one of header, cookie, cookies, json, xml; or a pattern for the body")
        if self.query is not None and (self.pattern is not None or self.cookies is not None):
            raise ValueError("expected no pattern and no cookies beside query")
        if self.pattern is not None and self.pattern.groups != 1:
            raise ValueError("expected a pattern with exactly one group")
        return self

    def value(self, answer: Response, earlier: Sequence[Response] = (), following: Sequence[URL] = ()) -> str | None:
        """Return the value; None if it is not in the answer.

        A cookie depends on the requests that follow, and several cookies also on the answers before this one.
        """
        if not self._sources:
            return _in_text(answer, self.pattern) if self.pattern else None
        wholes = self._wholes(answer, earlier, following)
        return next((part for whole in wholes if whole is not None and (part := self._part(whole)) is not None), None)

    @property
    def needs_a_body(self) -> bool:
        """Whether it looks beyond the head of an answer."""
        return self.header is None and self.cookie is None and self.cookies is None

    @property
    def _sources(self) -> Sequence[object]:
        sources = (self.header, self.cookie, self.cookies, self.json_path, self.xml)
        return [source for source in sources if source is not None]

    def _wholes(self, answer: Response, earlier: Sequence[Response], following: Sequence[URL]) -> Iterator[str | None]:
        """Yield what stands at the source: each value of a header, or one value."""
        if self.header is not None:
            yield from answer.header_values(self.header)
        if self.cookie is not None:
            yield Jar.of([answer], following).value(self.cookie)
        if self.cookies is not None:
            yield Jar.of([*earlier, answer], following).pairs(self.cookies)
        if self.json_path is not None:
            yield in_json(answer.text, self.json_path)
        if self.xml is not None:
            with suppress(NotXml):
                yield self.xml.value_in(answer.text)

    def _part(self, whole: str) -> str | None:
        if self.query is not None:
            return _parameter(whole, self.query)
        return self.pattern.group_in(whole) if self.pattern else whole


def _in_text(answer: Response, pattern: Pattern) -> str | None:
    """Return what a pattern finds in the body; what is written there as an entity is decoded.

    What reaches the end of a body that is cut is not believed: it may go on.
    """
    text = answer.text
    begin, end = pattern.place_of_group(text) or (-1, -1)
    if begin < 0 or (answer.is_cut and end == len(text)):
        return None
    return written(text[begin:end], text, begin, answer.content_type)


def _parameter(url: str, name: str) -> str | None:
    before, _, fragment = url.partition("#")
    texts = [before.partition("?")[2], fragment]
    return next((value for text in texts for key, value in parse_qsl(text) if key == name), None)
