"""`docs/api.md`, made of the docstrings of the public names: `python -m tests.public_api` prints it."""

import ast
import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from textwrap import dedent
from types import FunctionType

import connector
from connector import public, testing

INTRODUCTION = """\
# The public API

<!-- Made from the docstrings by `make docs`. -->

**In short.** Import these names from `connector`, and those of the last section from `connector.testing`. Everything else may
change with any version. [The tutorial](tutorial.md) shows most of them at work.
"""
TESTING = """
## connector.testing

Help for the tests of your connector. It needs the extra `test`, and in `conftest.py` the line
`pytest_plugins = ["connector.testing"]`.
"""
PUBLIC = [name for name in vars(public) if not name.startswith("_")]
MADE_BY_AUTHORS = (Exception, connector.Credential, testing.Clock)
"""Of these, the page shows how they are made; the others are given to an author, or show their fields."""
QUOTE = "'"
FOR_TESTS = (
    "OpsHub",
    "OpsHubSession",
    "Answer",
    "session_without_server",
    "call_handler",
    "ScriptedEndSystem",
    "Received",
    "Clock",
    "served",
    "opshub_at",
    "connector_environ",
    "opshub",
    "end_system",
)


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION, *(_part(name, getattr(connector, name)) for name in sorted(PUBLIC, key=str.lower))]
    return "\n".join([*parts, TESTING, *(_part(name, getattr(testing, name)) for name in FOR_TESTS)])


def _part(name: str, thing: object) -> str:
    lines = [f"## {name}", ""]
    thing = getattr(thing, "_get_wrapped_function", lambda: thing)() if not inspect.isclass(thing) else thing
    if inspect.isclass(thing):
        lines += [*_class(thing)]
    else:
        assert isinstance(thing, FunctionType), thing
        lines += [_code(_signature(_node(inspect.unwrap(thing)))), "", inspect.cleandoc(thing.__doc__ or ""), ""]
    return "\n".join(lines)


def _class(thing: type) -> Iterator[str]:
    node = _node(thing)
    assert isinstance(node, ast.ClassDef)
    bases = ", ".join(map(ast.unparse, node.bases))
    yield _code(f"class {node.name}({bases})" if bases else f"class {node.name}")
    yield ""
    yield inspect.cleandoc(ast.get_docstring(node) or "")
    yield ""
    if issubclass(thing, Enum):
        yield from _attributes(node)
        return
    if issubclass(thing, MADE_BY_AUTHORS):
        yield from (f"{_code(_signature(each, called=node.name))}\n" for each in _methods(node, "__init__"))
    yield from _attributes(node)
    for method in _methods(node):
        decorators = [*map(ast.unparse, method.decorator_list)]
        if "overload" in decorators:
            continue
        shown = (
            f"{method.name}: {ast.unparse(method.returns) if method.returns else ''}"
            if "property" in decorators
            else _signature(method)
        )
        yield f"{_code(shown)}\n\n{inspect.cleandoc(ast.get_docstring(method) or '')}\n"


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    """Yield the fields of a class, each with what stands below it."""
    for each, after in zip(node.body, [*node.body[1:], ast.Pass()], strict=True):
        match each:
            case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
                # A name in quotes stands for a class that is made later; a reader does not care.
                shown = f"{name}: {ast.unparse(each.annotation).strip(QUOTE)}"
            case ast.Assign(targets=[ast.Name(id=name)]) if not name.startswith("_") and name.isupper():
                shown = name
            case _:
                continue
        match after:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield f"{_code(shown)}\n\n{inspect.cleandoc(text)}\n"
            case _:
                yield f"{_code(shown)}\n"


def _methods(node: ast.ClassDef, *names: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            wanted = each.name in names if names else not each.name.startswith("_")
            if wanted:
                yield each


def _node(thing: FunctionType | type) -> ast.stmt:
    return ast.parse(dedent(inspect.getsource(thing))).body[0]


def _signature(node: ast.stmt, called: str | None = None) -> str:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    given = ast.unparse(node.args)
    given = ", ".join(part for part in [given.removeprefix("self").removeprefix(", ")] if part)
    if called is not None:
        return f"{called}({given})"
    before = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    after = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{before}{node.name}({given}){after}"


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


if __name__ == "__main__":
    sys.stdout.write(page())
