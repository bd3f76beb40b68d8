"""Which headers our initialize may return besides its seal."""

from collections import Counter
from collections.abc import Iterator, Mapping

from connector.model.headers import NEVER_RETURNED, SEAL, faults, is_name

MOST = 100
"""Headers in all. Servers take 100 to 128, and OpsHub sends some of its own."""
LONGEST_NAME = 200


def problems_of(headers: Mapping[str, str], *, longest: int) -> Iterator[str]:
    """Yield what is wrong with the headers that the end system returns; `longest` is the server's own limit of a value.

    No value is repeated, and a name only if it is a legal one.
    """
    spellings = Counter([SEAL.lower(), *(name.lower() for name in headers)])
    if len(headers) >= MOST:
        yield f"{len(headers)} headers: expected less than {MOST}"
    for place, (name, value) in enumerate(headers.items()):
        shown = name if is_name(name) and len(name) <= LONGEST_NAME else f"header {place}"
        if not isinstance(value, str):
            yield f"{shown}: has a value of type {type(value).__name__}, expected text"
            continue
        yield from (f"{shown}: {fault}" for fault in faults(name, value, forbidden=NEVER_RETURNED))
        if len(name) > LONGEST_NAME:
            yield f"{shown}: has a name longer than {LONGEST_NAME} bytes"
        if spellings[name.lower()] > 1:
            yield f"{shown}: is there twice, or is the seal's name; case makes no difference"
        if len(value) > longest:
            yield f"{shown}: has a value longer than {longest} bytes"
