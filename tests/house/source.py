"""The modules of a checkout, read without importing them."""

import ast
import io
import tokenize
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

HOUSE = "connector"
"""The package whose rooms are counted."""
BESIDE = "drivers"
"""The package beside it: one room, whatever folders it has."""
DIRECTIVES = ("# noqa", "# type:", "# pragma", "#!", "# fmt:")
"""Comments that speak to a tool and not to a reader."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file of Python, by its dotted name."""

    name: str
    text: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return len(self.text.splitlines())

    @property
    def comment_lines(self) -> int:
        """How many lines have a comment for a reader, alone or beside code."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return sum(token.type == tokenize.COMMENT and not token.string.startswith(DIRECTIVES) for token in tokens)

    @property
    def functions(self) -> Iterator[tuple[str, int]]:
        """The name of each function and method, and the lines of its body without the docstring."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield f"{self.name}.{node.name}", _lines_of_body(node)

    def imported(self, known: Collection[str]) -> set[str]:
        """Return which of the known modules it imports, at its top or later."""
        return {found for name in self._names() if (found := _module_of(name, known)) is not None and found != self.name}

    def _names(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Import():
                    yield from (alias.name for alias in node.names)
                case ast.ImportFrom():
                    origin = ".".join(filter(None, (self._package(node.level), node.module)))
                    yield from (f"{origin}.{alias.name}" for alias in node.names)

    def _package(self, level: int) -> str:
        """Return where a relative import begins: with one dot at its package, with each further one a package higher."""
        parts = self.name.split(".")
        return ".".join(parts[: len(parts) - level + self.is_package]) if level else ""


def modules(checkout: Path) -> list[Module]:
    """Read every module of the two packages."""
    files = [file for package in (HOUSE, BESIDE) for file in sorted((checkout / package).rglob("*.py"))]
    return [_module(file, checkout) for file in files]


def place_of(name: str) -> str:
    """Return the room that a module lies in. A loose module, at the top of the house, stands for itself."""
    package, *inner = name.split(".")
    return BESIDE if package == BESIDE else ".".join([package, *inner[:1]])


def _module(file: Path, checkout: Path) -> Module:
    parts = file.relative_to(checkout).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return Module(".".join(parts[:-1] if is_package else parts), file.read_text("utf-8"), is_package)


def _module_of(name: str, known: Collection[str]) -> str | None:
    """Return the module that a dotted name is of: it, or the nearest one that it is in."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


def _lines_of_body(function: Function) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
