"""Every configuration key, its type, its default and what it means."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from connector.config.fields import PathIfToml, RenamedFrom
from connector.model.addresses import canonical_host
from connector.runtime.socket_names import LONGEST, socket_name
from drivers.contract import Seconds

Bytes = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A table of the configuration: unknown keys are errors, no type is converted, values never show in a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class ServerDeadlines(Section):
    """How long the server waits, in seconds."""

    body: Seconds = 10
    """For a request's body to arrive; 408 after it."""
    write: Seconds = 30
    """For a client to read what was written for it, or a good part of that; the connection is closed after it."""
    hooks: Seconds = 10
    """For each cleanup hook of the author's."""
    shutdown: Seconds = 30
    """For running cleanups to finish after a signal that asks to end (SIGTERM)."""


class ServerLimits(Section):
    """How much the server accepts: bytes, and connections."""

    body: Bytes = 65_536
    """Largest request body; 413 beyond it."""
    initialize: Bytes = 1_048_576
    """Largest body of an initialize, which holds a system's settings."""
    header: Bytes = 32_768
    """Largest value of one request header; 400 beyond it. Tokens travel in headers and are long."""
    head_total: Bytes = 262_144
    """Largest head of a request: its first line and all headers together; 431 beyond it."""
    connections: Annotated[int | None, Field(gt=0)] = None
    """Open connections in all. Beyond that, one that waits for its client gives way to a new one; if none does, that is a 503.
    Default: as many as the limit of open files allows, 4096 at most."""
    connections_per_address: Annotated[int | None, Field(gt=0)] = None
    """Open connections from one address, as above. Default: as many as in all, because OpsHub is one address."""


class ServerSection(Section):
    """Where the server listens and what it accepts."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address or name to listen on. Beyond loopback, callers need a seal: see `security.require_seal`."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """0 takes a free port and logs it."""
    base_paths: list[str] = ["", "/sdk-api/api/1.0"]
    """Paths under which the calls are served; the empty one is the root."""
    mbse_base_paths: list[str] = ["/mbse/api/1.0"]
    """As `base_paths`, with errors shaped as the MBSE variant of the SDK has them: as a list."""
    allowed_callers: Annotated[list[str], Field(min_length=1)] = ["0.0.0.0/0", "::/0"]
    """Networks from which anybody may call at all; to all others there is nothing here."""
    allowed_hosts: Annotated[list[str], RenamedFrom("hosts")] = []
    """Names and addresses, without a port, of which a request's `Host` has to be one, also at the metrics. Empty: where the
    server listens on loopback, it has to be `localhost` or a loopback address; elsewhere it may be anything."""
    trusted_proxies: list[str] = []
    """Addresses or networks of proxies that tell for whom they call, in `X-Forwarded-For` or `Forwarded`. No other is believed:
    what comes through it counts as from beyond this machine."""
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
        if any(ip_network(network).prefixlen == 0 for network in networks):
            raise ValueError("expected the proxies alone, for of everybody else each would say himself who he is")
        return networks

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, hosts: list[str]) -> list[str]:
        if not all(canonical_host(host) and canonical_host(f"{host}:0") for host in hosts):
            raise ValueError("expected names or addresses such as connector.example.org or 192.0.2.7, without a port")
        return hosts


class ConnectorSection(Section):
    """How the connector introduces itself at `GET /discover`."""

    name: Annotated[str, Field(min_length=1)] = "opshub-connector"
    """The same on every replica: OpsHub compares."""
    version: Annotated[str, Field(min_length=1)] = "1.0"
    """The same on every replica, too."""


class StorageDeadlines(Section):
    """How long a driver may take, in seconds."""

    evict: Seconds = 5
    """For one eviction."""
    read: Seconds = 1
    """For one read or write of a cached value. A near driver that takes longer is passed by; an authority makes it a miss."""
    ping: Seconds = 2
    """For the readiness check."""


class StorageSection(Section):
    """Which drivers keep cached data, nearest first; the last is the authority, shared by all processes."""

    model_config = ConfigDict(extra="allow")
    """The extra keys are the instances' tables, `[storage.<name>]`, checked against the driver's own settings."""

    drivers: Annotated[list[str], Field(min_length=1)] = ["memory", "sqlite"]
    """Names of instances. `memory` and `sqlite` exist without a table; any other needs `[storage.<name>]` with a `driver`."""
    deadlines: StorageDeadlines = StorageDeadlines()


class EndSystemDeadlines(Section):
    """How long the end system may take, in seconds."""

    connect: Seconds = 5
    """For a connection to be made, TLS included."""
    read: Seconds = 10
    """Between two pieces of an answer to a logout."""
    total: Seconds = 20
    """For all steps of one logout together; the caller of a login is answered then. Its own answers are read eight times as
    long, and what it makes by then is logged out."""


class EndSystemSection(Section):
    """The tool to log out of."""

    profile: Annotated[str, Field(min_length=1), PathIfToml()] = "none"
    """A bundled profile's name, the path of a `.toml` file, or the dotted path of a Python class of one's own."""
    base_url: str | None = None
    """Where the tool is: a URL, or a template such as `{setting.url}`."""
    allowed_urls: list[str] = []
    """Scheme, host, port and path prefix that requests must lie within. Default: `base_url`, where that is no template."""
    deadlines: EndSystemDeadlines = EndSystemDeadlines()
    ca_file: Annotated[Path | None, Field(strict=False)] = None
    """PEM file of the authorities to trust instead of the system's."""
    proxy: str | None = None
    """URL of an HTTP proxy for the outgoing requests; the environment's is never used."""
    settings: dict[str, Any] = {}
    """Settings of a Python class of one's own."""


