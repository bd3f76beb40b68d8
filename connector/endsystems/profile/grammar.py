"""Parses templates, once, when the profile is loaded."""

import re
from dataclasses import replace

from connector.endsystems.profile import filters
from connector.endsystems.profile.filters import Filter
from connector.endsystems.profile.template import JOINT, Reference, Source, Template

PIECE = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")
LITERAL = re.compile(r"'[^']*'")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`~-]+")
VARIABLE_NAME = re.compile(r"CONNECTOR_(?!_|LEDGER_KEYS\b)[A-Z0-9_]+")
"""Our variables, without the ledger's keys and the settings (`CONNECTOR__...`), which no end system may see."""
CAPTURE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SETTING_NAME = re.compile(r"[A-Za-z0-9_.-]+")
TIME_NAME = re.compile(r"seconds|milliseconds|iso")
KNOWN_NAMES = (
    "credential.<header>, env.CONNECTOR_<NAME>, captured.<name>, setting.<name>, address.<name>, base_url, random.<name>, "
    "time.seconds, time.milliseconds, time.iso, null"
)
NAMED = {
    Source.CREDENTIAL: HEADER_NAME,
    Source.ENV: VARIABLE_NAME,
    Source.CAPTURED: CAPTURE_NAME,
    Source.SETTING: SETTING_NAME,
    Source.ADDRESS: CAPTURE_NAME,
    Source.RANDOM: CAPTURE_NAME,
    Source.TIME: TIME_NAME,
}
NAMELESS = frozenset([Source.BASE_URL, Source.NULL])


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
            return _expression(piece[1:-1])
        case _:
            return piece


def _expression(inside: str) -> Reference:
    names, *words = inside.split("|")
    applied = tuple(filters.parsed(word) for word in words)
    is_optional = any(each.filter is Filter.OPTIONAL for each in applied)
    operands = [_operand(name, is_optional=is_optional) for name in names.split(JOINT)]
    match operands:
        case [Reference() as only]:
            return replace(only, filters=applied)
        case [str()]:
            raise ValueError(f"unknown name {names!r}; known are: {KNOWN_NAMES}")
    return Reference(Source.JOINED, filters=applied, joined=tuple(operands), is_optional=is_optional)


def _operand(name: str, *, is_optional: bool) -> str | Reference:
    if LITERAL.fullmatch(name):
        return name[1:-1]
    word, dot, rest = name.partition(".")
    source = Source(word) if word in NAMED or word in NAMELESS else None
    if source is None or not (NAMED[source].fullmatch(rest) if source in NAMED else not dot):
        raise ValueError(f"unknown name {name!r}; known are: {KNOWN_NAMES}")
    return Reference(source, rest, is_optional=is_optional)
