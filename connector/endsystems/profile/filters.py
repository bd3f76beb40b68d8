"""Filters of a template: what is done to a value before it is used.

{credential.Authorization|token}       without its scheme word: `Bearer abc` -> `abc`
{credential.Cookie|cookie:SID}         one cookie out of it: `SID=1; B=2` -> `1`
{credential.Cookie|cookies:SID,RT_*}   some of them, as a `Cookie` header has them
{base_url|origin}                      scheme, host and port of a URL
{setting.a|base64}, |base64url         of its UTF-8; the latter without padding
{random.verifier|s256}                 base64url of its SHA-256, as PKCE wants it (RFC 7636, 4.2)
{setting.tenant|optional}              the entry is left out if there is no value
"""

import re
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from yarl import URL

from connector.endsystems.http.cookies import fits, split

BLANKS = " \t"
"""Characters that HTTP strips from a header's value."""
COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`~-]+")
COOKIE_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`~-]+(?:,[A-Za-z0-9!#$%&'*+.^_`~-]+)*")
KNOWN_FILTERS = "token, cookie:<name>, cookies:<patterns>, origin, base64, base64url, s256, optional"


class Filter(StrEnum):
    """What is done to a value."""

    TOKEN = "token"  # noqa: S105 - the filter's name
    COOKIE = "cookie"
    COOKIES = "cookies"
    ORIGIN = "origin"
    BASE64 = "base64"
    BASE64URL = "base64url"
    S256 = "s256"
    OPTIONAL = "optional"


TAKES_A_NAME = {Filter.COOKIE: COOKIE_NAME, Filter.COOKIES: COOKIE_NAMES}


@dataclass(frozen=True, slots=True)
class Applied:
    """A filter with its argument."""

    filter: Filter
    argument: str = ""


def parsed(text: str) -> Applied:
    """Parse a filter. Raises `ValueError` that tells which there are."""
    word, colon, argument = text.partition(":")
    if word in list(Filter):
        found = Applied(Filter(word), argument)
        wanted = TAKES_A_NAME.get(found.filter)
        if wanted.fullmatch(argument) if wanted else not colon:
            return found
    raise ValueError(f"unknown filter {text!r}; known are: {KNOWN_FILTERS}")


def apply(value: str, applied: Applied) -> str:
    """Filter a value. What comes to nothing is empty. Raises `ValueError` of a value that does not fit."""
    match applied.filter:
        case Filter.TOKEN:
            return _without_scheme(value)
        case Filter.COOKIE:
            return next((content for name, content in split(value) if name == applied.argument), "")
        case Filter.COOKIES:
            patterns = applied.argument.split(",")
            return "; ".join(f"{name}={content}" for name, content in split(value) if fits(name, patterns))
        case Filter.ORIGIN:
            return _origin(value) if value else ""
        case Filter.OPTIONAL:
            return value
    return _encoded(value, applied.filter) if value else ""


def _without_scheme(value: str) -> str:
    """Drop the first word. A single word is no token: a bare `Bearer` must never be sent as one."""
    scheme, _, token = value.partition(" ")
    if scheme and not token.strip(BLANKS):
        raise ValueError("is a single word; expected a scheme word and a token")
    return token.strip(BLANKS)


def _origin(value: str) -> str:
    try:
        return str(URL(value, encoded=True).origin())
    except ValueError:
        raise ValueError("is no URL") from None


def _encoded(value: str, filter: Filter) -> str:  # noqa: A002 - the domain's word
    try:
        content = value.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None
    if filter is Filter.BASE64:
        return b64encode(content).decode()
    return urlsafe_b64encode(sha256(content).digest() if filter is Filter.S256 else content).decode().rstrip("=")
