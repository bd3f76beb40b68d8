"""The answer of initialize: each pair becomes a header of every later call, and has to fit."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from connector.model.headers import ADVISED, faults, size_of
from connector.rehearsal.checks import Check
from connector.rehearsal.report import Notes
from connector.rehearsal.script import Pair

CREDENTIAL = re.compile(r"auth|cookie|token|ticket|session|secret|passw|credential|key|jwt|sid", re.IGNORECASE)


class _Returned(msgspec.Struct):
    key: str
    value: str
    sensitive: bool


def read_pairs(body: bytes) -> list[Pair] | None:
    """Return the pairs; None if the body is not a list of pairs."""
    try:
        found = msgspec.json.decode(body, type=list[_Returned])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return [Pair(pair.key, pair.value, pair.sensitive) for pair in found]


def judge_returned(notes: Notes, pairs: Sequence[Pair], settings: Sequence[Pair]) -> None:
    """Check the pairs that initialize returned for these settings, and learn their secrets."""
    notes.redaction.learn(credentials(pairs).values())
    problems = [*header_problems(pairs)]
    for problem in problems or ["fit for headers"]:
        notes.note(Check.INITIALIZE_HEADERS, problem, passed=not problems)
    size = size_of((pair.key, pair.value) for pair in pairs)
    notes.note(Check.INITIALIZE_HEADER_SIZE, f"{size} bytes", passed=size <= ADVISED)
    # A setting that comes back unmarked would be shown and logged by OpsHub.
    secret = {pair.value for pair in settings if pair.sensitive}
    unmarked = [pair.key for pair in pairs if pair.value in secret and not pair.sensitive]
    seen = f"{unmarked[0][:64]!r} is not marked" if unmarked else "none without its mark"
    notes.note(Check.INITIALIZE_SENSITIVE, seen, passed=not unmarked)


def header_problems(pairs: Sequence[Pair]) -> Iterator[str]:
    """Yield what keeps pairs from being headers, without their values."""
    for pair in pairs:
        yield from (f"{pair.key[:64]!r} {fault}" for fault in faults(pair.key, pair.value))
    counts = Counter(pair.key.lower() for pair in pairs)
    yield from (f"{name[:64]!r} comes {count} times" for name, count in counts.items() if count > 1)


def headers(pairs: Iterable[Pair]) -> dict[str, str]:
    """Return the pairs that can be headers; of a repeated one, the first."""
    usable: dict[str, Pair] = {}
    for pair in pairs:
        if not any(faults(pair.key, pair.value)):
            usable.setdefault(pair.key.lower(), pair)
    return {pair.key: pair.value for pair in usable.values()}


def credentials(pairs: Iterable[Pair]) -> dict[str, str]:
    """Return the secret headers. They are marked, or known by their names, because OpsHub's own sample marks none."""
    return headers(pair for pair in pairs if pair.sensitive or CREDENTIAL.search(pair.key))


def of_somebody_else(given: Mapping[str, str]) -> list[Pair]:
    """Return the headers of a session that was opened elsewhere. All are secret."""
    return [Pair(name, value, sensitive=True) for name, value in given.items()]
