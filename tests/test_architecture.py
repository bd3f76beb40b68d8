"""Who may know whom: read from the imports, so that the shape in docs/design.md stays the shape of the code."""

import ast
import gc
import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, is_dataclass
from enum import Enum
from functools import cache, partial
from importlib import import_module
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType, MappingProxyType, ModuleType, NoneType
from typing import get_origin

import msgspec
import pytest
from pydantic import BaseModel

from connector.preflight.drivers import BUILT_IN
from drivers.aiocached.aiocache_driver import CAPABILITIES

ROOT = Path(__file__).parent.parent
AIOHTTP_INTERNALS = {"base_protocol", "client_proto", "http_exceptions", "http_parser", "http_writer", "web_protocol"}
CONNECTIONS = ("connector/api/parser.py", "connector/api/connection.py", "connector/api/unread.py")
CONNECTIONS_TO_END_SYSTEMS = ("connector/endsystems/http/forgiving.py", "connector/endsystems/http/kept.py")
"""The one reads answers that aiohttp's client gives up, the other keeps a connection."""
CLIENTS = {
    "connector/endsystems/": "end systems",
    "connector/sessions/session.py": "nothing: it hands on the clients that end systems make",
    "connector/cli/control_client.py": "the server on this machine, over a Unix socket",
    "connector/doctor/public_url.py": "the public address of the server itself",
    "connector/rehearsal/client.py": "the connectors that are rehearsed",
    "connector/rehearsal/front.py": "the end system that a rehearsal stands before",
    "connector/testing/": "the connector that its author tests",
}
"""Who opens connections, and to what."""
FOR_AUTHORS = ("connector/public.py", "connector/cli/running.py", "connector/testing/")
"""What a connector's author starts from."""
BOUNDARIES = {
    "connector/api/boundary.py": "the outermost middleware",
    "connector/runtime/steps.py": "a concurrent step of a cleanup",
    "connector/runtime/supervision.py": "background loops",
    "drivers/group_commit.py": "a batch of works that share a commit",
    "connector/ledger/postgres/transactions.py": "one of the works that share a commit",
    "drivers/sqlite_writer.py": "one of the works that share a commit",
    "drivers/threads.py": "work in a thread, whose caller gets to see what it raises",
    "drivers/shared.py": "a constructor of anybody's exception, which may do anything",
}
"""Where everything may be caught."""
CANCELLATION = ("drivers/cancellation.py", "drivers/testing/", "connector/ledger/testing/")
"""Who may tell one cancellation from another: the one place that does, and the suites that cancel drivers and ledgers."""
TASKS = {
    "connector/runtime/supervision.py": "background loops, and what outlives a request",
    "drivers/group_commit.py": "the writer",
    "drivers/sqlite_writer.py": "the end of the writer",
    "drivers/sqlite/sqlite_driver.py": "opening the file for all who wait for it",
    "drivers/sqlite/bound.py": "making room in the file, which the next put begins again if it fails",
}
"""Who may begin tasks that are in no group; what they run ends by itself, or has a boundary."""
OPENS_FILES = {
    "connector/cli/": "commands, in processes of their own",
    "connector/config/near_misses.py": "a profile, at the start",
    "connector/config/sources.py": "the start",
    "connector/doctor/file_system.py": "a command",
    "connector/endsystems/profile/bundled.py": "the start: profiles",
    "connector/endsystems/http/egress.py": "the start: certificates",
    "connector/ledger/sqlite/inspection.py": "the start, and commands",
    "connector/console/assets.py": "the start",
    "connector/preflight/console_token.py": "the start",
    "connector/preflight/keyfile.py": "the start",
    "connector/preflight/key_changes.py": "commands",
    "connector/preflight/listener.py": "the start; a hang-up, at which what cannot be opened is told",
    "connector/ledger/sqlite/lock.py": "the start; held for as long as the server runs",
    "connector/runtime/certificates.py": "the start; a hang-up, at which what cannot be opened is told",
    "connector/runtime/ownership.py": "the start",
    "connector/runtime/processes.py": "the start, and a replica that was taken for gone; what cannot be opened tells nothing",
    "connector/ledger/sqlite/moving_in.py": "a command",
    "connector/ledger/sqlite/backup.py": "a command writes or reads it, and no server",
    "connector/ledger/sqlite/restored_file.py": "a command makes it while no server runs",
    "connector/ledger/sqlite/reading.py": "commands",
    "connector/ledger/sqlite/recovery.py": "the start",
    "connector/ledger/sqlite/reserve.py": "a disk that was full; what cannot be opened is told, and tried again",
    "connector/ledger/sqlite/salvage.py": "the start",
    "connector/ledger/sqlite/schema.py": "the start",
    "connector/rehearsal/": "a command",
    "connector/runtime/signals.py": "a hang-up; what cannot be opened counts as no terminal",
    "drivers/aiocached/secret_settings.py": "the start",
    "drivers/sqlite_file.py": "the start, and a file that was damaged, removed or replaced",
    "drivers/sqlite_lock.py": "the start; held for as long as the file is in use",
}
"""Who opens files, and when: at the wrong moment a process has no descriptor left. What is needed later is held open."""
STARTS_A_CONNECTOR = "connector/cli/new.py"
"""It makes an author's source files, which have the mode that he gives all others."""
KNOW_THE_STORE = {
    "connector/ledger/postgres/": "the store itself",
    "connector/ledger/sql/": "what is the same for all stores",
    "connector/ledger/sqlite/": "the store itself",
    "connector/assembly/ledgers.py": "which ledger there is",
    "connector/cli/ledger_at_rest.py": "the ledger of a server that is down",
    "connector/cli/backup_commands.py": "a ledger that is written into a backup, or made of one",
    "connector/cli/ledger_commands.py": "a ledger that moves from one store to another",
    "connector/preflight/ledger_store.py": "whether the address of its database is one",
    "connector/preflight/keyfile.py": "whether the ledger needs keys that are lost",
}
"""Who knows in what the ledger is kept. Everybody else knows what it promises: `connector/ledger/port.py`."""
SQL = re.compile(r"\b(SELECT|INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|PRAGMA) ")
MAKES_FOLDERS = "drivers/folders.py"
IN_A_PRIVATE_FOLDER = "connector/ledger/sqlite/salvage.py"
"""Copies files into a temporary folder, which is nobody else's."""
FLOORS = (
    ("cli",),
    ("testing",),
    ("server",),
    ("app",),
    ("assembly", "console"),
    ("api", "doctor"),
    ("admin",),
    ("workers",),
    ("cleanups", "rehearsal"),
    ("sessions",),
    ("preflight",),
    ("ledger", "endsystems"),
    ("telemetry",),
    ("cache",),
    ("config",),
    ("runtime",),
    ("model", "version"),
)
"""The connector's folders and its few loose modules, the outermost first: each knows only what stands below it."""


