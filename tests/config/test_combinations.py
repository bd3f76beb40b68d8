"""What must fit together although each value is right by itself."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.model.addresses import is_loopback
from connector.model.errors import ConfigurationError
from connector.preflight.combinations import requires_seal
from connector.preflight.loading import load
from tests.config.reading import configuration, problems


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST", "::ffff:127.0.0.1"])
def test_on_loopback_a_seal_is_required_only_where_it_is_asked_for(host: str) -> None:
    assert not requires_seal(load(None, {"CONNECTOR__SERVER__HOST": host}).settings)
    assert requires_seal(load(None, {"CONNECTOR__SERVER__HOST": host, "CONNECTOR__SECURITY__REQUIRE_SEAL": "true"}).settings)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "127.1", "*", "::ffff:10.0.0.1", "2130706433"]
)
def test_beyond_loopback_a_seal_is_required_unless_that_is_switched_off_by_name(host: str) -> None:
    assert requires_seal(load(None, {"CONNECTOR__SERVER__HOST": host}).settings)

    off = {"CONNECTOR__SERVER__HOST": host, "CONNECTOR__SECURITY__ALLOW_UNSEALED_CLEANUP_BEYOND_LOOPBACK": "true"}
    assert not requires_seal(load(None, off).settings)


@pytest.mark.parametrize(
    ("limits", "key"),
    [
        ("header = 300000", "server.limits.head_total"),
        ("connections = 10\nconnections_per_address = 11", "server.limits.connections_per_address"),
    ],
)
def test_a_part_is_allowed_no_more_than_the_whole(limits: str, key: str, tmp_path: Path) -> None:
    (line,) = problems(tmp_path, f"[server.limits]\n{limits}")

    assert line.startswith(f"{key}: expected ")


def test_a_seal_cannot_be_required_and_be_switched_off(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "[security]\nrequire_seal = true\nallow_unsealed_cleanup_beyond_loopback = true")

    assert line.startswith("security.allow_unsealed_cleanup_beyond_loopback: expected false")


@pytest.mark.parametrize("network", ["10.0.0.1/8", "localhost", "", "10.0.0.0/33", "::/129"])
def test_callers_come_from_networks(tmp_path: Path, network: str) -> None:
    assert problems(tmp_path, f"server.allowed_callers = ['{network}']") == [
        "server.allowed_callers: expected networks such as 10.0.0.0/8 or 2001:db8::/32, without bits of a host (config.toml)"
    ]


@settings(deadline=None)
@given(st.text(min_size=1))
def test_whether_a_host_is_loopback_has_an_answer_for_any_text(host: str) -> None:
    assert is_loopback(host) in {True, False}


def test_all_combinations_that_cannot_work_are_named_at_once(tmp_path: Path) -> None:
    toml = """
    [security]
    require_seal = true
    allow_unsealed_cleanup_beyond_loopback = true
    [server]
    base_paths = ["", "/", "/a", "/a/cleanup", "/health/x"]
    mbse_base_paths = ["/a"]
    [end_system]
    profile = "nowhere"
    """

    found = problems(tmp_path, toml)

    assert [line.partition(":")[0] for line in found] == [
        "security.allow_unsealed_cleanup_beyond_loopback",
        "server.base_paths[1]",
        "server.base_paths[3]",
        "server.base_paths[4]",
        "server.mbse_base_paths[0]",
        "server.mbse_base_paths[0]",
        "end_system.profile",
    ]


@pytest.mark.parametrize(
    "path", ["/", "a", "/a/", "//", "/a//b", "/a?b", "/a#b", "/{a}", "/a b", "/a\n", "/..", "/a/./b", "/%2e", "/ä"]
)
def test_a_base_path_has_one_plain_spelling(tmp_path: Path, path: str) -> None:
    (line,) = problems(tmp_path, "", {"CONNECTOR__SERVER__MBSE_BASE_PATHS": json.dumps([path])})

    assert line.startswith("server.mbse_base_paths[0]: expected a path such as /sdk-api/api/1.0")


def test_no_path_at_all_would_serve_nothing(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "server = { base_paths = [], mbse_base_paths = [] }")

    assert line.startswith("server.base_paths: expected a path here or in server.mbse_base_paths")


PATHS = st.lists(st.sampled_from(["", "/a", "/b", "/a/cleanup", "/a/discover", "/cleanup", "/a/b", "/a/cleanup/x"]), max_size=3)


@settings(deadline=None)
@given(plain=PATHS, mbse=PATHS)
def test_the_paths_that_are_accepted_lead_each_call_to_one_place(plain: list[str], mbse: list[str]) -> None:
    values = {"CONNECTOR__SERVER__BASE_PATHS": plain, "CONNECTOR__SERVER__MBSE_BASE_PATHS": mbse}
    environ = {name: json.dumps(paths) for name, paths in values.items()}
    try:
        server = load(None, environ).settings.server
    except ConfigurationError:
        return
    urls = [*_urls([*server.base_paths, *server.mbse_base_paths])]
    assert len(urls) == len({*urls})


def _urls(bases: list[str]) -> Iterator[str]:
    """Every URL that the calls could be asked for under some bases, with ids that look like parts of a path."""
    for base, call in product(bases, ["/discover", "/cleanup/discover", "/cleanup/x"]):
        yield base + call


def test_an_end_system_that_cannot_work_is_named(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "[end_system]\nsettings = { a = 1 }")

    assert line.startswith("end_system.settings: expected none")
    found = configuration(tmp_path, "[end_system]\nprofile = 'tests.config.desk.Desk'\nsettings = { pin = '1' }")
    assert found.settings.end_system.settings == {"pin": "1"}


def test_a_ledger_in_a_database_needs_the_name_of_a_variable_with_its_address(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "[ledger]\nstore = 'postgres'")

    assert line.startswith("ledger.dsn_env: expected the name of the variable with the database's address")


def test_an_address_of_a_database_without_the_store_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, "[ledger]\ndsn_env = 'LEDGER_DSN'") == [
        "ledger.store: expected postgres, because ledger.dsn_env is set"
    ]


@pytest.mark.parametrize("pasted", ["postgresql://c:s3cret@db/ledger", "host=db password=s3cret", ""])
def test_an_address_in_the_place_of_its_variables_name_is_refused_and_not_repeated(tmp_path: Path, pasted: str) -> None:
    (line,) = problems(tmp_path, f"[ledger]\nstore = 'postgres'\ndsn_env = '{pasted}'")

    assert line.startswith("ledger.dsn_env: expected text that matches")
    assert "s3cret" not in line
