"""What the server logs as a warning or worse, read from its source."""

import ast
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).parent.parent.parent
LEVELS = {"warning", "error", "exception", "critical"}
ELSEWHERE = {"args[0]", "self._event", "self._goes_down"}
"""What is logged there is handed over: to `Outage(...)`, as an `event`, or by a library."""


class Source:
    """Modules by their dotted names, and what their names may stand for."""

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self._trees = trees

    def messages(self) -> set[str]:
        """Return all messages of a warning or worse; of one with a value in it, the beginning."""
        return {found for tree in self._trees.values() for text in _logged(tree) for found in self._known(text, tree)}

    def _known(self, text: ast.expr, tree: ast.Module) -> set[str]:
        """Return what a message may be, by its own module or by those that this one imports something from."""
        if ast.unparse(text) in ELSEWHERE:
            return set()
        texts = {*_texts(text, tree)} or {*self._imported({*_names(text, tree)}, tree)}
        if not texts:
            raise LookupError(f"nobody knows what this may be: {ast.unparse(text)}")
        return texts

    def _imported(self, names: Collection[str], tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if _is_import(node, names, self._trees):
                for name in names:
                    yield from _assigned(name, self._trees[node.module or ""])
                    yield from _returned(name, self._trees[node.module or ""])


def _is_import(node: ast.AST, wanted: Collection[str], known: Collection[str]) -> TypeGuard[ast.ImportFrom]:
    return isinstance(node, ast.ImportFrom) and node.module in known and any(alias.name in wanted for alias in node.names)


@cache
def messages() -> frozenset[str]:
    """Return all messages of a warning or worse, read from the source of the server and its drivers."""
    files = (path for folder in ("connector", "drivers") for path in sorted((ROOT / folder).rglob("*.py")))
    trees = {".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text("utf-8")) for path in files}
    return frozenset(Source(trees).messages())


def _logged(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield what a module logs, or hands over to be logged."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level), args=[text, *_]) if level in LEVELS:
                yield text
            case ast.Call(func=ast.Name(id="Outage"), args=[text, *_]):
                yield text
            case ast.Call(func=ast.Name(id="Rejections"), keywords=keywords):
                yield from (keyword.value for keyword in keywords if keyword.arg == "event")
            case ast.ClassDef(name="Rejections"):
                yield from (each.defaults[-1] for each in ast.walk(node) if isinstance(each, ast.arguments) and each.defaults)


def _texts(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    """Yield the texts that an expression may be in a module."""
    match node:
        case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from _texts(body, tree)
            yield from _texts(other, tree)
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            yield from _assigned(name, tree)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            yield from _returned(name, tree)


def _names(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    """Yield the names of what an expression may be, and of functions whose answer it may be."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            yield name
        case ast.Name(id=name):
            yield name
            for value in _values(name, tree):
                yield from _names(value, tree)


def _assigned(name: str, tree: ast.Module) -> Iterator[str]:
    for value in _values(name, tree):
        for each in value.values if isinstance(value, ast.Dict) else [value]:
            yield from _texts(each, tree)


def _values(name: str, tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=found), value=value) if found == name:
                yield value


def _returned(name: str, tree: ast.Module) -> Iterator[str]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name == name:
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None:
                    yield from _texts(node.value, tree)