class LedgerSection(Section):
    """Where what is owed is written down, and how long it is tried."""

    path: Annotated[Path, Field(strict=False)] = Path("var/ledger.sqlite3")
    """The ledger; made, with its folder, if it is missing. One process owns it. On a local disk."""
    key_file: Annotated[Path, Field(strict=False)] = Path("var/keys/ledger.keys")
    """Keys that seal it: only this user may read it. Made if it is missing and the ledger needs no other, unless
    several machines share the authority: replicas need the same keys. `CONNECTOR_LEDGER_KEYS` wins over it."""
    give_up_after: Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)] = 604_800
    """Seconds of trying after which a logout waits for a human: a week."""
    per_origin: Annotated[int, Field(ge=1, le=1000)] = 4
    """How many logouts are retried at a time at one end system."""
    keep_closed: Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)] = 86_400
    """Seconds for which a login that owes nothing any more is remembered, without its credential, to answer duplicates."""


class SecuritySection(Section):
    """Who may call."""

    require_seal: bool = False
    """Whether a cleanup needs its session's seal, even of a session that was not opened here. Beyond loopback, it always does."""
    allow_unsealed_cleanup_beyond_loopback: Annotated[bool, RenamedFrom("callers_unsealed_beyond_loopback")] = False
    """Whether anybody who reaches `server.host` may clean up, without a seal, any session that was not opened here."""


class LogsSection(Section):
    """How the server logs to standard error."""

    format: Literal["console", "json"] = "console"
    """For a person, or for a log collector."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""
    libraries: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged of what comes through Python's own `logging`, as libraries do; less than `level` never is."""


class MetricsSection(Section):
    """Where the server tells what it has counted and measured: `GET /metrics`, in Prometheus form."""

    enabled: bool = True
    """False: nothing is served, and nothing listens."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address or name to listen on. The answer names storage drivers, never a session, a system or a value of a request."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    """0 takes a free port and logs it."""


class ControlSection(Section):
    """Where the commands `connector owed` and `connector status` talk to the running server."""

    socket: Annotated[Path, Field(strict=False)] = Path("var/control.sock")
    """Unix socket, made with mode 0600: whoever may use it may steer what is owed. At most 100 bytes long,
    as an absolute path or from the working directory."""

    @field_validator("socket")
    @classmethod
    def _fits(cls, socket: Path) -> Path:
        if len(os.fsencode(socket_name(socket))) > LONGEST:
            raise ValueError(f"expected a path of at most {LONGEST} bytes, for the system takes no longer one for a socket")
        return socket


class Settings(Section):
    """The whole configuration; `connector.preflight.loading.load` makes it from the file and the environment."""

    server: ServerSection = ServerSection()
    connector: ConnectorSection = ConnectorSection()
    storage: StorageSection = StorageSection()
    end_system: EndSystemSection = EndSystemSection()
    ledger: LedgerSection = LedgerSection()
    security: SecuritySection = SecuritySection()
    metrics: MetricsSection = MetricsSection()
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
