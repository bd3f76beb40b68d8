"""How a command ends that cannot work here: with a reason in words and no traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from connector.cli.options import EXIT_CONFIGURATION, EXIT_FILES, EXIT_NOT_NOW, EXIT_NOT_YOURS
from connector.cli.printing import print_problems
from connector.model.errors import ConfigurationError, RefusedForNow
from connector.runtime.file_access import explained


@contextmanager
def explained_ends() -> Iterator[None]:
    """End the process with a code of its own if the configuration cannot work, cannot for now, or a file cannot be used."""
    try:
        yield
    except RefusedForNow as found:
        print_problems(found.problems, "It cannot be done for now. A later try may succeed")
        sys.exit(EXIT_NOT_NOW)
    except ConfigurationError as found:
        print_problems(found.problems)
        sys.exit(EXIT_CONFIGURATION)
    except OSError as problem:
        print_problems([explained(problem)], "A file cannot be used")
        sys.exit(EXIT_NOT_YOURS if isinstance(problem, PermissionError) else EXIT_FILES)
