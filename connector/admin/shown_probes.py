"""What arrives of a probe, as it is shown to whoever has sent it."""

import msgspec


class Arrival(msgspec.Struct, frozen=True):
    """A probe as it arrived. No value of a header is kept."""

    target: str
    """Its path and query, as they came."""
    headers: dict[str, int]
    """How many characters the value of each header has, by its name in lower case."""
    body: int
    """Bytes."""