LONGEST_NAME = 80
"""Characters of a test's name."""
CONTAINERS = (dict, list, tuple, set, frozenset, MappingProxyType, partial)


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the project."""

    file: str
    tree: ast.Module

    @property
    def imports(self) -> set[str]:
        """Dotted names of what it imports, at the top or later; `from a import b` is `a.b`."""
        names = set()
        for node in ast.walk(self.tree):
            match node:
                case ast.Import():
                    names |= {alias.name for alias in node.names}
                case ast.ImportFrom():
                    assert node.level == 0, f"{self.file}: imports are absolute"
                    names |= {f"{node.module}.{alias.name}" for alias in node.names}
        return names

    @property
    def dotted(self) -> str:
        """Its name where it is imported."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def imports_any(self, *packages: str) -> bool:
        return any(_is_in(name, package) for name in self.imports for package in packages)

    @property
    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


@cache
def modules() -> tuple[Module, ...]:
    return _within("connector", "drivers")


@cache
def of_tests() -> tuple[Module, ...]:
    return _within("tests", "drivers/testing")


def _within(*folders: str) -> tuple[Module, ...]:
    files = chain.from_iterable((ROOT / folder).rglob("*.py") for folder in folders)
    return tuple(Module(file.relative_to(ROOT).as_posix(), ast.parse(file.read_text("utf-8"))) for file in sorted(files))


def outside(*places: str) -> list[Module]:
    """The project's modules, without those at these places: a file, or a folder with a slash at its end."""
    return [module for module in modules() if not module.file.startswith(places)]


