"""What went wrong with the database, in one line, and what a person can do about it."""

import re

import psycopg

ADVICE = (
    (
        re.compile(r"password authentication failed|SASL authentication failed|no password supplied"),
        "expected another role or password",
    ),
    (re.compile(r"no pg_hba\.conf entry"), "expected a line in the server's pg_hba.conf that lets this machine in"),
    (re.compile(r'database ".*" does not exist'), "make it, with the connector's role as its owner"),
    (
        re.compile(r"session is read-only|read-only transaction|standby"),
        "expected the primary, and no standby; several hosts may be named",
    ),
    (re.compile(r"does not support SSL"), "expected TLS at the server, or another sslmode"),
    (re.compile(r"certificate"), "expected a certificate that sslrootcert vouches for"),
    (re.compile(r"statement pooling"), "expected pool_mode = transaction or session at PgBouncer"),
    (re.compile(r"unsupported startup parameter"), "PgBouncer takes it only if its ignore_startup_parameters names it"),
    (
        re.compile(r"owner_is_of_today"),
        "expected a newer version of this program: all other replicas have it, and write what this one cannot read",
    ),
    (re.compile(r"permission denied|must be owner"), "expected a role that owns the ledger's tables, or may make them"),
    (
        re.compile(r"refused|timeout expired|timed out|No route|unreachable|resolve host|No such file"),
        "is it running, and reachable?",
    ),
    (re.compile(r"could not extend file|No space left on device"), "expected room on the disk of the database"),
    (re.compile(r"definition of service"), "expected it in pg_service.conf, or in the file that PGSERVICEFILE names"),
)
"""What messages contain in English, and what to do then. Messages in another language are told as they are."""
ATTEMPT = re.compile(r"^- host: '.*?', port: '.*?', hostaddr: '.*?': (.*)$", re.MULTILINE)
"""One of several hosts that were tried in vain."""


def told(problem: psycopg.Error) -> str:
    """Return one line: what PostgreSQL, libpq or PgBouncer says, and what to do about it. None of them repeats a password."""
    text = str(problem)
    lines = ATTEMPT.findall(text) or text.splitlines()[:1] or [type(problem).__name__]
    said = "; ".join(dict.fromkeys(line.strip().removeprefix("connection failed: ") for line in lines))
    advice = next((advice for pattern, advice in ADVICE if pattern.search(text)), None)
    return f"{said}: {advice}" if advice else said
