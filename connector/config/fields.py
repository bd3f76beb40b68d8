"""A key: its place in the models, what it expects, and how the text of a variable becomes its value."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from msgspec import Struct
from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter
from pydantic.fields import FieldInfo

KeyPath = tuple[str, ...]

WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    SecretStr: "text",
    SecretBytes: "text",
    dict: "a table",
}
LISTS = frozenset([list, tuple, set, frozenset])


class PathIfToml(Struct, frozen=True):
    """Marks a text that is the path of a file if it ends in `.toml`."""


class RenamedFrom(Struct, frozen=True):
    """Marks a key that had another name in its table. The old name works for one version, with a warning."""

    name: str


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that is a table with keys of its own, None for any other."""
    return field.annotation if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel) else None


def field_at(model: type[BaseModel], path: KeyPath) -> FieldInfo | None:
    """Return the field that a path of keys leads to, or None."""
    field = model.model_fields.get(path[0])
    if field is None or len(path) == 1:
        return field
    section = section_of(field)
    return None if section is None else field_at(section, path[1:])


def leaves(model: type[BaseModel], prefix: KeyPath = ()) -> Iterator[tuple[KeyPath, FieldInfo]]:
    """Yield every key of a model that is no table itself, in the order of declaration."""
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is None:
            yield (*prefix, name), field
        else:
            yield from leaves(section, (*prefix, name))


def old_name(field: FieldInfo) -> str | None:
    """Return the deprecated name of a key, None if it has none."""
    return next((mark.name for mark in field.metadata if isinstance(mark, RenamedFrom)), None)


def is_secret(field: FieldInfo) -> bool:
    """Tell whether a field is a secret, which must not be shown or stand in the file."""
    return not {SecretStr, SecretBytes}.isdisjoint(_types_in(field.annotation))


def is_path(field: FieldInfo, value: object) -> bool:
    """Tell whether a field's value is the path of a file."""
    if Path in _types_in(field.annotation):
        return True
    return str(value).endswith(".toml") and any(isinstance(mark, PathIfToml) for mark in field.metadata)


def expected(field: FieldInfo) -> str:
    """Return in words what a field takes, for instance `a whole number from 0 to 65535`."""
    return _words(field.annotation, field.metadata)


def decoded(field: FieldInfo | None, text: str) -> Any:
    """Turn an environment variable's text into the type of its field.

    A list is JSON, or its items between commas. Text that does not fit stays text: the check of the whole names it.
    """
    if field is None or section_of(field) is not None:
        return text
    annotation: Any = field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    try:
        # A list is strict about its items, which are texts already; a single value is converted.
        return adapter.validate_python(_items(text)) if _is_list(annotation) else adapter.validate_strings(text)
    except (ValueError, RecursionError):
        return text


def _items(text: str) -> Any:
    return json.loads(text) if text.lstrip().startswith("[") else [item.strip() for item in text.split(",")]


def _is_list(annotation: Any) -> bool:
    return any(get_origin(kind) in LISTS for kind in (annotation, *get_args(annotation)))


def _types_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _types_in(inner)


def _words(annotation: Any, constraints: Sequence[Any] = ()) -> str:
    match get_origin(annotation), get_args(annotation):
        case (origin, (inner, *metadata)) if origin is Annotated:
            return _words(inner, metadata)
        case (origin, (word,)) if origin is Literal:
            return str(word)
        case (origin, choices) if origin is Literal:
            return "one of " + ", ".join(str(choice) for choice in choices)
        case (origin, kinds) if origin in {Union, UnionType}:
            return " or ".join(_words(kind, constraints) for kind in kinds if kind is not NoneType)
        case (origin, (item, *_)) if origin in LISTS:
            return f"a list of {_words(item).removeprefix('a ')}s" + _limits(constraints)
        case (origin, _):
            return WORDS.get(origin or annotation, "another type of value") + _limits(constraints)


def _limits(constraints: Sequence[Any]) -> str:
    low, high = "", ""
    # Those of one kind among several are still as the settings class has them.
    unpacked = chain.from_iterable(each.metadata if isinstance(each, FieldInfo) else [each] for each in constraints)
    for constraint in unpacked:
        match constraint:
            case MinLen():
                return " that is not empty"
            case object(pattern=str() as pattern):
                return f" that matches `{pattern}`"
            case Ge(ge=bound):
                low = f" from {bound}"
            case Gt(gt=bound):
                low = f" over {bound}"
            case Le(le=bound):
                high = f" to {bound}"
    return low + (f" up{high}" if high and "from" not in low else high)