def test_drivers_know_nothing_of_the_connector_and_of_http() -> None:
    drivers = [module for module in modules() if module.file.startswith("drivers/")]

    assert [module.file for module in drivers if module.imports_any("connector", "aiohttp", "yarl")] == []


def test_only_the_http_edge_knows_the_server_side_of_aiohttp() -> None:
    rest = outside("connector/api/", "connector/console/", "connector/app.py", "connector/server.py", *FOR_AUTHORS)

    assert [module.file for module in rest if module.imports_any("aiohttp.web")] == []


def test_only_the_end_systems_open_outgoing_connections_over_http() -> None:
    libraries = ("aiohttp.ClientSession", "http.client", "urllib.request", "requests", "httpx")
    rest = outside(*CLIENTS)

    assert [module.file for module in rest if module.imports_any(*libraries) or "aiohttp" in module.imports] == []


def test_only_the_parts_of_a_connection_reach_into_aiohttp() -> None:
    rest = outside(*CONNECTIONS, *CONNECTIONS_TO_END_SYSTEMS)

    assert [module.file for module in rest if any(map(_is_internal, module.imports))] == []


def test_nothing_is_served_without_the_bounds_of_a_connection() -> None:
    unbounded = {"AppRunner", "ServerRunner", "run_app", "Server"}
    rest = outside("connector/api/parser.py", "connector/testing/on_a_free_port.py")
    called = {module.file: {call.func.attr for call in module.calls if isinstance(call.func, ast.Attribute)} for module in rest}

    assert [file for file, names in called.items() if names & unbounded] == []


@pytest.mark.parametrize(
    ("package", "importers"),
    [
        ("connector.cli", ("connector/cli/", "connector/__main__.py")),
        ("connector.server", ("connector/cli/",)),
        ("connector.app", ("connector/server.py",)),
        ("connector.assembly", ("connector/assembly/", "connector/app.py")),
        ("connector.console", ("connector/console/", "connector/app.py")),
        (
            "connector.api",
            ("connector/api/", "connector/app.py", "connector/assembly/", "connector/console/", "connector/server.py"),
        ),
    ],
)
def test_what_lies_further_out_is_known_only_further_out(package: str, importers: tuple[str, ...]) -> None:
    assert [
        module.file for module in outside(*importers, "connector/public.py", "connector/testing/") if module.imports_any(package)
    ] == []


def test_only_the_application_wires_its_parts_together() -> None:
    wiring = {"Orchestrator", "Planner", "Admin", "Parts"}

    assert [
        module.file
        for module in outside("connector/app.py", "connector/assembly/")
        if any(isinstance(call.func, ast.Name) and call.func.id in wiring for call in module.calls)
    ] == []


def test_only_the_check_before_the_start_makes_drivers_and_the_end_system() -> None:
    trials = ("connector/cli/", "connector/rehearsal/")
    makers = {"build_drivers", "build_end_system", "driver_class"}

    assert [
        module.file
        for module in outside("connector/preflight/", *trials)
        if any(isinstance(call.func, ast.Name) and call.func.id in makers for call in module.calls)
    ] == []


def test_the_edge_reaches_through_no_part_for_another() -> None:
    settings = ("self.server.", "self.settings.", "served.settings.")

    assert [
        f"{module.file}: {path}"
        for module in modules()
        if module.file.startswith("connector/api/")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        if re.fullmatch(r"(self|served)(\.[a-z]\w*){3}", path := ast.unparse(node))
        if not path.startswith(settings)
    ] == []


def test_no_answer_is_raised_to_learn_its_status() -> None:
    handlers = [
        (module.file, handler)
        for module in modules()
        if module.file.startswith("connector/api/")
        for handler in _handlers(module)
    ]

    assert [
        f"{file}:{handler.lineno}"
        for file, handler in handlers
        for node in ast.walk(handler)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == f"{handler.name}.status"
    ] == []


