#!/bin/sh
# pyre2 0.3.14 (RE2 for Python): a class that holds \S or \W is refused, although both RE2 and Python's re take it.
# With the flag ASCII it is taken; the flag is described as one for what \w and \s stand for, not for what may be written.
# And max_mem is no part of what compile() remembers a pattern by: a pattern that was compiled with much memory is
# returned for a call with little, and no "pattern too large" is raised until purge().
# Seen with Python 3.11:
#   re   [\s\S]          a match
#   re2  [\s\S]          error: \W and \S not supported inside character classes
#   re2  [\s\S] ASCII    a match
#   small first          error: pattern too large - compile failed
#   small after large    compiled
# Exits with 1 when this has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pyre2==0.3.14
"$folder/venv/bin/python" - <<'PYTHON'
import re
import sys

import re2

re2.set_fallback_notification(re2.FALLBACK_EXCEPTION)


def outcome(attempt):
    try:
        return "a match" if attempt() else "no match"
    except re.error as problem:
        return f"error: {problem}"


def compiled(**options):
    try:
        re2.compile(".{0,500}!", re2.ASCII, **options)
    except re.error as problem:
        return f"error: {problem}"
    return "compiled"


seen = {
    r"re   [\s\S]": outcome(lambda: re.compile(r"[\s\S]").search("\n")),
    r"re2  [\s\S]": outcome(lambda: re2.compile(r"[\s\S]").search("\n")),
    r"re2  [\s\S] ASCII": outcome(lambda: re2.compile(r"[\s\S]", re2.ASCII).search("\n")),
    "small first": compiled(max_mem=65536),
}
compiled()
seen["small after large"] = compiled(max_mem=65536)
for what, came in seen.items():
    print(f"{what:20} {came}")
expected = [
    "a match",
    "error: \\W and \\S not supported inside character classes",
    "a match",
    "error: pattern too large - compile failed",
    "compiled",
]
sys.exit([*seen.values()] != expected)
PYTHON
