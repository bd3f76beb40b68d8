"""The values that references stand for, in one login or logout."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from secrets import token_urlsafe

import msgspec
from msgspec.structs import replace

from connector.endsystems.http.response import Response
from connector.endsystems.profile import filters
from connector.endsystems.profile.filters import BLANKS
from connector.endsystems.profile.template import Reference, Source
from connector.model.credential import Credential

SEPARATORS = re.compile(r"[\s;,=]+")
RANDOM_BYTES = 32
LEFT_ADDRESS = ":address."
"""Begins the name under which a login leaves an address that its answer named."""


class CannotSend(Exception):
    """A request cannot be made of these values, and nothing is sent. The message names places, never a value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class LeftOut(CannotSend):
    """An optional value is missing. The entry that it stands in is left out."""


class Values(msgspec.Struct, frozen=True):
    """What is known when a request is made. Silent when printed."""

    credential: Credential
    environ: Mapping[str, str]
    base_url: str = ""
    captured: Mapping[str, str] = msgspec.field(default_factory=dict)
    settings: Mapping[str, str] = msgspec.field(default_factory=dict)
    cookies: frozenset[str] = frozenset()
    """The names of the captures that are the value of a cookie."""
    answers: Sequence[Response] = ()
    """The successful answers to earlier requests of the same run."""
    made: dict[str, str] = msgspec.field(default_factory=dict)
    """The random values and the time of this run, from their first use on."""

    def __repr__(self) -> str:
        return type(self).__name__

    def of(self, reference: Reference) -> str:
        """Return the value, never an empty one. Raises `CannotSend`, or `LeftOut` if it is optional."""
        value = self._plain(reference)
        try:
            for applied in reference.filters:
                value = filters.apply(value, applied)
        except ValueError as problem:
            raise CannotSend("credential_malformed", f"{reference} {problem}") from None
        if not value:
            missing = LeftOut if reference.is_optional else CannotSend
            raise missing("credential_missing", f"{reference} is missing or empty")
        return value

    def after(self, answer: Response, captured: Mapping[str, str], *, cookies: Sequence[str]) -> "Values":
        """Return the values after a successful answer, of which this was captured; `cookies` are those that are a cookie's."""
        return replace(
            self,
            captured={**self.captured, **captured},
            cookies=self.cookies.union(cookies),
            answers=[*self.answers, answer],
        )

    def is_cookie(self, reference: Reference) -> bool:
        """Tell whether this is the value of a cookie as the end system has set it."""
        captured = reference.source is Source.CAPTURED and reference.name in self.cookies
        return captured or reference.is_cookie

    def secrets(self) -> frozenset[str]:
        """Return every secret, also in the pieces of a header."""
        values = [
            *self.credential.values(),
            *self.environ.values(),
            *self.captured.values(),
            *self.settings.values(),
            *self.made.values(),
        ]
        return frozenset(piece for value in values for piece in SEPARATORS.split(value) if piece)

    def _plain(self, reference: Reference) -> str:
        value = ""
        match reference.source:
            case Source.CREDENTIAL:
                value = self.credential.get(reference.name, "").strip(BLANKS)
            case Source.ENV:
                value = self.environ.get(reference.name, "")
            case Source.CAPTURED:
                value = self.captured.get(reference.name, "")
            case Source.SETTING:
                value = self.settings.get(reference.name, "")
            case Source.ADDRESS:
                value = self.credential.get(LEFT_ADDRESS + reference.name, "")
            case Source.BASE_URL:
                value = self.base_url
            case Source.RANDOM:
                value = self.made.setdefault(str(reference), token_urlsafe(RANDOM_BYTES))
            case Source.TIME:
                value = self._time()[reference.name]
            case Source.JOINED:
                value = "".join(part if isinstance(part, str) else self.of(part) for part in reference.joined)
        return value

    def _time(self) -> Mapping[str, str]:
        if "seconds" not in self.made:
            now = datetime.now(UTC)
            self.made["seconds"] = str(int(now.timestamp()))
            self.made["milliseconds"] = str(int(now.timestamp() * 1000))
            self.made["iso"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        return self.made
