"""How many files and connections this process may have open."""

import sys


def allow_as_many_as_possible() -> None:
    """Raise the limit to what an administrator allows. It is lower by default, on Linux 1,024, for programs that use `select`.

    A cleanup has two connections, its caller's and that to the end system: a thousand at once would be beyond it.
    """
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - there is none for Windows

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
