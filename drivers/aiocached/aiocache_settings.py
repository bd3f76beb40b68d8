"""The settings of an aiocache instance: one table for all back ends. Keys of another back end are errors."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, FilePath, SecretStr, ValidationInfo, field_validator, model_validator

from drivers.contract import DriverSettings, Seconds

SENTINELS_ONLY = ("master_name", "sentinel_username", "sentinel_password", "sentinel_password_env", "sentinel_password_file")
TLS_ONLY = ("ca_file", "client_certificate", "client_key")
REDIS_ONLY = (
    *("database", "username", "password", "password_env", "password_file", "tls", "unix_socket_path", "sentinels"),
    *(*TLS_ONLY, *SENTINELS_ONLY),
)
MEMORY_ONLY = ("max_bytes",)
SERVERS_ONLY = ("host", "port", "namespace", "pool_size", "connect_timeout", "operation_timeout", "connection_max_age")
DEFAULT_PORTS = {"redis": 6379, "memcached": 11211, "memory": 0}
SILENCE = 0.5
"""Seconds without an answer after which a server is in doubt, if its caller gives up: it may have been replaced."""

HostAndPort = Annotated[str, Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):[0-9]{1,5}$")]
"""An IPv6 address is in brackets."""


class AiocacheSettings(DriverSettings):
    """`[storage.<name>]` with `driver = "aiocache"`."""

    backend: Literal["redis", "memcached", "memory"]
    """The store of the entries. Valkey counts as Redis."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Name or address of the server."""
    port: Annotated[int | None, Field(ge=1, le=65_535)] = None
    """Default: 6379 for Redis, 11211 for memcached."""
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "opshub"
    """Prefix of every key on the server. Instances with the same namespace share their entries; others share nothing."""
    pool_size: Annotated[int, Field(ge=1, le=1_000)] = 10
    """Connections to the server at most. If all are in use, a call waits its turn."""
    connect_timeout: Seconds = 2
    """Seconds until a connection is made."""
    operation_timeout: Seconds = 3
    """Seconds until the server answers, and again until a connection becomes free."""
    connection_max_age: Seconds = 300
    """Seconds after which a connection is replaced at its next use, so that a host name that has moved is followed."""
    database: Annotated[int, Field(ge=0)] = 0
    """Redis: number of the database."""
    username: Annotated[str | None, Field(min_length=1)] = None
    """Redis: the ACL user; without one, a password is the default user's."""
    password: Annotated[SecretStr | None, Field(min_length=1)] = None
    """Redis: the password, set by an environment variable only."""
    password_env: Annotated[str | None, Field(min_length=1)] = None
    """Redis: name of another environment variable that holds the password."""
    password_file: FilePath | None = None
    """Redis: a file that holds the password, and nothing else but a line end."""
    tls: bool = False
    """Redis: encrypt, and verify the server's certificate and its name."""
    ca_file: FilePath | None = None
    """Redis: PEM file of certificate authorities to trust besides the system's."""
    client_certificate: FilePath | None = None
    """Redis: PEM file of the certificate to show to the server, and to the Sentinels."""
    client_key: FilePath | None = None
    """Redis: PEM file of that certificate's key, without a password. Default: the key is in `client_certificate`."""
    unix_socket_path: Path | None = None
    """Redis: the server's Unix socket, instead of `host` and `port`."""
    sentinels: Annotated[tuple[HostAndPort, ...], Field(max_length=50)] = ()
    """Redis: the Sentinels that know the master, as `host:port`, instead of `host` and `port`."""
    master_name: Annotated[str | None, Field(min_length=1)] = None
    """Redis: the name by which the Sentinels know the master."""
    sentinel_username: Annotated[str | None, Field(min_length=1)] = None
    """Redis: the ACL user on the Sentinels; without one, a password is the default user's."""
    sentinel_password: Annotated[SecretStr | None, Field(min_length=1)] = None
    """Redis: the Sentinels' password, set by an environment variable only."""
    sentinel_password_env: Annotated[str | None, Field(min_length=1)] = None
    """Redis: name of another environment variable that holds the Sentinels' password."""
    sentinel_password_file: FilePath | None = None
    """Redis: a file that holds the Sentinels' password, and nothing else but a line end."""

    max_bytes: Annotated[int, Field(gt=0)] = 268_435_456
    """Memory: bytes that the entries take at most, about. What was stored first makes room; a larger entry is not kept."""

    @field_validator(*REDIS_ONLY, *SERVERS_ONLY, *MEMORY_ONLY)
    @classmethod
    def _has_a_meaning(cls, value: Any, info: ValidationInfo) -> Any:
        backend = info.data.get("backend")
        is_servers = info.field_name not in MEMORY_ONLY
        if is_servers is (backend == "memory") or (backend == "memcached" and info.field_name in REDIS_ONLY):
            raise ValueError(f"has no meaning for the back end {backend}; leave it out")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._check_login("", self.username, self.password, self.password_env, self.password_file)
        self._check_login(
            "sentinel_",
            self.sentinel_username,
            self.sentinel_password,
            self.sentinel_password_env,
            self.sentinel_password_file,
        )
        for name in TLS_ONLY:
            if getattr(self, name) is not None and not self.tls:
                raise ValueError(f"expected tls = true together with the {name}")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("expected a client_certificate together with the client_key")
        self._check_the_way()
        return self

    def _check_login(self, prefix: str, username: str | None, *passwords: object) -> None:
        given = [password for password in passwords if password is not None]
        if len(given) > 1:
            names = f"{prefix}password, {prefix}password_env and {prefix}password_file"
            raise ValueError(f"expected one of {names} at most")
        if username is not None and not given:
            names = f"{prefix}password, {prefix}password_env or {prefix}password_file"
            raise ValueError(f"expected a {names} together with the {prefix}username")

    def _check_the_way(self) -> None:
        by_address = not self.model_fields_set.isdisjoint({"host", "port"})
        if [by_address, self.unix_socket_path is not None, bool(self.sentinels)].count(True) > 1:
            raise ValueError("expected one of host and port, unix_socket_path, and sentinels")
        if self.unix_socket_path is not None and self.tls:
            raise ValueError("expected no tls together with the unix_socket_path")
        if self.sentinels and self.master_name is None:
            raise ValueError("expected a master_name together with the sentinels")
        for name in SENTINELS_ONLY:
            if getattr(self, name) is not None and not self.sentinels:
                raise ValueError(f"expected sentinels together with the {name}")

    @property
    def address(self) -> tuple[str, int]:
        """The server's host and port."""
        return self.host, self.port or DEFAULT_PORTS[self.backend]

    @property
    def place(self) -> str:
        """Where the store is, for a message."""
        if self.backend == "memory":
            return self.backend
        where = f"master {self.master_name}" if self.sentinels else f"at {self.unix_socket_path or '{}:{}'.format(*self.address)}"
        return f"{self.backend} {where}{' over TLS' if self.tls else ''}"