def test_a_login_is_used_and_ended_only_where_its_end_system_is_known() -> None:
    """The trial of a profile brings a credential that a person has typed for this very address."""
    known = {
        "connector/sessions/logouts.py": "logout",
        "connector/sessions/session.py": "client",
        "connector/cli/trial.py": "logout",
    }
    calls = [(module.file, call.func) for module in modules() for call in module.calls]

    assert {
        (file, called.attr)
        for file, called in calls
        if isinstance(called, ast.Attribute) and called.attr in {"logout", "client"} and "end_system" in ast.unparse(called.value)
    } == {*known.items()}


def test_every_folder_of_the_connector_knows_only_those_below_it() -> None:
    floor_of = {f"connector.{name}": floor for floor, names in enumerate(FLOORS) for name in names}
    entrances = {"connector", "connector.public", "connector.__main__"}  # what authors import, and what `python -m` runs
    files = {module.dotted: module for module in modules() if module.file.startswith("connector/")}
    needs = {
        (_folder_of(name), _folder_of(found))
        for name, module in files.items()
        for imported in module.imports
        if (found := _module_of(imported, files))
    }

    assert {_folder_of(name) for name in files} - entrances == floor_of.keys()
    assert [
        f"{above} -> {below}"
        for above, below in sorted(needs)
        if above != below and above not in entrances and floor_of[above] >= floor_of[below]
    ] == []


def test_only_the_application_and_readers_of_its_file_know_the_ledgers_store() -> None:
    rest, stores = outside(*KNOW_THE_STORE), ("connector.ledger.sql", "connector.ledger.sqlite", "connector.ledger.postgres")

    assert [module.file for module in rest if module.imports_any(*stores)] == []


def test_no_part_of_the_connector_works_with_a_ledger_in_memory() -> None:
    rest = outside("connector/ledger/testing/")

    assert [module.file for module in rest if module.imports_any("connector.ledger.testing")] == []


def test_what_an_administrator_is_shown_and_does_has_one_service_behind_every_face() -> None:
    faces = [
        module
        for module in modules()
        if module.file.startswith(("connector/api/control", "connector/cli/", "connector/console/"))
    ]
    known = {
        "connector/cli/ledger_at_rest.py": "opens the ledger for the service",
        "connector/cli/backup_commands.py": "reads the ledger as a whole, or makes one while no server and no service has it",
        "connector/cli/ledger_commands.py": "moves the ledger while no server and no service has it",
    }

    assert [
        module.file
        for module in faces
        if module.file not in known and module.imports_any("connector.ledger", "connector.workers")
    ] == []


def test_rows_of_the_ledger_are_read_by_name_and_not_by_position() -> None:
    """A pragma's or a count's one row of one column is no row of the ledger."""
    assert [
        f"{module.file}:{node.lineno}"
        for module in modules()
        if module.file.startswith("connector/ledger/")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in {"row", "values"}
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int)
    ] == []


def test_sql_is_spoken_by_the_store_alone() -> None:
    stores = ("connector/ledger/postgres/", "connector/ledger/sql/", "connector/ledger/sqlite/")
    connector = [module for module in outside(*stores) if module.file.startswith("connector/")]

    assert [
        module.file
        for module in connector
        if module.imports_any("sqlite3", "psycopg") or any(map(_is_sql, ast.walk(module.tree)))
    ] == []


def test_nobody_judges_a_driver_by_its_name_instead_of_what_it_declares() -> None:
    names = {*BUILT_IN, *CAPABILITIES} - {"memory", "sqlite"}

    assert [
        f"{module.file}:{node.lineno}"
        for module in modules()
        if module.file.startswith("connector/")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Compare | ast.Set | ast.List | ast.Tuple)
        if names & {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
    ] == []


def _is_sql(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value) is not None


def test_no_two_classes_have_one_name() -> None:
    homes = defaultdict(list)
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name.lstrip("_")].append(module.file)

    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_no_two_modules_have_one_name() -> None:
    homes = defaultdict(list)
    for module in modules():
        homes[Path(module.file).stem].append(module.file)

    assert {name: files for name, files in homes.items() if len(files) > 1 and name != "__init__"} == {}


