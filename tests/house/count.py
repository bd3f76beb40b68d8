"""What is counted of a checkout."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.house.cycles import Arrows, cycles
from tests.house.source import HOUSE, Module, modules, place_of


@dataclass(frozen=True, slots=True)
class Longest:
    """The longest one of a kind, in lines."""

    name: str
    lines: int


@dataclass(frozen=True, slots=True)
class House:
    """The layout of one checkout. A room is a folder of `connector/`, or all of `drivers/`."""

    rooms: int
    loose_modules: int
    """Modules that lie in no room: at the top of `connector/`."""
    arrows: int
    """Pairs of a room and another one that it imports from; a loose module counts as a room."""
    cycles_of_rooms: Sequence[Sequence[str]]
    cycles_of_modules: Sequence[Sequence[str]]
    shared_names: Sequence[str]
    """Names that two or more modules have; `__init__` and `__main__` are not names."""
    modules: int
    lines: int
    longest_module: Longest
    functions: int
    median_function: float
    longest_function: Longest
    comments_per_100_lines: float


def counted(checkout: Path) -> House:
    """Count one checkout. Raises `FileNotFoundError` if there is no `connector/` in it."""
    found = modules(checkout)
    if not any(module.name == HOUSE for module in found):
        raise FileNotFoundError(f"{checkout}: has no {HOUSE}/__init__.py")
    between_modules = imports(found)
    arrows = between_rooms(between_modules)
    places = {place_of(module.name) for module in found}
    loose = {module.name for module in found if place_of(module.name) == module.name and not module.is_package} | {HOUSE}
    functions = [Longest(name, lines) for module in found for name, lines in module.functions]
    lines = sum(module.lines for module in found)
    return House(
        rooms=len(places - loose),
        loose_modules=len(loose),
        arrows=sum(map(len, arrows.values())),
        cycles_of_rooms=cycles(arrows),
        cycles_of_modules=cycles(between_modules),
        shared_names=_shared_names(found),
        modules=len(found),
        lines=lines,
        longest_module=max((Longest(module.name, module.lines) for module in found), key=_length),
        functions=len(functions),
        median_function=median(function.lines for function in functions),
        longest_function=max(functions, key=_length),
        comments_per_100_lines=round(100 * sum(module.comment_lines for module in found) / lines, 1),
    )


def imports(found: Sequence[Module]) -> Arrows:
    """Return which module imports which."""
    known = {module.name for module in found}
    return {module.name: module.imported(known) for module in found}


def between_rooms(between_modules: Arrows) -> Arrows:
    """Return which room imports from which other one, by the imports of their modules."""
    arrows: dict[str, set[str]] = defaultdict(set)
    for importer, imported in between_modules.items():
        arrows[place_of(importer)] |= {place_of(name) for name in imported} - {place_of(importer)}
    return arrows


def _shared_names(found: Sequence[Module]) -> list[str]:
    names = Counter(module.name.rpartition(".")[2] for module in found if not module.is_package)
    return sorted(name for name, times in names.items() if times > 1 and name != "__main__")


def _length(longest: Longest) -> int:
    return longest.lines
