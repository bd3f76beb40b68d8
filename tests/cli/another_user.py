"""The command `connector` of another user, who perhaps cannot read the sources: `python -m tests.cli.another_user UID ...`."""

import codecs
import io
import os
import pkgutil
import sys
from contextlib import redirect_stdout, suppress
from importlib import import_module

import connector
from connector.cli.main import main

NOBODY = 65_534

if __name__ == "__main__":
    import_module("rich.progress")  # all that a command imports when it runs is imported while that is allowed
    for module in pkgutil.walk_packages(connector.__path__, "connector."):
        if module.name != "connector.__main__":
            import_module(module.name)
    user, arguments = int(sys.argv[1]), sys.argv[2:]
    sys.argv[1:] = ["status", "--help"]
    with suppress(SystemExit), redirect_stdout(io.StringIO()):  # imports what the libraries import when they run
        main()
    sys.argv[1:] = arguments
    for encoding in ("ascii", "idna", "latin-1", "utf-8-sig"):
        codecs.lookup(encoding)
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    main()