@pytest.mark.parametrize(
    ("text", "home"),
    [
        ("transfer-encoding", ["connector/model/headers.py"]),
        ("Retry-After", ["connector/endsystems/http/response.py", "connector/model/retry_after.py"]),
        ("CONNECTOR_LEDGER_KEYS", ["connector/config/variables.py"]),
        ("CONNECTOR_CONFIG", ["connector/config/variables.py"]),
        ("***", ["connector/model/redaction.py"]),
    ],
)
def test_a_name_that_several_modules_need_stands_in_one_place(text: str, home: list[str]) -> None:
    """`Retry-After` is read of an end system, and written for a caller."""
    assert [
        module.file
        for module in modules()
        if any(isinstance(node, ast.Constant) and node.value == text for node in ast.walk(module.tree))
    ] == home


def test_no_name_of_a_test_is_longer_than_a_line_of_a_report() -> None:
    functions = (node for module in of_tests() for node in ast.walk(module.tree))
    names = [node.name for node in functions if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    assert [name for name in names if name.startswith("test_") and len(name) > LONGEST_NAME] == []


def test_no_test_takes_streams_or_the_working_directory_from_all_others() -> None:
    """A server of the same process may log into a stream that is swapped; a thread that changes the directory changes it for all.

    What a command prints is read from a process of its own: `tests.cli.command`.
    """
    of_all = ("typer.testing", "click.testing", "contextlib.redirect_stdout", "contextlib.redirect_stderr", "contextlib.chdir")
    programs = {"tests/cli/another_user.py", "tests/endsystems/real_roundup_server.py"}

    assert {module.file for module in of_tests() if module.imports_any(*of_all)} == programs


def test_no_module_shadows_a_dependency() -> None:
    imported = {name.partition(".")[0] for module in modules() for name in module.imports}
    taken = {*imported, *packages_distributions()} - {"connector", "drivers"}

    assert [module.file for module in modules() if Path(module.file).stem in taken] == []


def test_no_default_is_a_mutable_object_or_the_environment_of_the_process() -> None:
    """`help()` prints defaults: the environment holds secrets."""
    found = [*defaults()]

    assert ("create_app", None) in found
    assert [name for name, default in found if not is_immutable(default)] == []


def defaults() -> Iterator[tuple[str, object]]:
    """The default of every parameter of a function or method of the project, with the function's name."""
    for module in modules():
        if module.dotted != "connector.__main__":
            owned = vars(import_module(module.dotted)).values()
            classes = [each for each in owned if isinstance(each, type) and each.__module__ == module.dotted]
            for function in filter(inspect.isfunction, chain(owned, *(vars(each).values() for each in classes))):
                values = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
                if function.__code__.co_filename == str(ROOT / module.file):
                    yield from ((function.__qualname__, value) for value in values)


def is_immutable(value: object) -> bool:
    plain = (NoneType, bool, int, float, str, bytes, Enum, PurePath, type, FunctionType, BuiltinFunctionType)
    match value:
        case tuple() | frozenset():
            return all(map(is_immutable, value))
        case MappingProxyType():
            return not value
        case BaseModel():
            return bool(value.model_config.get("frozen"))
        case msgspec.Struct():
            return bool(value.__struct_config__.frozen)
        case _ if is_dataclass(value):
            return bool(getattr(value, "__dataclass_params__").frozen)  # noqa: B009 - no type knows it
    return isinstance(value, plain) or get_origin(value) is not None


def test_nothing_is_pickled() -> None:
    assert [module.file for module in modules() if module.imports_any("pickle", "shelve", "marshal")] == []


def test_whoever_catches_everything_raises_it_again_or_is_a_known_boundary() -> None:
    assert [module.file for module in outside(*BOUNDARIES) if _catches_everything(module)] == []


def test_whoever_catches_everything_takes_a_stray_cancellation_for_a_defect() -> None:
    assert [
        module.file
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Try) and any(map(_swallows_all, node.handlers)) and not _minds_stray_cancellation(node)
    ] == []


def test_one_module_alone_tells_one_cancellation_from_another() -> None:
    assert [module.file for module in outside(*CANCELLATION) if _knows_cancellations(module)] == []


def test_no_other_than_the_owners_of_tasks_begins_one_outside_a_group() -> None:
    assert [
        module.file
        for module in outside(*TASKS, "drivers/testing/", "connector/ledger/testing/")
        for call in module.calls
        if ast.unparse(call.func) in {"asyncio.create_task", "asyncio.ensure_future", "asyncio.get_running_loop().create_task"}
    ] == []


