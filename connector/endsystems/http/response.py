"""An end system's answer, and what it says about a next try."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from yarl import URL

from connector.endsystems.http.charsets import text_of
from connector.model.retry_after import bounded

SECONDS = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """Status, headers and the beginning of the body, unpacked."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    is_cut: bool = False
    """Whether the body goes on behind what is here of it."""
    url: URL | None = None
    """Where it came from."""
    packing: str | None = None
    """The coding that could not be undone, or not to its end. The body is what there is of it."""

    @property
    def content_type(self) -> str:
        """The value of that header, or nothing."""
        return next(iter(self.header_values("Content-Type")), "")

    @property
    def text(self) -> str:
        """The body as text; what its encoding lacks is replaced."""
        return text_of(self.body, self.content_type) if self.body else ""

    def header_values(self, name: str) -> list[str]:
        """Every value of a header, in any case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def retry_after(self, now: datetime) -> float | None:
        """Seconds that the end system asks to wait: a number or a date, bounded; None if it asks for nothing that can be read."""
        for value in self.header_values("Retry-After"):
            return bounded(float(value) if SECONDS.fullmatch(value.strip()) else _seconds_until(value, now))
        return None


def _seconds_until(date: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):  # the latter of numbers that no date can hold
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
