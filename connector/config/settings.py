"""Every configuration key, its type, its default and what it means."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from connector.config.fields import PathIfToml, RenamedFrom
from connector.model.addresses import canonical_host, is_plain_url
from connector.runtime.socket_names import LONGEST, socket_name
from drivers.contract import Seconds

Bytes = Annotated[int, Field(gt=0)]
Lifetime = Annotated[float, Field(ge=60, le=31_536_000, allow_inf_nan=False)]
"""Seconds in which a server runs; they are counted in minutes."""


class Section(BaseModel):
    """A table of the configuration. Unknown keys are errors, no type is converted, and no message shows a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class ServerDeadlines(Section):
    """How long the server waits, in seconds."""

    body: Seconds = 10
    """Until a request's body has arrived; otherwise 408."""
    write: Seconds = 30
    """Until a client has read its answer, or a good part of it; otherwise the connection is closed."""
    hooks: Seconds = 10
    """Of each cleanup hook of the author."""
    drain: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0
    """For so long, after a signal that asks the server to end (SIGTERM), all is served on, and `/health/ready` says `draining`.
    Let it be longer than a load balancer takes to notice. Without one, 0 is right."""
    shutdown: Seconds = 30
    """Of running cleanups and of your handlers, after that."""


class ServerLimits(Section):
    """How much the server accepts, in bytes and connections."""

    body: Bytes = 65_536
    """Largest request body; a larger one is a 413."""
    initialize: Bytes = 1_048_576
    """Largest body of an initialize, which holds a system's settings."""
    header: Bytes = 32_768
    """Largest value of one request header; a larger one is a 400. Tokens travel in headers and are long."""
    head_total: Bytes = 262_144
    """Largest head of a request, its first line and all headers together; a larger one is a 431."""
    connections: Annotated[int | None, Field(gt=0)] = None
    """Open connections in all. Beyond that, one that waits for its client is closed for a new one. If none waits, the new one
    is a 503. Default: as many as the limit of open files allows, 4096 at most."""
    connections_per_address: Annotated[int | None, Field(gt=0)] = None
    """Open connections from one address. Default: as many as in all, because OpsHub is one address."""


class ServerTls(Section):
    """HTTPS on the server's own address. Without `certificate`, it serves clear text."""

    certificate: Annotated[Path | None, Field(strict=False)] = None
    """PEM file of the server's certificate, with those that vouch for it behind it. With it, the server answers HTTPS only."""
    key: Annotated[Path | None, Field(strict=False)] = None
    """PEM file of its key, not encrypted; only this user should be able to read it. Default: the file of the certificate."""
    client_ca_file: Annotated[Path | None, Field(strict=False)] = None
    """PEM file of certificate authorities. With it, only clients may connect that show a certificate of one of them."""


