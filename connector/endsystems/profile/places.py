"""The places in a request for a value. It is encoded so that it cannot leave its place, or refused."""

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape

from connector.endsystems.profile.filters import BLANKS
from connector.endsystems.profile.values import CannotSend

HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
COOKIES = re.compile(r"[\t\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]*")
"""What end systems put into cookies: also UTF-8, which goes back as the bytes that came in."""
COOKIE_VALUE = re.compile(r'[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*|"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*"')
"""RFC 6265, 4.1.1."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
XML_TEXT = re.compile(r"[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
"""XML 1.0, 2.2."""


def unicode_text(value: str) -> str:
    """Refuse a value that came in as other bytes than UTF-8, because re-encoded it would be another credential."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _malformed("is not UTF-8") from None
    return value


def url_part(value: str) -> str:
    """Encode a value within a path or a query: no character of it separates anything."""
    return quote(unicode_text(value), safe="")


def form(pairs: Sequence[tuple[str, str]]) -> bytes:
    """Encode names and values as `application/x-www-form-urlencoded`."""
    return urlencode([(name, unicode_text(value)) for name, value in pairs]).encode()


def json_body(structure: Any) -> bytes:
    """Encode a structure of rendered strings."""
    return unicode_text(json.dumps(structure, ensure_ascii=False)).encode()


def xml_text(value: str) -> str:
    """Encode a value within an element or an attribute."""
    if not XML_TEXT.fullmatch(value):
        raise _malformed("holds a character that XML has no place for")
    # Blanks are escaped as well, because a parser would normalise them in an attribute.
    return escape(value, {'"': "&quot;", "'": "&apos;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


def header_value(value: str) -> str:
    """Check a header's value, sent as the bytes that came in."""
    if not HEADER_VALUE.fullmatch(value) or value != value.strip(BLANKS):
        raise _malformed("holds a character that has no place in a header")
    return value


def cookie_header(value: str) -> str:
    """Check the value of a header `Cookie`, which may hold whatever the end system has set."""
    if not COOKIES.fullmatch(value) or value != value.strip(BLANKS):
        raise _malformed("holds a character that has no place in a header")
    return value


def cookie_value(value: str) -> str:
    """Check a cookie's value. It goes back as it came, because servers have no common encoding."""
    if not COOKIE_VALUE.fullmatch(value):
        raise _malformed("holds a character that has no place in a cookie")
    return value


def servers_cookie(value: str) -> str:
    """Check a cookie's value that the end system has set. It goes back whatever it holds, as browsers send it."""
    if ";" in cookie_header(value):
        raise _malformed("holds a character that has no place in a cookie")
    return value


def word(value: str) -> str:
    """Check a value that stands beside others in a credential: it must hold no separator. It may be in quotes."""
    if not COOKIE_VALUE.fullmatch(value):
        raise _malformed("holds a character that would separate it from what stands beside it")
    return value


def basic_authorization(username: str, password: str, *, form_encoded: bool) -> str:
    """Return the value of an `Authorization` header; `form_encoded` as OAuth 2.0 wants it of client credentials."""
    username, password = unicode_text(username), unicode_text(password)
    if form_encoded:
        username, password = quote_plus(username), quote_plus(password)
    # The server splits at the first colon: the rest of the name would count as password.
    if ":" in username:
        raise _malformed("holds a colon, which a user name cannot have in basic authentication")
    if CONTROL.search(username + password):
        raise _malformed("holds a control character")
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


def _malformed(reason: str) -> CannotSend:
    return CannotSend("credential_malformed", reason)