def test_nobody_needs_the_threads_that_an_event_loop_has_for_all() -> None:
    shared = ("to_thread", "run_in_executor", "getaddrinfo", "open_connection", "create_connection")
    # Two pass on what others ask: aiohttp with our own resolver, and the loop. Two connect to an address, which is not looked up.
    known = (
        "drivers/host_names.py",
        "connector/api/doors.py",
        "connector/doctor/reach.py",
        "connector/endsystems/http/kept.py",
        "connector/runtime/event_loop.py",
        "drivers/aiocached/redis_proxy.py",
    )

    assert [module.file for module in outside(*known) for call in module.calls if ast.unparse(call.func).endswith(shared)] == []


def test_whatever_a_server_prints_goes_through_an_outlet() -> None:
    known = ("connector/runtime/outlet.py", "connector/telemetry/logs.py", "connector/cli/", "connector/preflight/reference.py")
    streams = ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__")

    assert [
        module.file
        for module in outside(*known)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in streams
    ] == []


def test_one_way_to_ask_for_a_file_tells_a_closed_folder_from_an_empty_one() -> None:
    ways = {"exists", "is_file", "is_dir", "is_socket"}

    assert [
        f"{module.file}:{call.lineno}"
        for module in modules()
        if module.file.startswith("connector/")
        for call in module.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in ways
    ] == []


def test_one_module_alone_knows_the_engine_of_the_profiles_patterns() -> None:
    assert [module.file for module in outside("connector/endsystems/profile/patterns.py") if module.imports_any("re2")] == []


def test_no_pattern_of_pythons_engine_which_backtracks_comes_from_elsewhere() -> None:
    patterns = [
        (module.file, call.args[0])
        for module in modules()
        for call in module.calls
        if ast.unparse(call.func).startswith("re.") and ast.unparse(call.func) != "re.escape"
    ]
    assert len(patterns) > 20

    assert [file for file, pattern in patterns if not isinstance(pattern, ast.Constant)] == []


def test_no_failure_becomes_data_in_a_gather() -> None:
    assert [
        module.file
        for module in modules()
        for call in module.calls
        if any(key.arg == "return_exceptions" for key in call.keywords)
    ] == []


def test_every_exception_is_made_where_it_is_raised() -> None:
    assert [module.file for module in modules() if any(_raises_constant(node) for node in ast.walk(module.tree))] == []


def test_no_module_holds_an_exception() -> None:
    """One that is raised again and again keeps the frames of every raise, and with these the requests."""
    importable = [module.dotted for module in modules() if not module.file.endswith("__main__.py")]

    assert {name: found for name in importable if (found := [*exceptions_in(import_module(name))])} == {}


def exceptions_in(module: ModuleType) -> Iterator[BaseException]:
    """Exceptions that a module holds: by a name, in a container, a class or a value of ours, or as the default of a function."""
    seen: set[int] = set()
    held = [*vars(module).values()]
    while held:
        value = held.pop()
        if isinstance(value, BaseException):
            yield value
        elif id(value) not in seen:
            seen.add(id(value))
            held += _held_by(value)


def _held_by(value: object) -> Iterable[object]:
    if isinstance(value, FunctionType):
        return [value.__defaults__, value.__kwdefaults__, *gc.get_referents(*(value.__closure__ or ()))]
    home = str(getattr(value if isinstance(value, type) else type(value), "__module__", ""))
    ours = _is_in(home, "connector") or _is_in(home, "drivers")
    return gc.get_referents(value) if ours or isinstance(value, CONTAINERS) else ()


