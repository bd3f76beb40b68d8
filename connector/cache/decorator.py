"""`@cached`: an author's loader function whose results are cached."""

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cached_property, partial, update_wrapper
from inspect import iscoroutinefunction, signature
from types import SimpleNamespace
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, get_type_hints

import msgspec

from connector.cache.cache import Cache
from connector.cache.life import DEFAULT_TTL, checked

PLAIN = frozenset([bool, bytes, float, int, str, type(None)])


class HasCache(Protocol):
    """A session, a system, or anything else that has a cache."""

    @property
    def cache(self) -> Cache:
        """The cache of the results."""
        ...


Owner = TypeVar("Owner", bound=Cache | HasCache)
P = ParamSpec("P")
T = TypeVar("T")
Loader = Callable[Concatenate[Owner, P], Coroutine[Any, Any, T]]


class CachedFunction(Generic[Owner, P, T]):
    """A function that looks into the cache of its first argument first, as `get_or_load` does."""

    __name__: str

    def __init__(self, function: Loader[Owner, P, T], name: str, ttl: float) -> None:
        update_wrapper(self, function)
        self._function = function
        self._signature = signature(function)
        self._name = name
        self._ttl = ttl

    async def __call__(self, owner: Owner, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the cached result for these arguments, or call the function."""
        loader = partial(self._function, owner, *args, **kwargs)
        key = self._key(owner, *args, **kwargs)
        result: T = await _cache_of(owner).get_or_load(key, loader, kind=self._kind, ttl=self._ttl)
        return result

    async def forget(self, owner: Owner, *args: P.args, **kwargs: P.kwargs) -> None:
        """Forget the result for these arguments, as `Cache.delete` does."""
        await _cache_of(owner).delete(self._key(owner, *args, **kwargs))

    def _key(self, owner: Owner, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of these arguments: the same, whether they are passed by position or by name."""
        # Bound and completed with defaults: `f(1)` and `f(number=1)` are one result.
        bound = self._signature.bind(owner, *args, **kwargs)
        bound.apply_defaults()
        _, *arguments = bound.arguments.values()
        try:
            return f"{self._name} {_encoded(_told_apart(arguments)).hex()}"
        except (TypeError, ValueError, OverflowError) as problem:
            text = f"{self._name}: its arguments tell results apart, and one of them cannot be encoded; pass an id in its place"
            raise TypeError(text) from problem

    @cached_property
    def _kind(self) -> Any:
        """The type that the function is annotated to return."""
        # Resolved at the first call, because the annotation may name a type that is defined further down.
        # Only the return annotation is resolved: others may name types that exist for the type checker alone.
        returns = SimpleNamespace(__annotations__={"return": self._function.__annotations__["return"]})
        return get_type_hints(returns, self._function.__globals__, include_extras=True)["return"]


def cached(*, ttl: float = DEFAULT_TTL, key: str | None = None) -> Callable[[Loader[Owner, P, T]], CachedFunction[Owner, P, T]]:
    """Cache what an `async def` function returns, in the cache of its first parameter: a session, a system, or a `Cache`.

    `key`, by default the function's full name, and all further arguments with their types tell results apart. msgspec has to be
    able to encode these arguments. Results come back as the type that the function is annotated to return.

    Raises `TypeError` for a function without that annotation, and for a closure without a `key`.
    """
    life = checked(ttl)

    def decorate(function: Loader[Owner, P, T]) -> CachedFunction[Owner, P, T]:
        if not iscoroutinefunction(function) or "return" not in function.__annotations__:
            raise TypeError(f"{function!r}: expected an `async def` function that says what it returns")
        # Two closures of one function have the same name, and would share results that differ.
        if key is None and function.__closure__:
            raise TypeError(f"{function!r} depends on the variables around it; expected a `key` that tells it from its like")
        return CachedFunction(function, key or f"{function.__module__}.{function.__qualname__}", life)

    return decorate


def _told_apart(arguments: Sequence[Any]) -> Sequence[Any]:
    """Return arguments with the types of what they hold, unless all are plain: no two of these are encoded alike."""
    return arguments if PLAIN.issuperset(map(type, arguments)) else [arguments, [*_types(arguments)]]


def _types(value: Any) -> Iterator[str]:
    """Yield the names of the types of a value and of all that it holds: equal values of two types are encoded alike."""
    if type(value) in PLAIN:
        yield ""  # told apart by how it is encoded
        return
    yield _name_of_type(value)
    for part in _parts(value):
        yield from _types(part)


def _name_of_type(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _parts(value: Any) -> Sequence[Any]:
    """Return what a value holds, always in the same order."""
    match value:
        case Mapping():
            return [part for item in sorted(value.items(), key=lambda item: _encoded(item[0])) for part in item]
        case set() | frozenset():
            return sorted(value, key=lambda each: (_encoded(each), _name_of_type(each)))
        case list() | tuple():
            return value
        case msgspec.Struct():
            return [getattr(value, field) for field in value.__struct_fields__]
    return [getattr(value, described.name, None) for described in fields(value)] if is_dataclass(value) else ()


def _encoded(value: Any) -> bytes:
    return msgspec.msgpack.encode(value, order="deterministic")


def _cache_of(owner: Cache | HasCache) -> Cache:
    return owner if isinstance(owner, Cache) else owner.cache
