#!/bin/sh
# Python's sqlite3 gives back one page for `PRAGMA incremental_vacuum(N)`, whatever N is, also after fetchall().
#
# Seen with Python 3.11.7 (SQLite 3.40.1), aiosqlite 0.22.1 and apsw 3.54.1.0. SQLite documents that the pragma gives back up to N pages.
# It does so one page for each step, and each step yields a row without columns. A statement without columns is over for Python's
# module after its first step, and fetchall() has nothing to fetch. aiosqlite inherits that; executescript() and apsw step to the end.
# A cache that calls it with a number now and then keeps almost all of its free pages, without an error.
#
# Output seen:
#   sqlite3 execute + fetchall   100 -> 99
#   aiosqlite execute_fetchall   100 -> 99
#   sqlite3 executescript        100 -> 50
#   apsw                         100 -> 50
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check apsw==3.54.1.0 aiosqlite==0.22.1 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cat >"$folder/look.py" <<'PYTHON'
import asyncio, sqlite3, sys
import aiosqlite, apsw

FILL = [
    "PRAGMA auto_vacuum = INCREMENTAL",
    "CREATE TABLE t (x)",
    "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT randomblob(4000) FROM n",
    "DELETE FROM t",
]
VACUUM, FREE = "PRAGMA incremental_vacuum(50)", "PRAGMA freelist_count"


def standard(vacuum):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in FILL:
        connection.execute(statement)
    before = connection.execute(FREE).fetchone()[0]
    vacuum(connection)
    return before, connection.execute(FREE).fetchone()[0]


async def asynchronous():
    async with aiosqlite.connect(":memory:", isolation_level=None) as connection:
        for statement in FILL:
            await connection.execute(statement)
        before = (await connection.execute_fetchall(FREE))[0][0]
        await connection.execute_fetchall(VACUUM)
        return before, (await connection.execute_fetchall(FREE))[0][0]


def other():
    cursor = apsw.Connection(":memory:").cursor()
    for statement in FILL:
        cursor.execute(statement)
    before = list(cursor.execute(FREE))[0][0]
    list(cursor.execute(VACUUM))
    return before, list(cursor.execute(FREE))[0][0]


seen = {
    "sqlite3 execute + fetchall": standard(lambda connection: connection.execute(VACUUM).fetchall()),
    "aiosqlite execute_fetchall": asyncio.run(asynchronous()),
    "sqlite3 executescript": standard(lambda connection: connection.executescript(VACUUM)),
    "apsw": other(),
}
print("Python", sys.version.split()[0], "SQLite", sqlite3.sqlite_version, "apsw's SQLite", apsw.sqlite_lib_version())
for how, (before, after) in seen.items():
    print(f"{how:28} {before} -> {after}")
sys.exit(0 if [after for _, after in seen.values()] == [99, 99, 50, 50] else 1)
PYTHON
"$folder/venv/bin/python" "$folder/look.py"
