"""Keeps secrets out of a text that somebody else has written, and notices where it repeats them."""

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

SHORTEST = 8
"""Characters from which on a secret that turns up in an answer is no coincidence."""
HIDDEN = "***"
"""What stands in the place of a secret, wherever one is left out."""
PART = re.compile(r"[^\s;,=]+")
"""The token after `Bearer`, the value of a cookie: what is secret in a header's value even without the rest."""


class Redaction:
    """Knows some secrets, in every form in which they may turn up."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def learn(self, values: Iterable[str]) -> None:
        """Keep these values secret from now on."""
        for value in values:
            parts = PART.findall(value)[1:]
            for secret in (value, *(part for part in parts if len(part) >= SHORTEST)):
                self._secrets.update(_forms(secret))

    def redacted(self, text: str) -> str:
        """Return the text without any secret, the longest first since one may hold another."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    def betrayed_by(self, text: str) -> bool:
        """Say whether a secret that is long enough to be told from other text is in there."""
        return any(len(secret) >= SHORTEST and secret in text for secret in self._secrets)


def _forms(value: str) -> Iterator[str]:
    if value:
        yield from (value, quote(value, safe=""), json.dumps(value)[1:-1])
