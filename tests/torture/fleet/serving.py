"""A script: a replica with an author's route. `python -m tests.torture.fleet.serving CONFIG TICK [older]`."""

import os
import sys
from pathlib import Path

from tests.e2e.older import become_older
from tests.torture.launched import serve_here
from tests.torture.life.serving import ROUTES

if __name__ == "__main__":
    if sys.argv[3:] == ["older"]:
        become_older()
    serve_here(Path(sys.argv[1]), routes=ROUTES, tick=float(sys.argv[2]), environ=os.environ)
