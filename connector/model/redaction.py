"""Keeps secrets out of texts that somebody else has written, and notices repeated ones."""

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

SHORTEST = 8
"""Characters of a secret at least: a shorter one may turn up in an answer by coincidence."""
HIDDEN = "***"
"""What stands in the place of a secret, wherever one is left out."""
PART = re.compile(r"[^\s;,=]+")
"""The token after `Bearer`, the value of a cookie: what is secret in a header's value even without the rest."""


class Redaction:
    """Some secrets, in every form in which they may turn up."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def learn(self, values: Iterable[str]) -> None:
        """Keep these values secret from now on."""
        for value in values:
            # The first word is a scheme such as `Bearer`, which is no secret.
            parts = PART.findall(value)[1:]
            for secret in (value, *(part for part in parts if len(part) >= SHORTEST)):
                self._secrets.update(_forms(secret))

    def redacted(self, text: str) -> str:
        """Return the text without any secret."""
        # The longest first, because one secret may be a part of another.
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    def betrayed_by(self, text: str) -> bool:
        """Tell whether the text holds a secret that is long enough to be no coincidence."""
        return any(len(secret) >= SHORTEST and secret in text for secret in self._secrets)


def _forms(value: str) -> Iterator[str]:
    # An empty secret would be found in every text. The other forms are those of a URL and of JSON.
    if value:
        yield from (value, quote(value, safe=""), json.dumps(value)[1:-1])
