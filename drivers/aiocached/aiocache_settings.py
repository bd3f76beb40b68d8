"""The settings of an aiocache instance: one table for all back ends. Keys of another back end are errors."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, FilePath, SecretStr, ValidationInfo, field_validator, model_validator

from drivers.contract import DriverSettings, Seconds

REDIS_ONLY = ("database", "username", "password", "password_env", "password_file", "tls", "ca_file")
MEMORY_ONLY = ("max_bytes",)
SERVERS_ONLY = ("host", "port", "namespace", "pool_size", "connect_timeout", "operation_timeout", "connection_max_age")
DEFAULT_PORTS = {"redis": 6379, "memcached": 11211, "memory": 0}
SILENCE = 0.5
"""Seconds without an answer after which a server is in doubt, if its caller gives up: it may have been replaced."""


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
        passwords = [given for given in (self.password, self.password_env, self.password_file) if given is not None]
        if len(passwords) > 1:
            raise ValueError("expected one of password, password_env and password_file at most")
        if self.username is not None and not passwords:
            raise ValueError("expected a password, password_env or password_file together with the username")
        if self.ca_file is not None and not self.tls:
            raise ValueError("expected tls = true together with the ca_file")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """The server's host and port."""
        return self.host, self.port or DEFAULT_PORTS[self.backend]
