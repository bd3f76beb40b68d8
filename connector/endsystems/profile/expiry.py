"""When a credential ends by itself, as far as it tells: a JSON Web Token (RFC 7519) holds its end in clear."""

import json
import re
from base64 import urlsafe_b64decode

from connector.endsystems.profile.request import Request
from connector.endsystems.profile.template import Source
from connector.endsystems.profile.values import CannotSend, Values

TOKEN = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]{1,20000})\.[A-Za-z0-9_-]*")
LATEST = 253_402_300_800
"""The year 10000, in seconds since the epoch: no calendar has a later moment."""


def expiry(request: Request, values: Values) -> float | None:
    """Return when the tokens that a request carries have ended, in seconds since the epoch; None if none of them tells.

    Nothing is verified: a person is told of it, and nothing else depends on it.
    """
    carried = [reference for reference in request.references if reference.source is Source.CREDENTIAL]
    try:
        ends = [_end(values.of(reference)) for reference in carried]
    except CannotSend:
        return None
    return max((end for end in ends if end is not None), default=None)


def _end(value: str) -> float | None:
    token = TOKEN.search(value)
    if token is None:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    end = claims.get("exp") if isinstance(claims, dict) else None
    if not isinstance(end, int | float) or isinstance(end, bool):
        return None
    return float(end) if 0 < end < LATEST else None
