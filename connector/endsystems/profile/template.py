"""Templates: text with names in braces, parsed and checked once, when the profile is loaded.

{credential.X-Auth}                    a header of OpsHub's request, in any case
{credential.Authorization|token}       the same without its scheme word
{credential.Cookie|cookie:JSESSIONID}  one cookie out of it
{env.CONNECTOR_CLIENT_ID}              an environment variable
{captured.csrf}                        what an earlier step took from its answer
{setting.username}                     what the administrator has set in OpsHub, known at login only
{base_url}                             the address of the end system
{{ and }}                              a brace
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

PIECE = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`~-]+")
VARIABLE_NAME = re.compile(r"CONNECTOR_(?!_|LEDGER_KEYS\b)[A-Z0-9_]+")
"""Our variables, without the ledger's keys and the settings (`CONNECTOR__...`), which no end system may see."""
CAPTURE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SETTING_NAME = re.compile(r"[A-Za-z0-9_.-]+")
COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`~-]+")
KNOWN_NAMES = "credential.<header>, env.CONNECTOR_<NAME>, captured.<name>, setting.<name>, base_url"
KNOWN_FILTERS = "token, cookie:<name>"


class Source(StrEnum):
    """The source of a reference's value."""

    CREDENTIAL = "credential"
    ENV = "env"
    CAPTURED = "captured"
    SETTING = "setting"
    BASE_URL = "base_url"


class Filter(StrEnum):
    """What is done to a value before it is used."""

    TOKEN = "token"  # noqa: S105 - the filter's name
    """Drop the scheme word: `Bearer abc` -> `abc`."""
    COOKIE = "cookie"
    """Pick one cookie: `a=1; b=2` -> `2`."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in braces."""

    source: Source
    name: str = ""
    filter: Filter | None = None
    argument: str = ""

    def __str__(self) -> str:
        name = f"{self.source}.{self.name}" if self.name else self.source
        return f"cookie {self.argument} of {name}" if self.filter is Filter.COOKIE else name


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text and references, in their order."""

    text: str
    """As it was written."""
    parts: tuple[str | Reference, ...]

    @property
    def references(self) -> Iterator[Reference]:
        """Every reference, in the order of the text."""
        return (part for part in self.parts if isinstance(part, Reference))

    def names(self, source: Source) -> set[str]:
        """The names of this source that it refers to."""
        return {reference.name for reference in self.references if reference.source is source}

    def render(self, value: Callable[[Reference], str]) -> str:
        """Put `value` of each reference in its place; it is the caller's to encode it for that place."""
        return "".join(part if isinstance(part, str) else value(part) for part in self.parts)


def parse(text: str) -> Template:
    """Parse a template. Raises `ValueError` with the position (counted from 1) and what is known there."""
    parts: list[str | Reference] = []
    for piece in PIECE.finditer(text):
        try:
            part = _part(piece.group())
        except ValueError as problem:
            raise ValueError(f"at character {piece.start() + 1}: {problem}") from None
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)
    return Template(text, tuple(parts))


def _part(piece: str) -> str | Reference:
    match piece:
        case "{{" | "}}":
            return piece[0]
        case "{" | "}":
            raise ValueError(f"a single '{piece}'; write '{piece}{piece}' for the brace itself, or close the name")
        case _ if piece.startswith("{"):
            return _reference(piece[1:-1])
        case _:
            return piece


def _reference(inside: str) -> Reference:
    dotted, bar, filtered = inside.partition("|")
    source, name = _source(dotted)
    if not bar:
        return Reference(source, name)
    if source is Source.BASE_URL:
        raise ValueError("base_url takes no filter")
    word, colon, argument = filtered.partition(":")
    if word == Filter.TOKEN and not colon:
        return Reference(source, name, Filter.TOKEN)
    if word == Filter.COOKIE and COOKIE_NAME.fullmatch(argument):
        return Reference(source, name, Filter.COOKIE, argument)
    raise ValueError(f"unknown filter {filtered!r}; known are: {KNOWN_FILTERS}")


def _source(dotted: str) -> tuple[Source, str]:
    source, _, name = dotted.partition(".")
    match source:
        case "base_url" if dotted == "base_url":
            return Source.BASE_URL, ""
        case "credential" if HEADER_NAME.fullmatch(name):
            return Source.CREDENTIAL, name
        case "env" if VARIABLE_NAME.fullmatch(name):
            return Source.ENV, name
        case "captured" if CAPTURE_NAME.fullmatch(name):
            return Source.CAPTURED, name
        case "setting" if SETTING_NAME.fullmatch(name):
            return Source.SETTING, name
    raise ValueError(f"unknown name {dotted!r}; known are: {KNOWN_NAMES}")
