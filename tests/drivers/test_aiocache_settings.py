"""The settings of an aiocache instance, and what in the surroundings keeps it from working."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.aiocached import AiocacheDriver, AiocacheSettings
from drivers.driver_errors import DriverMisconfigured
from drivers.testing.subject import opened

PASSWORD = "canary-5up3r"
FILE = Path(__file__)


def complaints(**table: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refused:
        AiocacheSettings.model_validate(table)
    assert PASSWORD not in f"{refused.value} {refused.value!r}"
    return [(".".join(map(str, error["loc"])), error["msg"]) for error in refused.value.errors()]


@pytest.mark.parametrize(
    "table",
    [
        {"backend": "memory"},
        {"backend": "memory", "max_bytes": 1},
        {"backend": "memcached", "host": "cache", "port": 1, "namespace": "a.b_c-1", "pool_size": 1},
        {"backend": "redis", "database": 3, "username": "me", "password": PASSWORD, "tls": True, "ca_file": FILE},
        {"backend": "redis", "username": "me", "password_file": FILE},
        {"backend": "redis", "tls": True, "client_certificate": FILE, "client_key": FILE},
        {"backend": "redis", "tls": True, "client_certificate": FILE},
        {"backend": "redis", "unix_socket_path": "/run/redis.sock", "password_file": FILE, "database": 1},
        {"backend": "redis", "sentinels": ["one:26379", "[::1]:26379"], "master_name": "mymaster"},
        {"backend": "redis", "sentinels": ["one:1"], "master_name": "m", "sentinel_username": "me", "sentinel_password_env": "P"},
        {"backend": "redis", "password_env": "REDIS_PASSWORD", "connect_timeout": 0.5, "operation_timeout": 60},
    ],
    ids=str,
)
def test_what_fits_together_is_accepted(table: dict[str, Any]) -> None:
    AiocacheSettings.model_validate(table)


@pytest.mark.parametrize(("backend", "port"), [("redis", 6379), ("memcached", 11211)])
def test_each_server_has_its_usual_port(backend: str, port: int) -> None:
    assert AiocacheSettings.model_validate({"backend": backend}).address == ("127.0.0.1", port)


@pytest.mark.parametrize(
    ("backend", "key", "value"),
    [
        *[(backend, "password", PASSWORD) for backend in ("memory", "memcached")],
        *[(backend, "password_file", FILE) for backend in ("memory", "memcached")],
        *[(backend, "tls", True) for backend in ("memory", "memcached")],
        *[(backend, "database", 0) for backend in ("memory", "memcached")],
        *[(backend, "max_bytes", 1) for backend in ("redis", "memcached")],
        *[("memory", key, value) for key, value in [("host", "cache"), ("port", 1), ("namespace", "a"), ("pool_size", 1)]],
    ],
)
def test_a_key_without_a_meaning_for_the_back_end_is_named(backend: str, key: str, value: object) -> None:
    assert complaints(backend=backend, **{key: value}) == [
        (key, f"Value error, has no meaning for the back end {backend}; leave it out")
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"username": "me"}, "together with the username"),
        ({"password": PASSWORD, "password_file": FILE}, "one of password, password_env and password_file"),
        ({"password_env": "P", "password_file": FILE}, "one of password, password_env and password_file"),
        ({"ca_file": FILE}, "tls = true"),
        ({"client_certificate": FILE}, "tls = true"),
        ({"tls": True, "client_key": FILE}, "expected a client_certificate"),
        ({"unix_socket_path": "/s", "host": "redis"}, "one of host and port, unix_socket_path, and sentinels"),
        ({"sentinels": ["one:1"], "master_name": "m", "port": 1}, "one of host and port, unix_socket_path, and sentinels"),
        ({"unix_socket_path": "/s", "tls": True}, "no tls together with the unix_socket_path"),
        ({"sentinels": ["one:1"]}, "expected a master_name together with the sentinels"),
        ({"master_name": "m"}, "expected sentinels together with the master_name"),
        ({"sentinel_password": PASSWORD}, "expected sentinels together with the sentinel_password"),
        (
            {"sentinels": ["one:1"], "master_name": "m", "sentinel_password": PASSWORD, "sentinel_password_env": "P"},
            "expected one of sentinel_password, sentinel_password_env and sentinel_password_file at most",
        ),
        (
            {"sentinels": ["one:1"], "master_name": "m", "sentinel_username": "me"},
            "together with the sentinel_username",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_together_is_explained(table: dict[str, Any], words: str) -> None:
    ((_, message),) = complaints(backend="redis", **table)
    assert words in message


@pytest.mark.parametrize(
    "sentinel", ["", "one", "one:", ":1", "one:port", "one:1:2", "::1:26379", "a b:1", "redis://one:1", "one:1\n"]
)
def test_a_sentinel_is_a_host_and_a_port(sentinel: str) -> None:
    ((key, _),) = complaints(backend="redis", sentinels=[sentinel], master_name="m")
    assert key.startswith("sentinels")


@pytest.mark.parametrize("namespace", ["", "a b", "a:b", "{a}", "a\n", "ä", "a" * 65, "*"])
def test_a_namespace_has_no_character_that_means_something_to_a_server(namespace: str) -> None:
    ((key, _),) = complaints(backend="redis", namespace=namespace)
    assert key == "namespace"


@pytest.mark.parametrize("table", [{}, {"backend": "postgres"}, {"backend": "redis", "hots": "x"}], ids=str)
def test_a_missing_back_end_or_a_mistyped_key_is_an_error(table: dict[str, Any]) -> None:
    assert complaints(**table)


def test_a_password_does_not_show_in_the_settings() -> None:
    settings = AiocacheSettings.model_validate({"backend": "redis", "password": PASSWORD})
    assert PASSWORD not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize("backend", ["redis", "memcached", "memory"])
async def test_it_refuses_to_start_where_aiocache_was_told_to_do_nothing(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOCACHE_DISABLE", "1")
    with pytest.raises(DriverMisconfigured, match="AIOCACHE_DISABLE"):
        async with opened(AiocacheDriver("shared", AiocacheSettings.model_validate({"backend": backend}))):
            pass
