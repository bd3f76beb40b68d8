"""For a process that is a test's own: leaves it no descriptor."""

import os
import resource

FEW = 128
"""Descriptors that such a process may have."""


def allow_few_descriptors() -> None:
    """Bound how many this process may have, for good; to be called at its start."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW))


def take_all_descriptors() -> list[int]:
    """Take every descriptor that this process may still have, and return them."""
    taken = []
    while True:
        try:
            taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            return taken
