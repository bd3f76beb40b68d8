r"""Regular expressions for the answers of an end system, by RE2: their time grows no faster than the answer.

Python's engine backtracks. With a pattern as innocent as `(\w+\s?)*:`, the end system, which chooses the text, can stop the
whole server. What RE2 lacks, or reads otherwise than Python, is refused by name.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import re2

re2.set_fallback_notification(re2.FALLBACK_EXCEPTION)  # by default, it falls back to Python's engine

LONGEST = 1000
"""Characters of a pattern."""
LARGEST = 64 * 1024
"""Bytes of a compiled pattern: at each character, an answer may be compared with all of it."""
TOKEN = re.compile(
    r"""
    \\0[0-9]* | \\[1-9][0-9]* | \\.                 # what is escaped
    | \[ \^? \]? (?: \\. | [^\]\\] )* (?: \] | \Z)  # a class, in which nothing has a meaning of its own
    | \(\? (?: <?[=!] | P= | [>(#] | [A-Za-z-]+ )   # what begins a group
    | [*+?}]\+ | \{,[0-9]+\} | .
    """,
    re.DOTALL | re.VERBOSE,
)
LACKING = (
    (re.compile(r"\(\?<?[=!]"), "no look-around"),
    (re.compile(r"\\[1-9][0-9]*|\(\?P="), "no back references"),
    (re.compile(r"\(\?>"), "no atomic groups"),
    (re.compile(r"\(\?\("), "no conditional groups"),
    (re.compile(r"\(\?#"), "no comments"),
    (re.compile(r"\(\?[A-Za-z-]*[aLux][A-Za-z-]*"), "none of the flags a, L, u and x"),
    (re.compile(r"[*+?}]\+"), "no possessive quantifiers"),
    (re.compile(r"\{,[0-9]+\}"), "no `{,n}`: write `{0,n}`"),
    (re.compile(r"\\Z"), r"no `\Z`: write `\z`"),
    (re.compile(r"\\0[0-9]*"), r"no octal numbers: write `\x00`"),
    (re.compile(r"\\[uUN]"), r"no `\u`, `\U` and `\N`: write the character itself"),
)
DOLLAR = r"no `$` that looks past a last line break: write `\z`, `\n?\z`, or `(?m)` at the beginning for the end of each line"
MULTILINE = re.compile(r"\(\?[a-z]*m")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of a profile, compiled."""

    text: str
    groups: int
    _compiled: Any = field(repr=False)

    @classmethod
    def of(cls, text: str) -> "Pattern":
        """Compile a pattern. Raises `ValueError` that tells what is wrong with it, or what RE2 lacks."""
        if len(text) > LONGEST:
            raise ValueError(f"expected a regular expression of at most {LONGEST} characters")
        # Named by hand, because RE2's own messages do not tell what to write instead.
        if lacking := _lacking(text):
            raise ValueError(f"expected a regular expression of RE2, which has {lacking}")
        try:
            compiled = _compiled(text)
        except re.error as problem:
            raise ValueError(f"expected a regular expression: {problem}") from None
        return cls(text, compiled.groups, compiled)

    def is_in(self, text: str) -> bool:
        """Tell whether it is found anywhere in the text."""
        return self._found(text) is not None

    def group_in(self, text: str) -> str | None:
        """Return what its one group holds at the first match; None without a match."""
        place = self.place_of_group(text)
        return None if place is None else text[slice(*place)]

    def place_of_group(self, text: str) -> tuple[int, int] | None:
        """Return where its one group begins and ends at the first match; None if it matches nothing."""
        found = self._found(text)
        begin, end = found.span(1) if found else (-1, -1)
        return None if begin < 0 else (begin, end)

    def _found(self, text: str) -> Any:
        try:
            return self._compiled.search(text)
        except UnicodeEncodeError:  # of a header that is not UTF-8
            return self._compiled.search(text.encode(errors="replace").decode())


def _compiled(text: str) -> Any:
    """Compile the pattern if it is small enough. For searching, it has more room than that."""
    re2.purge()  # or the cached pattern would be taken, whatever its size
    re2.compile(text, re2.ASCII, max_mem=LARGEST)
    re2.purge()
    return re2.compile(text, re2.ASCII)


def _lacking(text: str) -> str | None:
    for piece in TOKEN.findall(text):
        for lacking, name in LACKING:
            if lacking.fullmatch(piece):
                return name
        if piece == "$" and not MULTILINE.search(text):
            return DOLLAR
    return None