class ServerSection(Section):
    """The address on which the server listens, and the callers that it accepts."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address or name to listen on. Beyond loopback, cleanups need a seal: see `security.require_seal`."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """0 chooses a free port, which is logged."""
    base_paths: list[str] = ["", "/sdk-api/api/1.0"]
    """Paths under which the calls are served. The empty path is the root."""
    mbse_base_paths: list[str] = ["/mbse/api/1.0"]
    """As `base_paths`, for the MBSE variant of the SDK, whose errors are a list."""
    allowed_callers: Annotated[list[str], Field(min_length=1)] = ["0.0.0.0/0", "::/0"]
    """Networks whose clients may call. All others get a 404."""
    allowed_hosts: Annotated[list[str], RenamedFrom("hosts")] = []
    """Names and addresses, without a port, that a request's `Host` may have, also at the metrics and the console. `localhost`,
    loopback addresses, and the address at which a connection comes in need none. If empty, a server beyond loopback allows
    every name."""
    trusted_proxies: list[str] = []
    """Addresses or networks of proxies that name their callers in `X-Forwarded-For` or `Forwarded`. No other proxy is trusted:
    its requests count as from beyond this machine."""
    ready: Literal["serve", "store"] = "serve"
    """When `/health/ready` answers 200. `serve`: while the server can serve, though slower, also without its stores. `store`:
    only while each store answers, too."""
    tls: ServerTls = ServerTls()
    deadlines: ServerDeadlines = ServerDeadlines()
    limits: ServerLimits = ServerLimits()

    @field_validator("allowed_callers", "trusted_proxies")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError("expected networks such as 10.0.0.0/8 or 2001:db8::/32, without bits of a host") from None
        return networks

    @field_validator("trusted_proxies")
    @classmethod
    def _are_not_everybody(cls, networks: list[str]) -> list[str]:
        # Trusting everybody would let every caller choose his own address.
        if any(ip_network(network).prefixlen == 0 for network in networks):
            raise ValueError("expected the proxies alone, because any client could name another caller")
        return networks

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, hosts: list[str]) -> list[str]:
        if not all(canonical_host(host) and canonical_host(f"{host}:0") for host in hosts):
            raise ValueError("expected names or addresses such as connector.example.org or 192.0.2.7, without a port")
        return hosts


class ConnectorSection(Section):
    """The names by which the connector introduces itself at `GET /discover`."""

    name: Annotated[str, Field(min_length=1)] = "opshub-connector"
    """The same on every replica, because OpsHub compares them."""
    version: Annotated[str, Field(min_length=1)] = "1.0"
    """The same on every replica, too."""


class StorageDeadlines(Section):
    """How long a driver may take, in seconds."""

    evict: Seconds = 5
    """Of one eviction."""
    read: Seconds = 1
    """Of one read or write of a cached value. A slower local cache is skipped; a slower authority is a miss."""
    ping: Seconds = 2
    """Of the readiness check."""


class StorageSection(Section):
    """Which drivers keep cached data, nearest first. The last one is the authority, which all processes share."""

    model_config = ConfigDict(extra="allow")
    """The extra keys are the tables of instances, `[storage.<name>]`. The driver's settings check them."""

    drivers: Annotated[list[str], Field(min_length=1)] = ["memory", "sqlite"]
    """Names of instances. `memory` and `sqlite` exist without a table; any other needs `[storage.<name>]` with a `driver`."""
    deadlines: StorageDeadlines = StorageDeadlines()


class CacheSection(Section):
    """The cache of an author's handlers."""

    slow_loader: Seconds = 10
    """Seconds after which a loader is logged that is still running, in one line with its key."""


class EndSystemDeadlines(Section):
    """How long the end system may take, in seconds."""

    connect: Seconds = 5
    """Until a connection is made, TLS included."""
    read: Seconds = 10
    """Between two pieces of an answer to a logout."""
    total: Seconds = 20
    """Of all steps of one logout together. The caller of a login is answered then, too. The login itself goes on for eight times
    as long, and what it makes is logged out."""


class EndSystemSection(Section):
    """The tool that sessions log in to and out of."""

    profile: Annotated[str, Field(min_length=1), PathIfToml()] = "none"
    """The name of a bundled profile, the path of a `.toml` file, or the dotted path of a Python class of your own."""
    base_url: str | None = None
    """The tool's address: a URL, or a template such as `{setting.url}`."""
    allowed_urls: list[str] = []
    """URLs that begin every allowed request: scheme, host, port and path. Default: `base_url`, unless it is a template."""
    replace: Literal["after", "before"] = "after"
    """When a second initialize of a session ends its earlier login: after the new one is made, or before. `before` is for a tool
    that allows a user one login at a time. As long as the earlier login is not surely ended, initialize is answered 503."""
    seats: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    """How many logins may be alive at a time: open ones, those under way, and those that are not surely ended. Beyond that,
    initialize waits, and is a 403 then. Default: any number. [Sessions](sessions.md#seats) has the details."""
    seats_per: str | None = None
    """Whose seats they are, as a template of settings in OpsHub: `{setting.username}` gives each user as many of his own.
    Default: all users of a tool share them. Each address of a tool counts by itself."""
    login_lifetime: Lifetime = 86_400
    """Seconds after which the tool ends a login by itself, counted from when it was made. A login of which nobody knows whether
    it was made is given up then, and so is the seat of one that is not surely ended."""
    deadlines: EndSystemDeadlines = EndSystemDeadlines()
    ca_file: Annotated[Path | None, Field(strict=False)] = None
    """PEM file of the certificate authorities to trust instead of the system's."""
    client_certificate: Annotated[Path | None, Field(strict=False)] = None
    """PEM file of the certificate that this connector shows to the tool, with those that vouch for it behind it."""
    client_key: Annotated[Path | None, Field(strict=False)] = None
    """PEM file of its key, not encrypted; only this user should be able to read it. Default: the file of the certificate."""
    proxy: str | None = None
    """URL of an HTTP proxy for outgoing requests. One from the environment is never used."""
    settings: dict[str, Any] = {}
    """Settings of a Python class of your own."""


