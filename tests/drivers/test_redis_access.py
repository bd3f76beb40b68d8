"""How the aiocache driver gets into a Redis, and which servers it refuses."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from drivers.aiocached import AiocacheDriver, AiocacheSettings, lua
from drivers.aiocached.redis_failures import FAILURES
from drivers.aiocached.translation import Translation
from drivers.contract import SessionScope, SystemScope, Usage
from drivers.driver_errors import DriverError, DriverFormatError, DriverMisconfigured, DriverUnavailable
from drivers.testing.subject import current, keep, opened, purge_all
from tests.drivers.redis_admin import administrator, run
from tests.drivers.stores import aiocache_driver
from tests.endsystems.certificates import authority
from tests.servers import RealServer, TlsFiles, redis_server

SESSION, SYSTEM = SessionScope("s1", "A"), SystemScope("A")
PASSWORD = "canary-5up3r"
PAGE = Path(__file__).parents[2] / "docs" / "drivers" / "aiocache-redis.md"


def documented_rule() -> str:
    """Return the line of an ACL file that the documentation shows."""
    (rule,) = [line for line in PAGE.read_text().splitlines() if line.startswith("    user connector ")]
    return rule


@pytest.fixture
def redis_with_password(redis_binary: None) -> Iterator[RealServer]:
    with redis_server("--requirepass", PASSWORD, authentication=f"AUTH {PASSWORD}") as server:
        yield server


@pytest.fixture
def redis_with_users(redis_binary: None, tmp_path: Path) -> Iterator[RealServer]:
    """With the one user that the documentation describes."""
    rule = documented_rule()
    users = tmp_path / "users.acl"
    users.write_text(f"user default off\n{rule.strip().replace('>PASSWORD', f'>{PASSWORD}')}\n")
    with redis_server("--aclfile", users, authentication=f"AUTH connector {PASSWORD}") as server:
        yield server


async def refusal(server: RealServer, **settings: Any) -> DriverError:
    with pytest.raises(DriverError) as refused:
        async with opened(aiocache_driver(server, "redis", **settings)):
            pass
    assert PASSWORD not in f"{refused.value} {refused.value!r} {refused.value.__cause__} {refused.value.__cause__!r}"
    return refused.value


async def test_the_password_comes_from_the_settings_a_variable_or_a_file(
    redis_with_password: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_PASSWORD_OF_THE_TEST", PASSWORD)
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    for source in ({"password": PASSWORD}, {"password_env": "REDIS_PASSWORD_OF_THE_TEST"}, {"password_file": file}):
        async with opened(aiocache_driver(redis_with_password, "redis", **source)) as driver:
            await driver.ping()


async def test_a_login_with_a_password_leaves_no_warning_of_the_library_in_the_log(
    redis_with_password: RealServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(aiocache_driver(redis_with_password, "redis", password=PASSWORD)) as driver:
        await driver.ping()

    assert [record.getMessage() for record in caplog.records if record.name.startswith("redis")] == []


async def test_a_password_that_is_not_where_the_settings_say_is_a_misconfiguration(
    redis_with_password: RealServer, tmp_path: Path
) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(b"\xff")
    for source in ({"password_env": "NO_SUCH_VARIABLE"}, {"password_file": empty}, {"password_file": binary}):
        assert isinstance(await refusal(redis_with_password, **source), DriverMisconfigured)


@pytest.mark.parametrize("given", [{}, {"password": "another"}, {"username": "nobody", "password": PASSWORD}], ids=str)
async def test_a_refused_login_is_a_misconfiguration_that_shows_no_password(
    redis_with_password: RealServer, given: dict[str, str]
) -> None:
    problem = await refusal(redis_with_password, **given)
    assert isinstance(problem, DriverMisconfigured)
    assert "refuses the user or the password" in str(problem)


async def test_the_documented_acl_user_can_do_all_that_the_driver_does(redis_with_users: RealServer) -> None:
    login: dict[str, Any] = {"username": "connector", "password": PASSWORD, "namespace": "opshub"}
    async with opened(aiocache_driver(redis_with_users, "redis", **login)) as driver:
        await keep(driver, SESSION, "key", b"value")
        await keep(driver, SYSTEM, "key", b"value")
        assert await current(driver, SESSION, "key") == b"value"
        await driver.delete(SYSTEM, "key")
        await driver.evict(SESSION, SYSTEM)
        await purge_all(driver)
        await driver.statistics()
        await keep(driver, SYSTEM, "key", b"value")
        assert await driver.usage(SYSTEM) == Usage(1, None), "that user may not ask for the size"
        await driver.ping()
        assert await driver.server() is not None


def test_the_documented_acl_user_may_run_what_the_scripts_do_and_nothing_else() -> None:
    called = {command.lower() for command in re.findall(r"redis\.p?call\('([A-Z]+)'", Path(lua.__file__).read_text())}
    may = {word[1:] for word in documented_rule().split() if word.startswith("+")}
    assert may == (called - {"memory"}) | {"ping", "eval", "evalsha"}, "MEMORY USAGE is named beside it, for who wants sizes"


async def test_an_acl_user_without_a_right_to_the_namespace_is_a_misconfiguration(redis_with_users: RealServer) -> None:
    problem = await refusal(redis_with_users, username="connector", password=PASSWORD, namespace="another")
    assert isinstance(problem, DriverMisconfigured)
    assert "does not permit" in str(problem)


@pytest.mark.parametrize(
    "answer",
    [
        "The user executing the script can't access at least one of the keys mentioned in the command arguments script: ab",
        "ACL failure in script: No permissions to access a key script: ab, on @user_script:1.",
    ],
    ids=["Redis 7", "Redis 8"],
)
def test_what_a_script_may_not_touch_is_told_in_the_words_of_each_version(answer: str) -> None:
    with pytest.raises(DriverMisconfigured, match="does not permit"), Translation("shared: redis at here", FAILURES):
        raise ResponseError(answer)


async def test_tls_is_spoken_with_a_server_whose_certificate_and_name_verify(redis_binary: None, tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    trusted.server("localhost")
    with redis_server(tls=TlsFiles(trusted.file, tmp_path / "server.pem")) as server:
        async with opened(aiocache_driver(server, "redis", host="localhost", tls=True, ca_file=trusted.file)) as driver:
            await keep(driver, SESSION, "key", b"value")
        for wrong in ({"host": "localhost"}, {"host": "127.0.0.1", "ca_file": trusted.file}):
            problem = await refusal(server, tls=True, **wrong)
            assert isinstance(problem, DriverMisconfigured)
            assert "certificate" in str(problem)
        assert isinstance(await refusal(server, tls=False, operation_timeout=1), DriverUnavailable)


async def test_a_server_that_speaks_no_tls_is_told_with_the_way_that_was_tried(redis: RealServer) -> None:
    problem = await refusal(redis, tls=True, operation_timeout=1)
    assert isinstance(problem, DriverUnavailable)
    assert str(problem) == f"shared: redis at 127.0.0.1:{redis.port} over TLS did not answer in time"


async def test_a_client_certificate_is_shown_to_a_server_that_wants_one(redis_binary: None, tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    trusted.server("localhost")
    certificate, key = trusted.client()
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    ours: dict[str, Any] = {"host": "localhost", "tls": True, "ca_file": trusted.file}
    with redis_server(tls=TlsFiles(trusted.file, tmp_path / "server.pem", wants_clients=True)) as server:
        ways: list[dict[str, Any]] = [{"client_certificate": certificate, "client_key": key}, {"client_certificate": both}]
        for shown in ways:
            async with opened(aiocache_driver(server, "redis", **ours, **shown)) as driver:
                await keep(driver, SESSION, "key", b"value")
        assert isinstance(await refusal(server, **ours), DriverError)


@pytest.mark.parametrize("kind", ["encrypted", "no certificate"])
async def test_a_client_certificate_that_cannot_be_shown_is_a_misconfiguration(
    redis: RealServer, tmp_path: Path, kind: str
) -> None:
    certificate, key = authority(tmp_path).client(password=PASSWORD)
    shown = {"client_certificate": certificate, "client_key": key} if kind == "encrypted" else {"client_certificate": PAGE}
    problem = await refusal(redis, tls=True, **shown)
    assert isinstance(problem, DriverMisconfigured)
    assert "cannot show its certificate" in str(problem)


async def test_a_unix_socket_leads_to_the_server(redis_binary: None, tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with redis_server("--unixsocket", path, "--requirepass", PASSWORD, authentication=f"AUTH {PASSWORD}") as server:
        table = {"backend": "redis", "unix_socket_path": path, "password": PASSWORD, "database": 1}
        async with opened(AiocacheDriver("shared", AiocacheSettings.model_validate(table))) as driver:
            await keep(driver, SESSION, "key", b"value")
            assert await current(driver, SESSION, "key") == b"value"
            server.kill()
            with pytest.raises(DriverUnavailable, match=f"shared: redis at {path} cannot be reached"):
                await driver.evict(SESSION)
            server.start()
            await driver.evict(SESSION)


async def test_a_newer_format_is_refused_and_left_alone(redis: RealServer) -> None:
    driver = aiocache_driver(redis, "redis")
    key = f"{{{driver.settings.namespace}}}:format"
    async with administrator(redis) as admin:
        async with opened(driver):
            assert await admin.get(key) == b"1"
        await admin.set(key, "2")
        assert isinstance(await refusal(redis, namespace=driver.settings.namespace), DriverFormatError)
        assert await admin.get(key) == b"2"


@pytest.mark.parametrize(("policy", "warnings"), [("allkeys-lru", 1), ("volatile-lru", 0), ("noeviction", 0)])
async def test_a_server_that_may_drop_any_key_is_warned_of(own_redis: RealServer, policy: str, warnings: int) -> None:
    async with administrator(own_redis) as admin:
        await run(admin, "CONFIG", "SET", "maxmemory-policy", policy)
    with capture_logs() as logs:
        async with opened(aiocache_driver(own_redis, "redis")) as driver:
            await driver.ping()
    assert [line["maxmemory_policy"] for line in logs if "maxmemory_policy" in line] == [policy] * warnings


async def test_a_full_server_is_unavailable_for_writing_and_says_why(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver, administrator(own_redis) as admin:
        await keep(driver, SESSION, "key", b"value")
        await run(admin, "CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(DriverUnavailable, match="is full"):
            await keep(driver, SESSION, "another", b"value")
        await run(admin, "CONFIG", "SET", "maxmemory", "0")
        await keep(driver, SESSION, "another", b"value")


async def test_a_password_that_has_changed_in_its_file_counts_for_new_connections(own_redis: RealServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    async with administrator(own_redis) as admin:
        await run(admin, "CONFIG", "SET", "requirepass", PASSWORD)
        async with opened(aiocache_driver(own_redis, "redis", password_file=file)) as driver:
            await keep(driver, SESSION, "key", b"value")
            await run(admin, "CONFIG", "SET", "requirepass", f"{PASSWORD} anew")
            await run(admin, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            with pytest.raises(DriverError):
                await driver.evict(SYSTEM)

            file.write_text(f"{PASSWORD} anew\n")
            driver.read_secrets()

            await driver.evict(SESSION)
            assert await current(driver, SESSION, "key") is None
