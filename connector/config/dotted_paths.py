"""The object that a configured dotted path names."""

from importlib import import_module


def imported(dotted_path: str, expected: str) -> object:
    """Import the object that a path such as `package.module.Class` names.

    Raises:
        LookupError: with `expected`, or with the name of a missing package that the module needs. Never with the path,
            which may be a misplaced secret.
    """
    module, _, attribute = dotted_path.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as missing:
        # A missing package of the author's module is told; a wrong path of his own is not repeated.
        ours = missing.name is None or f"{module}.".startswith(f"{missing.name}.")
        raise LookupError(expected if ours else f"its module needs `{missing.name}`, which is not installed") from missing
    except (ImportError, AttributeError, TypeError, ValueError) as wrong:
        raise LookupError(expected) from wrong
