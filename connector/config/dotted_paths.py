"""What a configured dotted path leads to."""

from importlib import import_module


def imported(dotted_path: str, expected: str) -> object:
    """Import what a path such as `package.module.Class` leads to.

    Raises:
        LookupError: with `expected`, or with the name of a package that the module itself needs; never with the path.
    """
    module, _, attribute = dotted_path.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as missing:
        ours = missing.name is None or f"{module}.".startswith(f"{missing.name}.")
        raise LookupError(expected if ours else f"its module needs `{missing.name}`, which is not installed") from missing
    except (ImportError, AttributeError, TypeError, ValueError) as wrong:
        raise LookupError(expected) from wrong
