"""Our own patterns, which Python's engine runs over what comes from outside: none of them takes long for a long text."""

import ast
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import permutations

import pytest

from tests.test_architecture import modules

LENGTH = 8192
CHARACTERS = " a/.:@%;=,\"\\0-\t~({[<&'é\n"
METHODS = ("search", "match", "fullmatch", "findall", "finditer", "split", "sub")
MOST = 0.5
"""Seconds: a pattern whose time grows with the square takes twice as long at least."""


def patterns() -> Iterator[tuple[str, str | bytes, re.RegexFlag]]:
    """Yield the name of each pattern, its text and its flags."""
    for module in modules():
        for node in ast.walk(module.tree):
            match node:
                case ast.Assign(targets=[ast.Name(name)], value=ast.Call(func, [ast.Constant(str() | bytes() as text), *flags])):
                    if ast.unparse(func) == "re.compile":
                        yield name, text, _flags(flags)


def _flags(given: list[ast.expr]) -> re.RegexFlag:
    flags = re.RegexFlag(0)
    for name in (node.attr for flag in given for node in ast.walk(flag) if isinstance(node, ast.Attribute)):
        flags |= re.RegexFlag[name]
    return flags


def uses() -> dict[str, set[str]]:
    """By the name of a pattern, the methods that are called on it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for call in (call for module in modules() for call in module.calls):
        match call.func:
            case ast.Attribute(value=ast.Name(name) | ast.Attribute(attr=name), attr=method) if method in METHODS:
                found[name].add(method)
    return found


def texts() -> Iterator[str]:
    """Yield long texts, each of one thing over and over, with something else at its beginning or its end."""
    for character in CHARACTERS:
        for beginning in ("", "a", "//", "%"):
            yield from (beginning + character * LENGTH + end for end in ("", "\0"))
    yield from ((one + other) * (LENGTH // 2) + "\0" for one, other in permutations(CHARACTERS, 2))


PATTERNS = [*patterns()]
USES = uses()
TEXTS = [*texts()]


def test_the_patterns_are_found() -> None:
    assert len({name for name, *_ in PATTERNS} & USES.keys()) > 20


@pytest.mark.parametrize(("name", "text", "flags"), PATTERNS, ids=[name for name, *_ in PATTERNS])
def test_no_pattern_takes_long_for_a_long_text(name: str, text: str | bytes, flags: re.RegexFlag) -> None:
    compiled = re.compile(text, flags)
    for method in USES[name]:
        for tried in TEXTS:
            started = time.thread_time()
            _run(compiled, method, tried if isinstance(text, str) else tried.encode())
            assert time.thread_time() - started < MOST, f"{method} of {tried[:4]!r} over and over"


def _run(compiled: "re.Pattern[str] | re.Pattern[bytes]", method: str, text: str | bytes) -> None:
    found = getattr(compiled, method)(*((text[:0], text) if method == "sub" else (text,)))
    if method == "finditer":
        for _ in found:
            pass
