"""What went wrong with the database, in one line, and what a person can do about it."""

import re
from typing import NamedTuple

import psycopg

from connector.model.errors import ConfigurationError, RefusedForNow


class Advice(NamedTuple):
    """What to do about a message."""

    said: re.Pattern[str]
    """What the message contains in English, with nothing between its quotation marks. Others are told as they are."""
    todo: str
    stays: bool = True
    """Whether it stays so until a person changes something."""


ADVICE = (
    Advice(
        re.compile(r'authentication failed|no password supplied|role "" (does not exist|is not permitted)|no such user'),
        "expected another role or password",
    ),
    Advice(re.compile(r"no pg_hba\.conf entry"), "expected a line in the server's pg_hba.conf that lets this machine in"),
    Advice(re.compile(r'database "" does not exist|no such database'), "make it, with the connector's role as its owner"),
    Advice(
        re.compile(r"session is read-only|read-only transaction|standby"),
        "expected the primary, and no standby; several hosts may be named",
        stays=False,
    ),
    Advice(re.compile(r"does not support SSL"), "expected TLS at the server, or another sslmode"),
    Advice(re.compile(r"certificate|unknown ca"), "expected a certificate that sslrootcert vouches for"),
    Advice(re.compile(r"statement pooling"), "expected pool_mode = transaction or session at PgBouncer"),
    Advice(re.compile(r"unsupported startup parameter"), "PgBouncer takes it only if its ignore_startup_parameters names it"),
    Advice(
        re.compile(r"owner_is_of_today"),
        "expected a newer version of this program: all other replicas have it, and write what this one cannot read",
    ),
    Advice(re.compile(r"permission denied|must be owner"), "expected a role that owns the ledger's tables, or may make them"),
    Advice(
        re.compile(r"refused|timeout expired|timed out|No route|unreachable|resolve host|No such file"),
        "is it running, and reachable?",
        stays=False,
    ),
    Advice(
        re.compile(r"could not extend file|No space left on device"), "expected room on the disk of the database", stays=False
    ),
    Advice(re.compile(r"definition of service"), "expected it in pg_service.conf, or in the file that PGSERVICEFILE names"),
    Advice(re.compile(r"invalid .*(value|port number)|could not match"), "expected an address as libpq takes it: docs/ledger.md"),
)
ATTEMPT = re.compile(r"^- host: '.*?', port: '.*?', hostaddr: '.*?': (.*)$", re.MULTILINE)
"""One of several hosts that were tried in vain."""
QUOTED = re.compile(r"([\"']).*?\1")
"""A name of somebody's choice, which may say anything: a host may be called `standby`."""
PASSING = re.compile(r"08|25|40|53|55P03|57|58")
"""How the SQLSTATEs begin of what may be otherwise before long: a broken connection, a read-only transaction, a rollback, no
resources, a lock, an intervention of the administrator's, an error of the system. (PostgreSQL, appendix A.)"""


def told(problem: psycopg.Error) -> str:
    """Return one line: what PostgreSQL, libpq or PgBouncer says, and what to do about it. None of them repeats a password."""
    text = str(problem)
    lines = ATTEMPT.findall(text) or text.splitlines()[:1] or [type(problem).__name__]
    said = "; ".join(dict.fromkeys(line.strip().removeprefix("connection failed: ") for line in lines))
    advice = _advice(text)
    return f"{said}: {advice.todo}" if advice else said


def stays(problem: psycopg.Error) -> bool:
    """Tell whether a person has to change something before the database can be used.

    Of several hosts, each one has to be known to stay as it is. Why a connection was not made is told in words alone, without an
    SQLSTATE. What nobody knows, as that the server starts up or has no connection left, may be over before long.
    """
    attempts = [_advice(text) for text in ATTEMPT.findall(str(problem)) or [str(problem)]]
    if any(attempts):
        return all(advice is not None and advice.stays for advice in attempts)
    if problem.sqlstate is not None:
        return PASSING.match(problem.sqlstate) is None
    return not isinstance(problem, psycopg.OperationalError)


def refused(problem: psycopg.Error, prefix: str = "") -> ConfigurationError:
    """Return the error of a start that the database does not allow: `RefusedForNow` unless the problem stays."""
    return (ConfigurationError if stays(problem) else RefusedForNow)([f"{prefix}{told(problem)}"])


def _advice(text: str) -> Advice | None:
    words = QUOTED.sub('""', text)
    return next((advice for advice in ADVICE if advice.said.search(words)), None)
