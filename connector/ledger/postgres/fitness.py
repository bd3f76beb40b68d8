"""Whether a database can hold the ledger: looked at before anything is made in it."""

from typing import Any, LiteralString

import psycopg

from connector.model.errors import ConfigurationError, RefusedForNow

OLDEST = 13_00_00
"""The oldest version of PostgreSQL with which the ledger works, as `server_version_num` has it."""
Connection = psycopg.Connection[Any]

TABLES = """
SELECT count(*) FILTER (WHERE relname = %s), count(*)
FROM pg_class
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
AND relkind IN ('r', 'p', 'v', 'm', 'f')
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
"""
"""How many tables of a name there are, and how many of any; those of extensions are nobody's."""


def must_be_fit(connection: Connection, *, marker: str, prefix: str = "") -> None:
    """Refuse a database that cannot hold the ledger. `marker` is a table that every ledger has, `prefix` begins the message.

    Raises:
        ConfigurationError: it cannot.
        RefusedForNow: it can only be read. The primary may have its address before long.
        psycopg.Error: it does not answer, or has to be asked in another way.
    """
    version = connection.info.server_version
    if version < OLDEST:
        raise ConfigurationError([f"{prefix}is PostgreSQL {version // 10000}; expected {OLDEST // 10000} or newer"])
    with connection.transaction():
        if why := _why_not_writable(connection):
            raise RefusedForNow([f"{prefix}{why}"])
        if why := _why_not_ours(connection, marker):
            raise ConfigurationError([f"{prefix}{why}"])


def _why_not_writable(connection: Connection) -> str | None:
    if _one(connection, "SELECT pg_is_in_recovery()"):
        return "is a standby, and so read-only; expected the primary"
    if _one(connection, "SHOW transaction_read_only") == "on":
        return "is read-only (default_transaction_read_only); expected one that can be written"
    return None


def _why_not_ours(connection: Connection, marker: str) -> str | None:
    schema = _one(connection, "SELECT current_schema()")
    if schema is None:
        return "has no schema that the role's search_path names; expected one"
    [(ours, all_)] = connection.execute(TABLES, [marker]).fetchall()
    if ours:
        return None
    if all_:
        return (
            f"holds tables of another program in the schema {schema}, and no ledger; expected a database or a schema of its own"
        )
    if not _one(connection, "SELECT has_schema_privilege(current_schema(), 'CREATE')"):
        return f"gives its role no right to make tables in the schema {schema}; expected GRANT CREATE, or the database's owner"
    return None


def _one(connection: Connection, query: LiteralString) -> Any:
    [(value,)] = connection.execute(query).fetchall()
    return value