class SessionsSection(Section):
    """When a session ends that nobody cleans up. Only time in which a server runs counts, by the minute."""

    idle_timeout: Lifetime | Literal["off"] | None = None
    """Seconds without a call, after which a session is cleaned up. Default: a day if the server has routes of yours, because it
    sees the calls of sessions then; otherwise `off`, because it would end sessions that are in use elsewhere."""
    max_lifetime: Lifetime | Literal["off"] = "off"
    """Seconds after which a session is cleaned up although it is in use, between two calls."""
    seat_idle: Lifetime | Literal["off"] = "off"
    """Seconds without a call, after which a session is cleaned up if another one waits for its seat (`end_system.seats`). If the
    server has no routes of yours, it sees no calls: all time since initialize counts then."""
    reap_at_once: Annotated[int, Field(ge=1, le=1000)] = 4
    """Sessions that are cleaned up at a time for these reasons. Those of one end system are `ledger.per_origin` at most, apart
    from those that make room for a seat."""


class LedgerSection(Section):
    """The record of what is owed, and how long it is tried."""

    store: Literal["sqlite", "postgres"] = "sqlite"
    """Where the ledger is kept: in a file of this machine, or in a PostgreSQL database that several replicas share. The database
    needs the extra `[postgres]`, and an authority that replicas share, too."""
    dsn_env: Annotated[str | None, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = None
    """With `postgres`: the name of the environment variable that holds the database's address. It is one of libpq's, with several
    hosts, TLS and service files if you like, and may hold a password."""
    path: Annotated[Path, Field(strict=False)] = Path("var/ledger.sqlite3")
    """With `sqlite`: the ledger's file, on a local disk. It is made if it is missing. One process owns it."""
    key_file: Annotated[Path, Field(strict=False)] = Path("var/keys/ledger.keys")
    """File of the keys that seal the ledger; only this user may read it. It is made if it is missing, unless the ledger needs
    other keys, or several machines share the authority: replicas need the same keys. `CONNECTOR_LEDGER_KEYS` wins over it."""
    give_up_after: Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)] = 604_800
    """Seconds of trying, after which a logout needs attention: a week."""
    per_origin: Annotated[int, Field(ge=1, le=1000)] = 4
    """Logouts that are retried at a time at one end system."""
    keep_closed: Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)] = 86_400
    """Seconds for which a closed logout is remembered, without its credential, to answer duplicates."""


class AuditSection(Section):
    """The audit log: who has retried, dismissed, closed, evicted or drained something, from where, and what came of it."""

    keep: Annotated[float, Field(gt=0, le=3_650, allow_inf_nan=False)] = 90
    """Days for which a line is kept, in the ledger. `connector audit` shows them."""


class SecuritySection(Section):
    """Which cleanups need the seal of their session."""

    require_seal: bool = False
    """Whether every cleanup needs a seal, even if its session was not opened here. Beyond loopback, it always does."""
    allow_unsealed_cleanup_beyond_loopback: Annotated[bool, RenamedFrom("callers_unsealed_beyond_loopback")] = False
    """Whether anybody who reaches `server.host` may clean up, without a seal, any session that was not opened here."""


class LogsSection(Section):
    """The log on standard error."""

    format: Literal["console", "json"] = "console"
    """`console` is for a person, `json` for a log collector."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is logged."""
    libraries: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is logged of libraries, which use Python's `logging`. `level` limits it, too."""