def _raises_constant(node: ast.AST) -> bool:
    match node:
        case ast.Raise(exc=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name.isupper()
    return False


def test_one_module_alone_makes_folders_so_that_all_are_private() -> None:
    assert [
        module.file
        for module in outside(MAKES_FOLDERS, STARTS_A_CONNECTOR)
        if {*map(_called, module.calls)} & {"mkdir", "makedirs"}
    ] == []


def test_every_file_that_is_made_has_mode_0600() -> None:
    rest = outside(IN_A_PRIVATE_FOLDER, STARTS_A_CONNECTOR)

    assert [f"{module.file}:{call.lineno}" for module in rest for call in module.calls if _makes_an_open_file(call)] == []


def test_files_are_opened_at_the_start_so_that_no_descriptor_is_needed_later() -> None:
    rest = outside(*OPENS_FILES)

    assert [f"{module.file}:{call.lineno}" for module in rest for call in module.calls if _opens_a_file(call)] == []


def _opens_a_file(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name("os" | "io"), attr="open") | ast.Attribute(value=ast.Name("sqlite3"), attr="connect"):
            return True
        case ast.Name("open") | ast.Attribute(value=ast.Call(func=ast.Name("Path")), attr="open"):
            return True
        case ast.Attribute(attr="open") if {key.arg for key in call.keywords} & {"mode", "encoding", "buffering"}:
            return True
        case ast.Attribute(attr="open") if call.args and re.fullmatch(r"'[rwxabt+]+'", ast.unparse(call.args[0])):
            return True
    return _called(call) in {"FileIO", "read_text", "read_bytes", "write_text", "write_bytes", "create_default_context"}


def _called(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _makes_an_open_file(call: ast.Call) -> bool:
    """Whether a call may make a file whose mode is left to the umask."""
    flags_or_mode = " ".join(map(ast.unparse, call.args[:2]))
    match _called(call):
        case "open" if "O_CREAT" in flags_or_mode:
            return len(call.args) < 3 or ast.literal_eval(call.args[2]) != 0o600
        case "open":
            texts = [node.value for node in (*call.args, *(key.value for key in call.keywords)) if isinstance(node, ast.Constant)]
            return any(re.fullmatch(r"[rwxabt+]+", str(text)) and {*"wxa"} & {*str(text)} for text in texts)
        case name:
            return name in {"write_text", "write_bytes", "touch", "copy", "copy2", "copyfile", "copytree"}


def _is_in(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def _module_of(name: str, known: Collection[str]) -> str | None:
    """The module that a dotted name is of: it, or the one that it is in."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


def _folder_of(name: str) -> str:
    """The folder of the connector in which a module lies; one that lies in none stands for itself."""
    return ".".join(name.split(".")[:2])


def _is_internal(name: str) -> bool:
    package, *parts = name.split(".")
    return package == "aiohttp" and any(part in AIOHTTP_INTERNALS or part.startswith("_") for part in parts)


def _handlers(module: Module) -> Iterator[ast.ExceptHandler]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.ExceptHandler))


def _minds_stray_cancellation(node: ast.Try) -> bool:
    """Whether all that a boundary catches from stands in the context that makes a defect of a stray cancellation."""
    match node.body:
        case [ast.With(items=[ast.withitem(context_expr=ast.Name("cancelled_only_if_asked")), *_])]:
            return True
    return False


def _catches_everything(module: Module) -> bool:
    return any(map(_swallows_all, ast.walk(module.tree)))


def _knows_cancellations(module: Module) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "CancelledError" for node in ast.walk(module.tree))


def _swallows_all(node: ast.AST) -> bool:
    match node:
        case ast.ExceptHandler(type=None):
            caught = {"BaseException"}
        case ast.ExceptHandler(type=ast.expr() as named):
            caught = _names_in(named)
        case ast.Call() if _called(node) == "suppress":
            caught = _names_in(*node.args)
        case _:
            return False
    raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    return not caught.isdisjoint({"Exception", "BaseException"}) and not raises


def _names_in(*nodes: ast.expr) -> set[str]:
    return {name.id for node in nodes for name in ast.walk(node) if isinstance(name, ast.Name)}


@pytest.mark.parametrize(
    ("places", "does"),
    [
        (BOUNDARIES, _catches_everything),
        (CANCELLATION, _knows_cancellations),
        (OPENS_FILES, lambda module: any(map(_opens_a_file, module.calls))),
    ],
    ids=["boundaries", "cancellations", "files"],
)
def test_each_place_that_may_do_what_others_may_not_does_it(places: Collection[str], does: Callable[[Module], bool]) -> None:
    doing = [module.file for module in modules() if does(module)]

    assert [place for place in places if not any(file.startswith(place) for file in doing)] == []
