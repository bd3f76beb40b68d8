"""A Roundup issue tracker on a loopback port.

    python -m tests.endsystems.real_roundup_server PASSWORD FOLDER

It keeps the tracker in FOLDER, gives its user `admin` the password, and prints its base URL as one line once it serves. The first
line of every request that it has answered is in FOLDER/requests.log.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path

from roundup.admin import AdminTool
from roundup.cgi.wsgi_handler import RequestDispatcher

from tests.endsystems.real_wsgi import Server

REQUESTS = "requests.log"


def administer(folder: str, *command: str) -> None:
    """Run a command of `roundup-admin`."""
    sys.argv = ["roundup-admin", "-i", folder, *command]
    with redirect_stdout(sys.stderr):
        if AdminTool().main():
            raise SystemExit(f"roundup-admin {command[0]} failed")


def main(password: str, folder: str) -> None:
    with Server(log=Path(folder) / REQUESTS) as server:
        settings = {
            "tracker_web": f"{server.base_url}/",
            "mail_domain": "example.org",
            "mail_host": "localhost",
            "mail_debug": f"{folder}/mail",  # written there, never sent
        }
        administer(folder, "install", "classic", "sqlite", ",".join(f"{name}={value}" for name, value in settings.items()))
        administer(folder, "initialise", password)
        server.serve(RequestDispatcher(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