class MetricsSection(Section):
    """The metrics: `GET /metrics`, in Prometheus form, on an address of their own."""

    enabled: bool = True
    """Whether the metrics are served."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address or name to listen on. The metrics name storage drivers, never a session, a system or a value of a request."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    """0 chooses a free port, which is logged."""


class ConsoleTls(ServerTls):
    """HTTPS on the console's address. Without `certificate`, it serves clear text."""


class ConsoleSection(Section):
    """The web console, on an address of its own: [Console](console.md)."""

    enabled: bool = False
    """Whether the console is served."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address or name to listen on. Beyond loopback, the console needs `console.tls.certificate` with a token, or
    `trusted_user_header`."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 9465
    """0 chooses a free port, which is logged."""
    token_env: Annotated[str | None, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = None
    """The name of the environment variable that holds the token by which anybody gets in. It needs 32 characters."""
    token_file: Annotated[Path | None, Field(strict=False)] = None
    """File that holds this token instead; only this user may read it."""
    trusted_user_header: Annotated[str | None, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = None
    """The header in which a proxy that authenticates names its user. Only proxies in `server.trusted_proxies` are believed. The
    proxy has to remove the header from what its clients send. If there is a token, the proxy shows it in `X-Console-Token`. A
    proxy on the same machine has to, or needs a certificate of `console.tls.client_ca_file`."""
    tls: ConsoleTls = ConsoleTls()

    @property
    def has_token(self) -> bool:
        """Whether a token is configured."""
        return self.token_env is not None or self.token_file is not None


class TracesSection(Section):
    """Spans of what the server does, for an OpenTelemetry collector. They need the extra `[otel]`."""

    endpoint: str | None = None
    """Where they are sent, over OTLP and HTTP: a URL such as `http://127.0.0.1:4318/v1/traces`. Default: nothing is traced."""
    pass_on_to_end_system: bool = False
    """Whether requests to the end system carry `traceparent`, so that its own spans join the caller's trace."""

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, endpoint: str | None) -> str | None:
        if endpoint is not None and not is_plain_url(endpoint):
            raise ValueError("expected a URL such as http://127.0.0.1:4318/v1/traces, without a user and a password")
        return endpoint


class ControlSection(Section):
    """The socket of a server, for `connector status`, `sessions`, `owed`, `cache`, `audit`, `keys`, `drain`, `console`."""

    socket: Annotated[Path, Field(strict=False)] = Path("var/control.sock")
    """Unix socket, made with mode 0600, because its users may change what is owed. At most 100 bytes long, as an absolute path
    or from the working directory."""

    @field_validator("socket")
    @classmethod
    def _fits(cls, socket: Path) -> Path:
        if len(os.fsencode(socket_name(socket))) > LONGEST:
            raise ValueError(f"expected a path of at most {LONGEST} bytes, because the system allows no longer one for a socket")
        return socket


class Settings(Section):
    """The whole configuration. `connector.preflight.loading` makes it from the file and the environment."""

    server: ServerSection = ServerSection()
    connector: ConnectorSection = ConnectorSection()
    storage: StorageSection = StorageSection()
    cache: CacheSection = CacheSection()
    end_system: EndSystemSection = EndSystemSection()
    sessions: SessionsSection = SessionsSection()
    ledger: LedgerSection = LedgerSection()
    audit: AuditSection = AuditSection()
    security: SecuritySection = SecuritySection()
    metrics: MetricsSection = MetricsSection()
    console: ConsoleSection = ConsoleSection()
    traces: TracesSection = TracesSection()
    control: ControlSection = ControlSection()
    logs: LogsSection = LogsSection()

    _deprecations: tuple[str, ...] = ()

    @property
    def deprecations(self) -> tuple[str, ...]:
        """A line for each deprecated name by which a key was set."""
        return self._deprecations

    def model_post_init(self, context: Any) -> None:
        """Take the deprecations, which are the context of the check: no key of the file can set them."""
        self._deprecations = context or ()
